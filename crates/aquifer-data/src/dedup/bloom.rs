//! A Bloom filter over shingles: a document most of whose shingles were met before goes.
//!
//! Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970. One pass, in order, in as much memory as the
//! filter was given; nothing is told of which document a copy is of. After datatrove 0.10.1 (`pipeline/dedup/bloom_filter.py`).

use super::index::IndexReader;
use super::universal::Family;
use crate::parallel;
use aquifer_record::FileError;
use aquifer_text::shingles::{Cuts, Hash, Shingler, Simplify};
use serde::{Deserialize, Serialize};

/// How a hash becomes the place of a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addressing {
    /// The remainder by the number of bits.
    #[default]
    Remainder,
    /// The bits that the hash has in common with the number of *bytes*: datatrove's. Of a filter of 2ⁿ bytes that leaves two
    /// places in all; of 2ⁿ − 1 bytes an eighth of them.
    Datatrove,
}

/// Parameters of datatrove's `BloomFilterConfig`, with its defaults where it has any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BloomOptions {
    /// Size of the filter in bytes.
    pub bytes: usize,
    /// Bits a shingle sets; [`optimal_hashes`] says how many are best.
    pub hashes: usize,
    /// The share of its shingles above which a document goes.
    pub threshold: f64,
    /// Words in a shingle.
    pub n_grams: usize,
    /// Of numpy's generator.
    pub seed: u32,
    /// What is made equal first.
    pub simplify: Simplify,
    /// Of a shingle.
    pub hash: Hash,
    /// From hash to place.
    pub addressing: Addressing,
}

impl Default for BloomOptions {
    fn default() -> Self {
        BloomOptions {
            bytes: 1 << 28,
            hashes: 7,
            threshold: 0.8,
            n_grams: 13,
            seed: 0,
            simplify: Simplify::default(),
            hash: Hash::Xxh32,
            addressing: Addressing::Remainder,
        }
    }
}

/// How many bits an element should set so that a filter of `bytes` takes fewest strangers for one of `elements`:
/// bits / elements · ln 2, rounded up.
pub fn optimal_hashes(bytes: usize, elements: usize) -> usize {
    (8.0 * bytes as f64 / elements.max(1) as f64 * std::f64::consts::LN_2).ceil() as usize
}

/// The filter.
pub struct Bloom {
    options: BloomOptions,
    shingler: Shingler,
    family: Family,
    bits: Vec<u8>,
}

impl Bloom {
    /// An empty filter over the words that `words` cuts.
    ///
    /// # Panics
    /// If it has no byte, or no hash.
    pub fn new(options: &BloomOptions, words: Cuts) -> Self {
        assert!(options.bytes > 0 && options.hashes > 0, "a filter has at least one byte and one hash");
        let shingler = Shingler { n: options.n_grams, simplify: options.simplify, hash: options.hash, words };
        let family = Family::in_blocks(options.seed, options.hashes);
        Bloom { options: *options, shingler, family, bits: vec![0; options.bytes] }
    }

    /// For each text whether it stays; the filter then holds what was new in all of them.
    pub fn filter(&mut self, texts: &[&str]) -> Vec<bool> {
        let mut stay = Vec::with_capacity(texts.len());
        for batch in texts.chunks(1024) {
            let shingles = parallel::map(batch.len(), |i| self.shingler.shingles(batch[i]));
            stay.extend(shingles.iter().map(|shingles| self.met(shingles) <= self.options.threshold));
        }
        stay
    }

    /// Adds what the filter of an earlier run holds, of the same options.
    ///
    /// # Errors
    /// If it cannot be read, or is of another size.
    pub fn add(&mut self, earlier: IndexReader) -> Result<(), FileError> {
        let ours = self.bits.len();
        earlier.expect_count(ours as u64)?;
        earlier.each_piece(|at, piece| {
            self.bits[at..][..piece.len()].iter_mut().zip(piece).for_each(|(bits, more)| *bits |= more);
        })
    }

    /// The bits, eight a byte from the lowest, as datatrove saves them.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The share of a document's shingles that were met before; 0 for one without. It is compared with those before it and
    /// not with itself, so its shingles go in last.
    pub fn met(&mut self, shingles: &[u64]) -> f64 {
        let (old, new): (Vec<u64>, Vec<u64>) =
            shingles.iter().partition(|&&shingle| (0..self.family.len()).all(|i| self.bit(self.place(i, shingle))));
        for shingle in new {
            for i in 0..self.family.len() {
                let place = self.place(i, shingle);
                self.bits[place / 8] |= 1 << (place % 8);
            }
        }
        if shingles.is_empty() { 0.0 } else { old.len() as f64 / shingles.len() as f64 }
    }

    fn bit(&self, place: usize) -> bool {
        self.bits[place / 8] >> (place % 8) & 1 == 1
    }

    fn place(&self, i: usize, shingle: u64) -> usize {
        let (value, bytes) = (self.family.value(i, shingle), self.options.bytes as u64);
        match self.options.addressing {
            Addressing::Remainder => (value % (8 * bytes)) as usize,
            Addressing::Datatrove => (value & bytes) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_text::shingles::white_space_words;
    use serde_json::Value;

    #[test]
    fn verdicts_and_bits_are_datatroves() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/dedup/bloom.json")).unwrap();
        let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for case in golden["cases"].as_array().unwrap() {
            let options: BloomOptions = serde_json::from_value(case["options"].clone()).unwrap();
            let stays: Vec<bool> = serde_json::from_value(case["stays"].clone()).unwrap();
            let mut bloom = Bloom::new(&options, white_space_words());
            assert_eq!(bloom.filter(&texts), stays, "{options:?}");
            assert_eq!(aquifer_record::sha256_hex(bloom.bits()), case["bits"], "{options:?}");
        }
    }

    #[test]
    fn copies_go_and_strangers_stay() {
        // Letters, for all numbers are one.
        let word = |i: usize| (0..3).map(|k| char::from(b'a' + (i >> (4 * k) & 15) as u8)).collect::<String>() + " ";
        let text = |from: usize| (from..from + 40).map(word).collect::<String>();
        let near = text(2);
        let (one, other) = (text(0), text(1000));
        let mut bloom = Bloom::new(&BloomOptions { bytes: 1 << 16, ..Default::default() }, white_space_words());
        assert_eq!(
            bloom.filter(&[&one, &other, &near, "", "few words", "few words"]),
            [true, true, false, true, true, true]
        );
        assert_eq!(bloom.filter(&[&other]), [false]);
        assert_eq!((optimal_hashes(1000, 800), optimal_hashes(1000, 0)), (7, 5546));
    }
}
