//! What rules look at: a document, and the views of its text that several of them need, each made once.

use super::characters;
use aquifer_corpus::Document;
pub(super) use aquifer_text::words::with_splitter;
use aquifer_text::words::{Language, Token};
use std::cell::{OnceCell, RefCell};

/// One document under measurement.
pub struct Page<'a> {
    document: &'a Document,
    filled_lines: OnceCell<Vec<&'a str>>,
    lines: OnceCell<Vec<&'a str>>,
    length: OnceCell<usize>,
    words: RefCell<Vec<(Language, std::rc::Rc<[Token]>)>>,
}

impl<'a> Page<'a> {
    /// A page for one version of a document's text.
    pub fn new(document: &'a Document) -> Self {
        Page {
            document,
            filled_lines: OnceCell::new(),
            lines: OnceCell::new(),
            length: OnceCell::new(),
            words: RefCell::default(),
        }
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
        self.filled_lines.get_or_init(|| self.text().lines().map(str::trim).filter(|line| !line.is_empty()).collect())
    }

    /// All lines, as Python's `splitlines` cuts them.
    pub fn lines(&self) -> &[&'a str] {
        self.lines.get_or_init(|| characters::lines(self.text()))
    }

    /// The length of the text in code points.
    pub fn length(&self) -> usize {
        *self.length.get_or_init(|| characters::length(self.text()))
    }

    /// Its words and punctuation marks, without white space.
    pub fn words(&self, language: Language) -> std::rc::Rc<[Token]> {
        let mut words = self.words.borrow_mut();
        if let Some((_, tokens)) = words.iter().find(|(l, _)| *l == language) {
            return tokens.clone();
        }
        let tokens = with_splitter(language, |splitter| splitter.split(self.text()));
        let tokens: std::rc::Rc<[Token]> = tokens.into_iter().filter(|token| !token.is_space()).collect();
        words.push((language, tokens.clone()));
        tokens
    }
}
