//! HTML to a tree, in one pass over the bytes.
//!
//! Forgiving in the ways that matter to text, after the WHATWG's tree construction
//! (<https://html.spec.whatwg.org/#tree-construction>): missing end tags, paragraphs closed by blocks, stray end tags,
//! contents that are no markup. Left out: moving misplaced table contents and reopening formatting elements, which
//! change where text stands on a page but hardly which text it is. In return nodes lie in document order, a subtree is
//! a range of them, and a page is parsed at the speed of a few `memchr`s.

use super::tags::Tag;
use memchr::{memchr, memmem};

/// A page as a tree: nodes in document order.
pub(super) struct Page<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    attributes: Vec<(Attribute, &'a str)>,
}

/// An element or a text.
pub(super) struct Node<'a> {
    pub(super) tag: Tag,
    pub(super) parent: u32,
    /// One behind its last descendant.
    pub(super) end: u32,
    /// Of a text, as written, character references and all.
    pub(super) text: &'a str,
    /// Range of its attributes.
    attributes: (u32, u32),
}

/// Attributes that are looked at; others are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Class,
    Id,
    Role,
    ItemProp,
    Style,
    Hidden,
    AriaHidden,
    Href,
    Name,
    Property,
    Content,
    Type,
    Encoding,
    Alt,
    Start,
    Display,
}

impl Attribute {
    fn of(name: &[u8]) -> Option<Attribute> {
        use Attribute::*;
        Some(match name {
            b"class" => Class,
            b"id" => Id,
            b"role" => Role,
            b"itemprop" => ItemProp,
            b"style" => Style,
            b"hidden" => Hidden,
            b"aria-hidden" => AriaHidden,
            b"href" => Href,
            b"name" => Name,
            b"property" => Property,
            b"content" => Content,
            b"type" => Type,
            b"encoding" => Encoding,
            b"alt" => Alt,
            b"start" => Start,
            b"display" => Display,
            _ => return None,
        })
    }
}

/// Elements may be nested this deep; what is deeper hangs from the last of them.
const MAX_DEPTH: usize = 400;

impl<'a> Page<'a> {
    pub(super) fn parse(html: &'a str) -> Self {
        let mut builder = Builder {
            html,
            page: Page { nodes: Vec::with_capacity(html.len() / 40), attributes: Vec::with_capacity(html.len() / 80) },
            open: Vec::with_capacity(64),
            paragraphs: 0,
            in_head: false,
        };
        builder.run();
        builder.page
    }

    /// The value of an attribute, as written.
    pub(super) fn attribute(&self, node: usize, which: Attribute) -> Option<&'a str> {
        let (from, to) = self.nodes[node].attributes;
        self.attributes[from as usize..to as usize].iter().find(|(name, _)| *name == which).map(|(_, value)| *value)
    }

    /// Its children, in order.
    pub(super) fn children(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let (mut at, end) = (node + 1, self.nodes[node].end as usize);
        std::iter::from_fn(move || {
            let child = at;
            (child < end).then(|| {
                at = self.nodes[child].end as usize;
                child
            })
        })
    }
}

struct Builder<'a> {
    html: &'a str,
    page: Page<'a>,
    /// Open elements, the root first.
    open: Vec<u32>,
    /// How many of them are paragraphs, and whether the head is: both are asked for at every block.
    paragraphs: usize,
    in_head: bool,
}

impl<'a> Builder<'a> {
    fn run(&mut self) {
        let (html, mut at) = (self.html, 0);
        let bytes = html.as_bytes();
        self.push(Tag::Html, (0, 0));
        while at < bytes.len() {
            let next = memchr(b'<', &bytes[at..]).map_or(bytes.len(), |n| at + n);
            self.text(&html[at..next]);
            if next == bytes.len() {
                break;
            }
            at = match bytes.get(next + 1) {
                Some(b'!') if bytes[next..].starts_with(b"<!--") => {
                    memmem::find(&bytes[next + 4..], b"-->").map_or(bytes.len(), |n| next + 4 + n + 3)
                }
                Some(b'!' | b'?') => memchr(b'>', &bytes[next..]).map_or(bytes.len(), |n| next + n + 1),
                Some(b'/') if bytes.get(next + 2).is_some_and(u8::is_ascii_alphabetic) => self.end_tag(next + 2),
                Some(b'/') => memchr(b'>', &bytes[next..]).map_or(bytes.len(), |n| next + n + 1),
                Some(byte) if byte.is_ascii_alphabetic() => self.start_tag(next + 1),
                _ => {
                    self.text(&html[next..next + 1]);
                    next + 1
                }
            };
        }
        while !self.open.is_empty() {
            self.pop();
        }
    }

    fn text(&mut self, text: &'a str) {
        if !text.is_empty() {
            let (at, parent) = (self.page.nodes.len() as u32, self.parent());
            self.page.nodes.push(Node { tag: Tag::Text, parent, end: at + 1, text, attributes: (0, 0) });
        }
    }

    fn parent(&self) -> u32 {
        self.open.last().copied().unwrap_or(0)
    }

    fn push(&mut self, tag: Tag, attributes: (u32, u32)) {
        let (at, parent) = (self.page.nodes.len() as u32, self.parent());
        self.page.nodes.push(Node { tag, parent, end: at + 1, text: "", attributes });
        if !tag.is_void() && self.open.len() < MAX_DEPTH {
            self.open.push(at);
            self.paragraphs += usize::from(tag == Tag::P);
            self.in_head |= tag == Tag::Head;
        }
    }

    fn pop(&mut self) {
        if let Some(at) = self.open.pop() {
            let end = self.page.nodes.len() as u32;
            let node = &mut self.page.nodes[at as usize];
            node.end = end;
            self.paragraphs -= usize::from(node.tag == Tag::P);
            self.in_head &= node.tag != Tag::Head;
        }
    }

    fn tag_at(&self, depth: usize) -> Tag {
        self.page.nodes[self.open[depth] as usize].tag
    }

    /// Closes the innermost open element that `is`, and all inside it, unless one that `bounds` lies between.
    fn close(&mut self, is: impl Fn(Tag) -> bool, bounds: impl Fn(Tag) -> bool) {
        // The root stays open until the end.
        for depth in (1..self.open.len()).rev() {
            let tag = self.tag_at(depth);
            if is(tag) {
                while self.open.len() > depth {
                    self.pop();
                }
                return;
            }
            if bounds(tag) {
                return;
            }
        }
    }

    fn start_tag(&mut self, at: usize) -> usize {
        let (tag, at) = self.name(at);
        let first = self.page.attributes.len() as u32;
        let (at, closed) = self.read_attributes(at);
        let attributes = (first, self.page.attributes.len() as u32);
        self.implied_ends(tag);
        if tag == Tag::Html || (tag == Tag::Body && (1..self.open.len()).any(|depth| self.tag_at(depth) == Tag::Body)) {
            return at;
        }
        self.push(tag, attributes);
        if tag.is_raw() {
            return self.raw_text(tag, at);
        }
        if closed && !tag.is_void() && matches!(tag, Tag::Svg | Tag::Math | Tag::Other) {
            self.close(|open| open == tag, |_| true);
        }
        at
    }

    /// The name at `at`, in any case.
    fn name(&self, at: usize) -> (Tag, usize) {
        let bytes = self.html.as_bytes();
        let mut lower = [0; 12];
        let mut end = at;
        while let Some(&byte) =
            bytes.get(end).filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0C' | b'/' | b'>'))
        {
            if end - at < lower.len() {
                lower[end - at] = byte.to_ascii_lowercase();
            }
            end += 1;
        }
        (if end - at <= lower.len() { Tag::of(&lower[..end - at]) } else { Tag::Other }, end)
    }

    /// Reads on to behind the tag's `>`; true if it ended with `/>`.
    fn read_attributes(&mut self, mut at: usize) -> (usize, bool) {
        let (html, bytes) = (self.html, self.html.as_bytes());
        loop {
            while bytes.get(at).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'/') {
                at += 1;
            }
            match bytes.get(at) {
                None => return (bytes.len(), false),
                Some(b'>') => return (at + 1, bytes[at - 1] == b'/'),
                Some(_) => {}
            }
            let name = at;
            at += 1;
            while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>' | b'/')) {
                at += 1;
            }
            let mut lower = [0; 12];
            let length = at - name;
            let known = (length <= lower.len()).then(|| {
                lower[..length].copy_from_slice(&bytes[name..at]);
                lower[..length].make_ascii_lowercase();
                Attribute::of(&lower[..length])
            });
            let mut after = at;
            while bytes.get(after).is_some_and(u8::is_ascii_whitespace) {
                after += 1;
            }
            let mut value = "";
            if bytes.get(after) == Some(&b'=') {
                at = after + 1;
                while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
                match bytes.get(at) {
                    Some(&quote @ (b'"' | b'\'')) => {
                        let end = memchr(quote, &bytes[at + 1..]).map_or(bytes.len(), |n| at + 1 + n);
                        value = &html[at + 1..end];
                        at = (end + 1).min(bytes.len());
                    }
                    _ => {
                        let start = at;
                        while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace() && *byte != b'>') {
                            at += 1;
                        }
                        value = &html[start..at];
                    }
                }
            }
            if let Some(attribute) = known.flatten() {
                self.page.attributes.push((attribute, value));
            }
        }
    }

    /// What is not markup: up to the element's own end tag.
    fn raw_text(&mut self, tag: Tag, at: usize) -> usize {
        let bytes = self.html.as_bytes();
        let mut from = at;
        let (end, after) = loop {
            match memchr(b'<', &bytes[from..]).map(|n| from + n) {
                None => break (bytes.len(), bytes.len()),
                Some(next) if bytes[next..].starts_with(b"</") && self.name(next + 2).0 == tag => {
                    break (next, memchr(b'>', &bytes[next..]).map_or(bytes.len(), |n| next + n + 1));
                }
                Some(next) => from = next + 1,
            }
        };
        if tag != Tag::Style {
            self.text(&self.html[at..end]);
        }
        self.pop();
        after
    }

    fn end_tag(&mut self, at: usize) -> usize {
        let (tag, end) = self.name(at);
        let after = memchr(b'>', &self.html.as_bytes()[end..]).map_or(self.html.len(), |n| end + n + 1);
        match tag {
            Tag::Html | Tag::Body => {}
            Tag::Other if self.open.len() > 1 && self.tag_at(self.open.len() - 1) == Tag::Other => self.pop(),
            Tag::Other => {}
            Tag::Br => self.push(Tag::Br, (0, 0)),
            _ if tag.heading().is_some() => self.close(|open| open.heading().is_some(), is_cell),
            Tag::Table => self.close(|open| open == tag, |_| false),
            Tag::Td | Tag::Th | Tag::Tr | Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Caption => {
                self.close(|open| open == tag, |open| open == Tag::Table);
            }
            _ if tag.is_block() => self.close(|open| open == tag, is_cell),
            _ => self.close(|open| open == tag, Tag::is_block),
        }
        after
    }

    /// Elements that end because `tag` begins.
    fn implied_ends(&mut self, tag: Tag) {
        // Anything that shows something ends the head of a page that does not end it.
        if self.in_head && (tag.is_block() || tag == Tag::A) && tag != Tag::Html {
            self.close(|open| open == Tag::Head, |_| false);
        }
        match tag {
            Tag::Li => self.close(|open| open == Tag::Li, |open| matches!(open, Tag::Ul | Tag::Ol) || is_cell(open)),
            Tag::Dt | Tag::Dd => {
                self.close(|open| matches!(open, Tag::Dt | Tag::Dd), |open| open == Tag::Dl || is_cell(open));
            }
            Tag::Td | Tag::Th => {
                self.close(|open| matches!(open, Tag::Td | Tag::Th), |open| matches!(open, Tag::Tr | Tag::Table));
            }
            Tag::Tr => self.close(|open| open == Tag::Tr, |open| open == Tag::Table),
            Tag::Tbody | Tag::Thead | Tag::Tfoot => {
                let group = |open| matches!(open, Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Caption);
                self.close(group, |open| open == Tag::Table);
            }
            Tag::Option => self.close(|open| open == Tag::Option, |open| open != Tag::Option),
            Tag::A => self.close(|open| open == Tag::A, Tag::is_block),
            _ => {}
        }
        if self.paragraphs > 0
            && tag.is_block()
            && !is_cell(tag)
            && !matches!(tag, Tag::Html | Tag::Body | Tag::Tr | Tag::Tbody | Tag::Thead | Tag::Tfoot)
        {
            self.close(|open| open == Tag::P, |open| is_cell(open) || open == Tag::Button);
        }
    }
}

/// What is inside such an element does not end what is outside.
fn is_cell(tag: Tag) -> bool {
    matches!(tag, Tag::Table | Tag::Td | Tag::Th | Tag::Caption | Tag::Iframe)
}
