//! Shingles: the hashes of all runs of n words of a simplified text, which say what two texts have in common.
//!
//! What deduplication compares documents by, and what an index of evaluation sets is made of. Simplification, n-grams and
//! hashes are those of datatrove 0.10 (`utils/text.py`, `utils/hashing.py`), so that both count the same things.

mod cuts;
mod hash;
mod simplify;

pub use cuts::{Cuts, sentences, white_space_words, words};
pub use hash::Hash;
pub use simplify::Simplify;

use std::ops::Range;

/// How texts become shingles.
#[derive(Clone)]
pub struct Shingler {
    /// Words in a shingle.
    pub n: usize,
    /// What is made equal first.
    pub simplify: Simplify,
    /// Of the words, joined by single spaces.
    pub hash: Hash,
    /// Where words begin and end in the simplified text.
    pub words: Cuts,
}

impl Shingler {
    /// Runs of `n` words, simplified and hashed as datatrove does by default.
    pub fn new(n: usize, words: Cuts) -> Self {
        Shingler { n: n.max(1), simplify: Simplify::default(), hash: Hash::default(), words }
    }

    /// The text simplified and cut into words.
    pub fn words_of(&self, text: &str) -> SpacedWords {
        let simple = self.simplify.apply(text);
        let mut found = Vec::new();
        (self.words)(&simple, &mut found);
        SpacedWords::new(&simple, &found)
    }

    /// The hash of every run of n words, in order; none for a text of fewer words.
    pub fn shingles(&self, text: &str) -> Vec<u64> {
        let words = self.words_of(text);
        words.runs(self.n).map(|run| self.hash.of(run.as_bytes())).collect()
    }
}

/// Words joined by single spaces, so that every run of them is a piece of one string.
#[derive(Clone, Debug, Default)]
pub struct SpacedWords {
    joined: String,
    words: Vec<(usize, usize)>,
}

impl SpacedWords {
    /// The words of `text` that lie at `ranges`.
    pub fn new(text: &str, ranges: &[Range<usize>]) -> Self {
        let mut joined = String::with_capacity(text.len() + ranges.len());
        let mut words = Vec::with_capacity(ranges.len());
        for range in ranges {
            if !joined.is_empty() {
                joined.push(' ');
            }
            let start = joined.len();
            joined.push_str(&text[range.clone()]);
            words.push((start, joined.len()));
        }
        SpacedWords { joined, words }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words of `range`, joined.
    pub fn span(&self, range: Range<usize>) -> &str {
        match range.is_empty() {
            true => "",
            false => &self.joined[self.words[range.start].0..self.words[range.end - 1].1],
        }
    }

    /// Every run of `n` words, in order.
    pub fn runs(&self, n: usize) -> impl Iterator<Item = &str> {
        self.words.windows(n.max(1)).map(|run| &self.joined[run[0].0..run[run.len() - 1].1])
    }
}

#[cfg(test)]
mod tests;
