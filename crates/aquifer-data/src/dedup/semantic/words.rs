//! The vector of a document as the average of its words' vectors, which are learnt from the documents.

use super::{Embed, ToVector};
use crate::dedup::method::Details;
use crate::dedup::near::units;
use aquifer_record::FileError;
use aquifer_text::word_vectors::{VectorOptions, WordVectors};
use serde::{Deserialize, Serialize};

/// Averages of word vectors. A word is a unit as in [`near`](crate::dedup::near): one character in scripts written without
/// spaces; case and punctuation do not count.
///
/// # Memory
/// Learning holds two vectors for each of at most 100,000 words (80 MB at the default width) and four bytes for each word it
/// learns from, whatever was asked for: with less to learn from, the vectors would be others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WordAverages {
    /// Numbers in a vector.
    pub width: usize,
    /// About how many words to learn from: every so-manieth document is read.
    pub learn_from: usize,
    /// How often they are read.
    pub epochs: usize,
    /// Words seen less often have no vector.
    pub min_count: u32,
    /// A document of fewer words that have one is like no other.
    pub min_words: usize,
    /// Of all that is drawn.
    pub seed: u64,
}

impl Default for WordAverages {
    fn default() -> Self {
        let VectorOptions { width, epochs, min_count, seed, .. } = VectorOptions::default();
        WordAverages { width, learn_from: 1_000_000, epochs, min_count, min_words: 10, seed }
    }
}

/// Bytes of a word in a note.
const WORD: usize = size_of::<u32>();

fn words(note: &[u8]) -> Vec<u32> {
    note.chunks_exact(WORD).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
}

impl Embed for WordAverages {
    fn width(&self) -> usize {
        self.width.max(1)
    }

    fn note(&self, text: &str) -> Vec<u8> {
        units(text).into_iter().flat_map(|unit| ((unit ^ unit >> 32) as u32).to_le_bytes()).collect()
    }

    fn learn<'a>(&'a self, n: usize, notes: &Details) -> Result<Box<ToVector<'a>>, FileError> {
        let mut all = 0;
        for i in 0..n as u32 {
            all += notes(i)?.len() / WORD;
        }
        let step = all.div_ceil(self.learn_from.max(1)).max(1);
        let texts = (0..n as u32).step_by(step).map(|i| notes(i).map(|note| words(&note)));
        let texts: Vec<Vec<u32>> = texts.collect::<Result<_, _>>()?;
        let WordAverages { epochs, min_count, seed, .. } = *self;
        let options = VectorOptions { width: self.width(), epochs, min_count, seed, ..VectorOptions::default() };
        let vectors = WordVectors::train(&texts, &options);
        let least = self.min_words.max(1);
        Ok(Box::new(move |note, out| {
            let known = vectors.average(&words(note), out);
            known >= least && out.iter().any(|x| *x != 0.0)
        }))
    }
}
