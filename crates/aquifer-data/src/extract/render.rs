//! A selection as plain text or as Markdown.

use super::Format;
use super::parse::{Attribute, Page};
use super::select::Selection;
use super::tags::Tag;
use std::borrow::Cow;

pub(super) fn render(page: &Page, selection: &Selection, format: Format) -> String {
    let (dropped, out, prefix) = (&selection.dropped[..], String::new(), String::new());
    let mut writer = Writer {
        page,
        dropped,
        format,
        out,
        gap: Gap::None,
        led: false,
        marked: usize::MAX,
        prefix,
        shared: 0,
        pre: 0,
    };
    for &root in &selection.roots {
        writer.node(root);
        writer.block();
    }
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

/// What has to stand before the next word.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Gap {
    None,
    Space,
    Line,
    Block,
}

struct Writer<'p> {
    page: &'p Page<'p>,
    dropped: &'p [bool],
    format: Format,
    out: String,
    gap: Gap,
    /// Whether white space came before the first word.
    led: bool,
    /// Where `out` ended after the mark of a list item: its first block stands right behind it.
    marked: usize,
    /// Before every line: `> ` of quotes, the depth of lists.
    prefix: String,
    /// How much of it has stood there since the last line.
    shared: usize,
    /// Whether white space is kept.
    pre: usize,
}

impl Writer<'_> {
    fn at_least(&mut self, gap: Gap) {
        if self.gap < gap {
            self.gap = gap;
        }
    }

    fn block(&mut self) {
        self.at_least(Gap::Block);
    }

    fn node(&mut self, i: usize) {
        if self.dropped[i] {
            return;
        }
        let node = &self.page.nodes[i];
        match node.tag {
            Tag::Text => self.text(node.text),
            Tag::Br => self.at_least(Gap::Line),
            Tag::Hr => self.block(),
            Tag::Img => {}
            Tag::Script | Tag::Math => self.formula(i),
            Tag::Pre => self.code_block(i),
            Tag::Code | Tag::Kbd | Tag::Samp | Tag::Tt if self.format == Format::Markdown && self.pre == 0 => {
                self.around(i, "`");
            }
            Tag::Strong | Tag::B if self.format == Format::Markdown && self.pre == 0 => self.around(i, "**"),
            Tag::Em | Tag::I if self.format == Format::Markdown && self.pre == 0 => self.around(i, "*"),
            Tag::Table => self.table(i),
            Tag::Ul | Tag::Ol => self.list(i),
            Tag::Blockquote if self.format == Format::Markdown => {
                self.block();
                let before = self.prefix.len();
                self.prefix.push_str("> ");
                self.children(i);
                self.shorten(before);
                self.block();
            }
            tag if tag.is_block() => {
                self.block();
                let shows = self.page.children(i).any(|child| !self.dropped[child]);
                if let Some(level) = tag.heading().filter(|_| shows && self.format == Format::Markdown) {
                    self.word(&format!("{} ", "#".repeat(level)));
                }
                self.children(i);
                self.block();
            }
            _ => self.children(i),
        }
    }

    fn children(&mut self, i: usize) {
        let page = self.page;
        page.children(i).for_each(|child| self.node(child));
    }

    /// An inline element between marks, unless it reaches over several lines.
    fn around(&mut self, i: usize, mark: &str) {
        let breaks = |n: usize| self.page.nodes[n].tag.is_block() || self.page.nodes[n].tag == Tag::Br;
        if (i + 1..self.page.nodes[i].end as usize).any(breaks) {
            return self.children(i);
        }
        let mut inner = self.apart(self.format, 0);
        inner.children(i);
        let text = inner.out.trim();
        if inner.led {
            self.at_least(Gap::Space);
        }
        if !text.is_empty() {
            self.word(&format!("{mark}{text}{mark}"));
            self.gap = inner.gap;
        }
    }

    /// A writer of its own for a part of the page.
    fn apart(&self, format: Format, pre: usize) -> Self {
        let (page, dropped) = (self.page, self.dropped);
        Writer {
            page,
            dropped,
            format,
            out: String::new(),
            gap: Gap::None,
            led: false,
            marked: usize::MAX,
            prefix: String::new(),
            shared: 0,
            pre,
        }
    }

    /// Text with its white space collapsed, unless it is preformatted.
    fn text(&mut self, text: &str) {
        let text = unescaped(text);
        if self.pre > 0 {
            self.flush();
            for (n, line) in text.split('\n').enumerate() {
                if n > 0 {
                    self.out.push('\n');
                    self.out.push_str(&self.prefix);
                }
                self.out.push_str(line.trim_end_matches('\r'));
            }
            return;
        }
        let blank = |c: char| c.is_ascii_whitespace() || c == '\u{A0}';
        if text.starts_with(blank) && self.gap == Gap::None {
            self.gap = Gap::Space;
            self.led |= self.out.is_empty();
        }
        for word in text.split(blank).filter(|word| !word.is_empty()) {
            self.word(word);
            self.gap = Gap::Space;
        }
        if !text.ends_with(blank) && self.gap == Gap::Space && text.chars().any(|c| !blank(c)) {
            self.gap = Gap::None;
        }
    }

    fn word(&mut self, word: &str) {
        self.flush();
        self.out.push_str(word);
    }

    fn flush(&mut self) {
        if self.out.is_empty() {
            self.out.push_str(&self.prefix);
        } else if self.out.len() != self.marked {
            match (self.gap, self.format) {
                (Gap::None, _) => {}
                (Gap::Space, _) => self.out.push(' '),
                (Gap::Line, _) | (Gap::Block, Format::Text) => {
                    self.out.push('\n');
                    self.out.push_str(&self.prefix);
                }
                (Gap::Block, Format::Markdown) => {
                    self.out.push('\n');
                    self.out.push_str(self.prefix[..self.shared].trim_end());
                    self.out.push('\n');
                    self.out.push_str(&self.prefix);
                }
            }
        }
        self.gap = Gap::None;
        self.shared = self.prefix.len();
    }

    fn shorten(&mut self, prefix: usize) {
        self.prefix.truncate(prefix);
        self.shared = self.shared.min(prefix);
    }

    fn list(&mut self, i: usize) {
        let page = self.page;
        let nested = !self.prefix.is_empty() && !self.prefix.ends_with("> ");
        if nested {
            self.at_least(Gap::Line)
        } else {
            self.block()
        }
        let mut number: usize =
            page.attribute(i, Attribute::Start).and_then(|start| start.trim().parse().ok()).unwrap_or(1);
        let mut first = true;
        for child in page.children(i) {
            if page.nodes[child].tag != Tag::Li {
                self.node(child);
                continue;
            }
            if self.dropped[child] {
                continue;
            }
            let mark = if page.nodes[i].tag == Tag::Ol { format!("{number}. ") } else { "- ".to_owned() };
            number = number.saturating_add(1);
            if !first || self.gap < Gap::Line {
                self.gap = Gap::Line;
            }
            first = false;
            let (length, gap) = (self.out.len(), self.gap);
            self.word(&mark);
            let marked = self.out.len();
            let before = self.prefix.len();
            self.prefix.push_str(&" ".repeat(mark.len()));
            self.marked = marked;
            self.children(child);
            self.shorten(before);
            if self.out.len() == marked {
                self.out.truncate(length);
                self.gap = gap;
            } else {
                self.gap = Gap::Line;
            }
        }
        if nested { self.gap = Gap::Line } else { self.block() }
    }

    fn table(&mut self, i: usize) {
        self.block();
        let Some(rows) = self.rows(i) else {
            self.children(i);
            return self.block();
        };
        let wide = rows.iter().map(Vec::len).max().unwrap_or(0);
        for (n, row) in rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())).enumerate() {
            let mut line = String::from("|");
            for cell in 0..wide {
                line.push(' ');
                line.push_str(
                    &row.get(cell).map(|cell| cell.replace('\n', " ").replace('|', "\\|")).unwrap_or_default(),
                );
                line.push_str(" |");
            }
            self.word(&line);
            self.gap = Gap::Line;
            if n == 0 && self.format == Format::Markdown {
                self.word(&format!("|{}", " --- |".repeat(wide)));
                self.gap = Gap::Line;
            }
        }
        self.block();
    }

    /// The cells of a table; `None` of one that is there for the layout: with one column, another table or blocks
    /// of code inside, or whole articles in its cells.
    fn rows(&self, table: usize) -> Option<Vec<Vec<String>>> {
        let page = self.page;
        let end = page.nodes[table].end as usize;
        let holds_table = (table + 1..end).any(|n| page.nodes[n].tag == Tag::Table);
        let (mut rows, mut i): (Vec<Vec<String>>, usize) = (Vec::new(), if holds_table { end } else { table + 1 });
        while i < end {
            let node = &page.nodes[i];
            match node.tag {
                _ if self.dropped[i] => i = node.end as usize,
                Tag::Tr => {
                    rows.push(Vec::new());
                    i += 1;
                }
                Tag::Td | Tag::Th => {
                    let holds_code = (i..node.end as usize).any(|n| page.nodes[n].tag == Tag::Pre && !self.dropped[n]);
                    if holds_code {
                        return None;
                    }
                    let mut cell = self.apart(self.format, 0);
                    cell.children(i);
                    let cell = cell.out.trim();
                    if cell.len() > 1000 || cell.contains("\n\n") || cell.lines().count() > 6 {
                        return None;
                    }
                    match rows.last_mut() {
                        Some(row) => row.push(cell.to_owned()),
                        None => rows.push(vec![cell.to_owned()]),
                    }
                    i = node.end as usize;
                }
                _ => i += 1,
            }
        }
        rows.iter().any(|row| row.len() > 1).then_some(rows)
    }

    fn code_block(&mut self, i: usize) {
        self.block();
        let mut inner = self.apart(Format::Text, 1);
        inner.children(i);
        let code = inner.out.trim_matches('\n').trim_end();
        if code.is_empty() {
            return;
        }
        let fence = if code.contains("```") { "````" } else { "```" };
        let fenced = self.format == Format::Markdown;
        if fenced {
            let language = self.language(i).unwrap_or_default();
            self.word(&format!("{fence}{language}"));
            self.gap = Gap::Line;
        }
        for line in code.split('\n') {
            self.word(line);
            self.gap = Gap::Line;
        }
        if fenced {
            self.word(fence);
        }
        self.block();
    }

    /// The language that a block of code, or the element it consists of, names as highlighters do: `language-rust`.
    fn language(&self, i: usize) -> Option<&str> {
        let inner = self.page.children(i).find(|&child| self.page.nodes[child].tag == Tag::Code);
        let classes = [Some(i), inner].into_iter().flatten().filter_map(|n| self.page.attribute(n, Attribute::Class));
        let named = |class: &'_ str| -> Option<usize> {
            let named = ["language-", "lang-"].iter().find(|start| class.starts_with(**start))?;
            let name = &class[named.len()..];
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'#' | b'_'));
            (!name.is_empty() && plain && name.len() <= 20).then_some(named.len())
        };
        classes.flat_map(str::split_ascii_whitespace).find_map(|class| Some(&class[named(class)?..]))
    }

    /// A formula in TeX, where the page has it.
    fn formula(&mut self, i: usize) {
        let page = self.page;
        let (tag, end) = (page.nodes[i].tag, page.nodes[i].end as usize);
        let tex = if tag == Tag::Script {
            page.children(i).next().map(|text| page.nodes[text].text)
        } else {
            let tex = |&n: &usize| {
                page.nodes[n].tag == Tag::Annotation
                    && page.attribute(n, Attribute::Encoding).is_some_and(|encoding| encoding.contains("tex"))
            };
            (i..end).find(tex).and_then(|n| page.children(n).next()).map(|text| page.nodes[text].text)
        };
        match tex {
            Some(tex) => {
                let tex = unescaped(tex);
                let words: Vec<&str> = tex.split_whitespace().collect();
                let block = match tag {
                    Tag::Script => page.attribute(i, Attribute::Type).is_some_and(|kind| kind.contains("mode=display")),
                    _ => page.attribute(i, Attribute::Display) == Some("block"),
                };
                let mark = if block { "$$" } else { "$" };
                self.word(&format!("{mark}{}{mark}", words.join(" ")));
            }
            None => self.children(i),
        }
    }
}

/// Character references replaced by what they stand for.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() { Cow::Borrowed(text) } else { htmlize::unescape(text) }
}
