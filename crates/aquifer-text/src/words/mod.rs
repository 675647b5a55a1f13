//! Words and sentences as the tools cut them that published corpora were filtered with.
//!
//! Rules that count words give other numbers with another cut. datatrove's is spaCy's, so this is spaCy's too, exactly
//! (3.8, the blank pipelines `en` and `xx` with its `sentencizer`; for Chinese jieba, as spaCy calls it).
//!
//! ```
//! use aquifer_text::words::{Language, Splitter};
//! let mut splitter = Splitter::new(Language::English);
//! let text = "Don't go (to the U.S.). It's late!";
//! let tokens = splitter.split(text);
//! let words: Vec<&str> = tokens.iter().filter(|t| !t.is_space()).map(|t| t.of(text)).collect();
//! assert_eq!(words, ["Do", "n't", "go", "(", "to", "the", "U.S.", ")", ".", "It", "'s", "late", "!"]);
//! assert_eq!(aquifer_text::words::sentences(&tokens).len(), 2);
//! ```

mod address;
mod affixes;
mod cache;
pub mod characters;
mod chinese;
mod classes;
mod exceptions;
mod merge;
mod rules;
mod sentences;
mod splitter;

pub use sentences::sentences;
pub use splitter::{Language, Splitter, with_splitter};

/// A word, a punctuation mark, or a stretch of white space that is more than one space between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its first byte.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// Its length in characters.
    pub chars: u32,
    traits: Traits,
}

/// What is known of a token's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traits(u8);

impl Traits {
    const SPACE: u8 = 1;
    const PUNCTUATION: u8 = 2;
    const ENDS_SENTENCE: u8 = 4;
    const BEGINS_PHRASE: u8 = 8;

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

impl Token {
    /// Its text.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start as usize..self.end as usize]
    }

    /// Whether it is white space.
    pub fn is_space(&self) -> bool {
        self.traits.has(Traits::SPACE)
    }

    /// Whether every character is punctuation by its category.
    pub fn is_punctuation(&self) -> bool {
        self.traits.has(Traits::PUNCTUATION)
    }

    /// Whether it is a single mark that may end a sentence.
    pub fn ends_sentence(&self) -> bool {
        self.traits.has(Traits::ENDS_SENTENCE)
    }
}
