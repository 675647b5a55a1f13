//! Binaries of `build_binary probing`: hash tables with open addressing, as they lie in the file.

use super::Bytes;
use super::binary::{Header, Parts, f32_at, u32_at, u64_at};
use super::hashed::Store;
use super::search::Weights;

pub(super) struct Probing {
    bytes: Bytes,
    words: Table,
    /// Where the pairs of numbers of each word begin, and how many there are.
    unigrams: usize,
    n_words: u32,
    /// N-grams of two words first; the last are the longest.
    ngrams: Vec<Table>,
}

/// Entries of a 64-bit key and something behind it; a key of 0 is an empty bucket.
struct Table {
    start: usize,
    buckets: u64,
    entry: usize,
}

impl Probing {
    pub(super) fn open(bytes: Bytes, header: &Header) -> Result<Self, String> {
        let mut parts = Parts::new(header, &bytes);
        let table = |parts: &mut Parts, count: u64, entry: usize, what: &str| {
            // The product is rounded to f32, as in KenLM.
            let buckets = (count + 1).max((header.multiplier * count as f32) as u64);
            let start = parts.take(buckets.saturating_mul(entry as u64), what)?;
            Ok::<_, String>(Table { start, buckets, entry })
        };
        let (counts, order) = (&header.counts, header.counts.len());
        // A version, and how many words there are.
        let before = parts.take(8, "what stands before the words")?;
        let words = table(&mut parts, counts[0], 12, "the words")?;
        // One more, in case `<unk>` was not counted.
        let unigrams = parts.take((counts[0] + 1) * 8, "the 1-grams")?;
        let mut ngrams = Vec::with_capacity(order - 1);
        for length in 2..=order {
            let entry = if length == order { 12 } else { 16 };
            ngrams.push(table(&mut parts, counts[length - 1], entry, &format!("the {length}-grams"))?);
        }
        let (version, n_words) = (u32_at(&bytes, before), u32_at(&bytes, before + 4));
        if version != 0 || u64::from(n_words) > counts[0] + 1 {
            return Err(format!(
                "its vocabulary of version {version} claims {n_words} words; it counts {} 1-grams",
                counts[0]
            ));
        }
        Ok(Probing { bytes, words, unigrams, n_words, ngrams })
    }

    /// Where what belongs to this key begins.
    #[inline(always)]
    fn find(&self, table: &Table, key: u64) -> Option<usize> {
        let mut bucket = key % table.buckets;
        // A sound table has an empty bucket; a damaged one may be full.
        for _ in 0..table.buckets {
            let at = table.start + bucket as usize * table.entry;
            match u64_at(&self.bytes, at) {
                found if found == key => return Some(at + 8),
                0 => return None,
                _ => bucket = if bucket + 1 == table.buckets { 0 } else { bucket + 1 },
            }
        }
        None
    }

    fn weights(&self, at: usize) -> Weights {
        Weights { prob: f32_at(&self.bytes, at), backoff: f32_at(&self.bytes, at + 4) }
    }
}

impl Store for Probing {
    fn order(&self) -> usize {
        self.ngrams.len() + 1
    }

    fn word(&self, hash: u64) -> Option<u32> {
        let word = u32_at(&self.bytes, self.find(&self.words, hash)?);
        (word < self.n_words).then_some(word)
    }

    fn unigram(&self, word: u32) -> Weights {
        self.weights(self.unigrams + 8 * word as usize)
    }

    fn middle(&self, length: usize, hash: u64) -> Option<Weights> {
        self.find(&self.ngrams[length - 2], hash).map(|at| self.weights(at))
    }

    fn longest(&self, hash: u64) -> Option<f32> {
        let longest = self.ngrams.last().expect("at least two lengths");
        self.find(longest, hash).map(|at| f32_at(&self.bytes, at))
    }
}
