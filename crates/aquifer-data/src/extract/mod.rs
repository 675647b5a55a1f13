//! The main text of a web page: without menus, boxes, comments and what else surrounds it.
//!
//! Three steps. Elements that show nothing, or whose class, id or role says that they are no text, are left out. The
//! main element is one that is marked as such and holds enough of what is left (`articleBody`, `entry-content`,
//! `<article>`, `<main>`, …), else the one that holds most sentences and least else. Inside it lists of links, and headings of
//! nothing, go too. A page that has hardly a text, but describes one in JSON-LD, is taken at its word.
//!
//! ```
//! use aquifer_data::extract::{Format, extract};
//! let page = "<title>Rain - The Herald</title><nav><a href=/>Home</a></nav><article><h1>Rain</h1>\
//!             <p>It rained, and <b>nobody</b> minded.</p><ul><li>Not here<li>Not there</ul></article>";
//! let page = extract(page, Format::Markdown);
//! assert_eq!(page.text, "# Rain\n\nIt rained, and **nobody** minded.\n\n- Not here\n- Not there");
//! assert_eq!(page.title.as_deref(), Some("Rain - The Herald"));
//! ```

mod described;
mod parse;
mod render;
mod select;
mod tags;
mod text;
mod words;

use aquifer_corpus::Document;
use memchr::memmem;
use parse::{Attribute, Page};
use serde::{Deserialize, Serialize};
use tags::Tag;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// How the text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Paragraphs as lines; lists and tables keep their marks, emphasis and headings lose them.
    #[default]
    Text,
    /// Markdown: headings, lists, tables, quotes, code blocks and formulas keep theirs.
    Markdown,
}

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Its main text; empty if it has none.
    pub text: String,
    /// Its title: `og:title`, else `<title>`.
    pub title: Option<String>,
}

/// The main text of a page. Elements nested deeper than 400 hang from the last of these.
pub fn extract(html: &str, format: Format) -> Extracted {
    let page = Page::parse(html);
    let selection = select::select(&page, format);
    let text = render::render(&page, &selection, format);
    let text = match described::article_body(&page) {
        // What scripts would have put on the page stands there for search engines, at least.
        Some(body) if body.len() > 3 * text.len() => body,
        _ => text,
    };
    Extracted { text: settled(text), title: title(&page) }
}

/// Without soft hyphens, which show only where a line ends; letters and their marks composed (NFC).
fn settled(mut text: String) -> String {
    if !text.is_ascii() {
        if memmem::find(text.as_bytes(), "\u{AD}".as_bytes()).is_some() {
            text.retain(|c| c != '\u{AD}');
        }
        if is_nfc_quick(text.chars()) != IsNormalized::Yes {
            text = text.nfc().collect();
        }
    }
    text
}

/// Whether a document is a page whose text was not taken out yet, as readers of web archives hand them out.
pub fn is_page(document: &Document) -> bool {
    let media = document.metadata.get("content_type").and_then(|media| media.as_str());
    matches!(media, Some("text/html" | "application/xhtml+xml"))
}

fn title(page: &Page) -> Option<String> {
    let named = |&i: &usize| {
        page.nodes[i].tag == Tag::Meta && page.attribute(i, Attribute::Property).is_some_and(|name| name == "og:title")
    };
    let open_graph = (0..page.nodes.len()).find(named).and_then(|i| page.attribute(i, Attribute::Content));
    let element = || {
        let title = (0..page.nodes.len()).find(|&i| page.nodes[i].tag == Tag::Title)?;
        page.children(title).next().map(|text| page.nodes[text].text)
    };
    let title = render::unescaped(open_graph.or_else(element)?);
    let words: Vec<&str> = title.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests;
