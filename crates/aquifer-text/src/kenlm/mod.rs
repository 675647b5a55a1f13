//! KenLM's n-gram models of words: ARPA files and KenLM's own binaries, and how probable a text is under them.
//!
//! Heafield, "KenLM: Faster and Smaller Language Model Queries", WMT 2011. Read are `.arpa`, and binaries of `probing`
//! and of `trie`, quantised (`-q`, `-b`) and array-compressed (`-a`) or not. [`train_ngrams`] makes them.

mod arpa;
mod binary;
mod bits;
mod counts;
mod hash;
mod hashed;
mod probing;
mod quantised;
mod search;
mod train;
mod trie;

pub use search::State;
pub use train::{NgramOptions, NgramTrained, train_ngrams};

use crate::TextError;
use aquifer_metrics::numbers::exp;
use aquifer_record::FileError;
use hashed::{Hashed, InMemory};
use memmap2::Mmap;
use probing::Probing;
use search::{Search, Words};
use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use trie::Trie;

/// Longest n-grams that are believed. KenLM itself is compiled for 6 unless told otherwise.
pub(crate) const MAX_ORDER: usize = 10;

/// An n-gram model of words.
///
/// ```
/// use aquifer_text::kenlm::KenLm;
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kenlm/small.arpa"));
/// let model = KenLm::load(path)?;
/// let usual = model.perplexity("light under runs");
/// assert!(usual < model.perplexity("runs under light"));
/// # Ok::<(), aquifer_text::TextError>(())
/// ```
pub struct KenLm {
    kind: Kind,
    order: usize,
    begin: State,
}

enum Kind {
    InMemory(Hashed<InMemory>),
    Probing(Hashed<Probing>),
    Trie(Trie),
}

/// The same code for every kind, compiled for each.
macro_rules! on {
    ($model:expr, $search:ident => $body:expr) => {
        match &$model.kind {
            Kind::InMemory($search) => $body,
            Kind::Probing($search) => $body,
            Kind::Trie($search) => $body,
        }
    };
}

/// How probable one word was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordScore {
    /// log₁₀ of its probability, backing off included.
    pub log10: f32,
    /// Words in the longest n-gram found that ends here.
    pub ngram_length: usize,
    /// Whether the model does not know the word.
    pub unknown: bool,
}

impl KenLm {
    /// Opens a model: a binary is mapped and read as it is asked, an ARPA file is read whole.
    ///
    /// # Errors
    /// If the file cannot be read, is neither, is damaged, or is a kind that is not supported; the message says what
    /// is wrong.
    pub fn load(path: &Path) -> Result<Self, TextError> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        let bytes = match file.metadata().map_err(FileError::at("read", path))?.len() {
            0 => Bytes::Owned(Arc::default()),
            // SAFETY: the map is read-only. Somebody who cuts the file short while it is read can stop this process
            // (SIGBUS) but not corrupt it.
            _ => Bytes::Mapped(Arc::new(unsafe { Mmap::map(&file) }.map_err(FileError::at("read", path))?)),
        };
        KenLm::parse(bytes).map_err(|reason| TextError::bad_model(path, "KenLM model", reason))
    }

    /// The same from bytes at hand; `name` is for messages.
    ///
    /// # Errors
    /// As for [`KenLm::load`].
    pub fn from_bytes(bytes: Vec<u8>, name: impl AsRef<Path>) -> Result<Self, TextError> {
        let model = KenLm::parse(Bytes::Owned(Arc::new(bytes)));
        model.map_err(|reason| TextError::bad_model(name.as_ref(), "KenLM model", reason))
    }

    fn parse(bytes: Bytes) -> Result<Self, String> {
        let kind = match binary::Header::read(&bytes)? {
            Some(header) if header.is_trie() => Kind::Trie(Trie::open(bytes, &header)?),
            Some(header) => Kind::Probing(Hashed(Probing::open(bytes, &header)?)),
            None => Kind::InMemory(Hashed(arpa::read(&bytes)?)),
        };
        let mut model = KenLm { kind, order: 0, begin: State::default() };
        model.order = on!(model, search => search.order());
        model.begin = on!(model, search => search.begin());
        Ok(model)
    }

    /// Words in the longest n-grams.
    pub fn order(&self) -> usize {
        self.order
    }

    /// What a sentence begins after: `<s>`.
    pub fn begin(&self) -> State {
        self.begin
    }

    /// How probable `word` is after `state`, and the state after it. `</s>` is the end of a sentence.
    pub fn advance(&self, state: &State, word: &str) -> (WordScore, State) {
        on!(self, search => {
            let id = search.word(word.as_bytes());
            search.score(state, id)
        })
    }

    /// log₁₀ of a sentence's probability. Words are what white space separates; `bos` begins after `<s>`, `eos` ends
    /// with `</s>`.
    ///
    /// # Numerics
    /// Bit-equal to `kenlm.Model.score`: `f32` sums, word after word. (That ends a text at a NUL; here it is a space.)
    pub fn score(&self, sentence: &str, bos: bool, eos: bool) -> f32 {
        self.scores(sentence, bos, eos).fold(0.0, |sum, word| sum + word.log10)
    }

    /// Every word of a sentence by itself, `kenlm.Model.full_scores`.
    pub fn scores<'a>(&'a self, sentence: &'a str, bos: bool, eos: bool) -> impl Iterator<Item = WordScore> + 'a {
        let mut state = if bos { self.begin } else { State::default() };
        let words = words(sentence.as_bytes()).map(Some).chain(eos.then_some(None));
        words.map(move |word| {
            let (score, next) = on!(self, search => {
                let id = word.map_or(search.end(), |word| search.word(word));
                search.score(&state, id)
            });
            state = next;
            score
        })
    }

    /// 10 to the mean of −log₁₀ p over the words of a sentence and its end, `kenlm.Model.perplexity`.
    pub fn perplexity(&self, sentence: &str) -> f64 {
        let n = words(sentence.as_bytes()).count() + 1;
        power_of_ten(-f64::from(self.score(sentence, true, true)) / n as f64)
    }

    /// The perplexity of a text whose lines are its sentences, as CCNet and datatrove have it: one mean over all words
    /// and ends of lines.
    pub fn perplexity_of_lines(&self, text: &str) -> f64 {
        let (mut log10, mut n) = (0.0, 0);
        for line in text.split('\n') {
            log10 += f64::from(self.score(line, true, true));
            n += words(line.as_bytes()).count() + 1;
        }
        power_of_ten(-log10 / n as f64)
    }
}

fn power_of_ten(x: f64) -> f64 {
    exp(x * std::f64::consts::LN_10)
}

/// What lies between white space.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0)).filter(|word| !word.is_empty())
}

/// A file: mapped, or in memory.
#[derive(Clone)]
pub(crate) enum Bytes {
    Mapped(Arc<Mmap>),
    Owned(Arc<Vec<u8>>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}
