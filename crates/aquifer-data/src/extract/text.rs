//! How much text there is, of which kind, below every element.

use super::parse::{Attribute, Page};
use super::tags::Tag;

/// Sums over the text below an element that is not dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    /// Characters that show; those of scripts without spaces count twice, for they say more.
    pub(super) text: u32,
    /// Of these, inside links.
    pub(super) links: u32,
    /// Of these, in paragraphs, quotes and code, not links.
    pub(super) prose: u32,
    /// Commas and full stops.
    pub(super) stops: u32,
    /// Paragraphs that hold a sentence.
    pub(super) paragraphs: u32,
    /// Links.
    pub(super) anchors: u32,
}

impl Amount {
    /// The part of the text that is links, from 0 to 1.
    pub(super) fn link_density(&self) -> f32 {
        if self.text == 0 { 0.0 } else { self.links as f32 / self.text as f32 }
    }
}

/// For every node; `dropped` ones count nothing.
pub(super) fn amounts(page: &Page, dropped: &[bool]) -> Vec<Amount> {
    let mut amounts = vec![Amount::default(); page.nodes.len()];
    // Forward: what kind of text a node is in.
    let (mut in_link, mut in_prose) = (0_usize, 0_usize);
    for (i, node) in page.nodes.iter().enumerate() {
        match node.tag {
            Tag::A if page.attribute(i, Attribute::Href).is_some() => {
                in_link = in_link.max(node.end as usize);
                amounts[i].anchors = 1;
            }
            Tag::P | Tag::Blockquote | Tag::Pre => in_prose = in_prose.max(node.end as usize),
            Tag::Text if !dropped[i] => {
                let (text, stops) = measure(node.text);
                let amount = &mut amounts[i];
                (amount.text, amount.stops) = (text, stops);
                if i < in_link {
                    amount.links = text;
                } else if i < in_prose {
                    amount.prose = text;
                }
            }
            _ => {}
        }
    }
    // Backward: children lie behind their parents.
    for i in (1..page.nodes.len()).rev() {
        if dropped[i] {
            amounts[i] = Amount::default();
            continue;
        }
        if page.nodes[i].tag == Tag::P && amounts[i].text >= 40 && amounts[i].link_density() < 0.5 {
            amounts[i].paragraphs += 1;
        }
        let own = amounts[i];
        let parent = &mut amounts[page.nodes[i].parent as usize];
        parent.text += own.text;
        parent.links += own.links;
        parent.prose += own.prose;
        parent.stops += own.stops;
        parent.paragraphs += own.paragraphs;
        parent.anchors += own.anchors;
    }
    amounts
}

/// Characters that show, and stops among them.
fn measure(text: &str) -> (u32, u32) {
    let (mut shown, mut stops, mut space) = (0, 0, true);
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let byte = bytes[i];
        i += 1;
        if byte < 0x80 {
            let blank = byte.is_ascii_whitespace();
            shown += u32::from(!blank || !space);
            space = blank;
            stops += u32::from(matches!(byte, b',' | b'.'));
        } else if byte >= 0xC0 {
            // E3 80 81 and 82 are the ideographic comma and full stop, EF BC 8C the full-width comma.
            let wide = byte >= 0xE3;
            shown += 1 + u32::from(wide);
            let rest = (bytes.get(i), bytes.get(i + 1));
            let stop =
                matches!((byte, rest), (0xE3, (Some(0x80), Some(0x81 | 0x82))) | (0xEF, (Some(0xBC), Some(0x8C))));
            stops += u32::from(stop);
            space = false;
        }
    }
    (shown, stops)
}
