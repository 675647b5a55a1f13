//! What rules look at: a document, and the views of its text that several of them need, each made once.

use aquifer_corpus::Document;
use std::cell::OnceCell;

/// One document under measurement.
pub struct Page<'a> {
    document: &'a Document,
    lines: OnceCell<Vec<&'a str>>,
}

impl<'a> Page<'a> {
    /// A page for one version of a document's text.
    pub fn new(document: &'a Document) -> Self {
        Page { document, lines: OnceCell::new() }
    }

    /// The text of this version.
    pub fn text(&self) -> &'a str {
        &self.document.text
    }

    /// The document itself: its id and metadata.
    pub fn document(&self) -> &'a Document {
        self.document
    }

    /// The lines that are not blank, without white space around them.
    pub fn filled_lines(&self) -> &[&'a str] {
        self.lines.get_or_init(|| self.text().lines().map(str::trim).filter(|line| !line.is_empty()).collect())
    }
}
