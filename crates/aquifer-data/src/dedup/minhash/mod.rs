//! MinHash signatures and locality-sensitive hashing, after datatrove's parameters or FlagData's.
//!
//! Broder, "On the resemblance and containment of documents", 1997; bands of rows as in Leskovec, Rajaraman and Ullman,
//! "Mining of Massive Datasets", chapter 3. Two documents whose shingles have Jaccard similarity s share a band with
//! probability 1 − (1 − sʳ)ᵇ; documents that share one are taken for near duplicates without a second look. (The method
//! that looks again is [`near`](super::near).)
//!
//! Signatures, and what the further stages write ([`SignatureFiles`], [`find_pairs`], [`cluster`]), are byte for byte what
//! datatrove 0.10.1 writes (`pipeline/dedup/minhash.py`), given the same words.

mod bands;
mod buckets;
mod cluster;
mod files;

pub use bands::optimal_bands;
pub use buckets::{Index, PairOptions, build_index, find_pairs};
pub(super) use cluster::Unions;
pub use cluster::{ClusterOptions, Counted, cluster, datatrove_roots, read_removed};
pub use files::SignatureFiles;

use super::universal::Family;
use crate::parallel;
use aquifer_text::shingles::{Cuts, Hash, Shingler, Simplify};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Parameters of datatrove's `MinhashConfig`, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinHashOptions {
    /// Words in a shingle.
    pub n_grams: usize,
    /// Bands: documents that share one of them are duplicates.
    pub buckets: usize,
    /// Hash functions in a band.
    pub hashes_per_bucket: usize,
    /// Of numpy's generator.
    pub seed: u32,
    /// What is made equal before words are cut.
    pub simplify: Simplify,
    /// Of a shingle.
    pub hash: Hash,
}

impl Default for MinHashOptions {
    fn default() -> Self {
        MinHashOptions {
            n_grams: 5,
            buckets: 14,
            hashes_per_bucket: 8,
            seed: 1,
            simplify: Simplify::default(),
            hash: Hash::Xxh64,
        }
    }
}

/// Parameters of FlagData's `deduplication/minhash.py`, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenOptions {
    /// The similarity that the division into bands is to separate best.
    pub threshold: f64,
    /// Tokens in a shingle.
    pub n_grams: usize,
    /// Documents of fewer tokens have no signature.
    pub min_tokens: usize,
    /// Hash functions; the bands use as many of them as fit.
    pub permutations: usize,
    /// Of numpy's generator.
    pub seed: u32,
}

impl Default for TokenOptions {
    fn default() -> Self {
        TokenOptions { threshold: 0.87, n_grams: 5, min_tokens: 5, permutations: 256, seed: 42 }
    }
}

/// Makes signatures.
#[derive(Clone)]
pub struct MinHash {
    bands: usize,
    rows: usize,
    /// 4 or 8 for each value of a signature.
    value_bytes: usize,
    family: Family,
    shingles: Arc<dyn Fn(&str) -> Vec<u64> + Send + Sync>,
}

impl MinHash {
    /// datatrove's scheme over the words that `words` cuts.
    ///
    /// # Panics
    /// If there is no bucket or no hash in it.
    pub fn of_words(options: &MinHashOptions, words: Cuts) -> Self {
        let MinHashOptions { n_grams, buckets, hashes_per_bucket, seed, simplify, hash } = *options;
        assert!(buckets > 0 && hashes_per_bucket > 0, "a signature has at least one bucket of one hash");
        let shingler = Shingler { n: n_grams, simplify, hash, words };
        MinHash {
            bands: buckets,
            rows: hashes_per_bucket,
            value_bytes: hash.bytes(),
            family: Family::in_blocks(seed, buckets * hashes_per_bucket),
            shingles: Arc::new(move |text| shingler.shingles(text)),
        }
    }

    /// FlagData's scheme over token ids: they are joined by spaces and hashed by 32 bits of SHA-1. A text shorter than
    /// a shingle is one. (FlagData gives all texts below `min_tokens` one and the same signature, so that one of them stays; here
    /// they have none and all stay.)
    pub fn of_tokens(options: &TokenOptions, tokens: Arc<dyn Fn(&str) -> Vec<u32> + Send + Sync>) -> Self {
        let TokenOptions { threshold, n_grams, min_tokens, permutations, seed } = *options;
        let (bands, rows) = optimal_bands(threshold, permutations);
        let shingles = move |text: &str| {
            let tokens: Vec<String> = tokens(text).iter().map(u32::to_string).collect();
            if tokens.is_empty() || tokens.len() < min_tokens {
                return Vec::new();
            }
            let runs = tokens.windows(n_grams.clamp(1, tokens.len()));
            runs.map(|run| Hash::Sha1x32.of(run.join(" ").as_bytes())).collect()
        };
        MinHash {
            bands,
            rows,
            value_bytes: 4,
            family: Family::in_pairs(seed, bands * rows),
            shingles: Arc::new(shingles),
        }
    }

    /// How many bands a signature has, and how many values each.
    pub fn shape(&self) -> (usize, usize) {
        (self.bands, self.rows)
    }

    /// The signature: band after band, the least value of each hash function. `None` for a text without a shingle.
    pub fn sign(&self, text: &str) -> Option<Vec<u64>> {
        let shingles = (self.shingles)(text);
        let mask = if self.value_bytes == 4 { u64::from(u32::MAX) } else { u64::MAX };
        (!shingles.is_empty()).then(|| self.family.least(&shingles, mask))
    }

    /// What a document is known by: for every band its number and its values. Documents with one of these in common are
    /// duplicates. Nothing for a text without a shingle.
    pub fn keys(&self, text: &str, mut each: impl FnMut(&[u8])) {
        let mut key = Vec::with_capacity(self.key_width());
        for (band, values) in self.sign(text).iter().flat_map(|s| s.chunks_exact(self.rows)).enumerate() {
            key.clear();
            key.extend_from_slice(&(band as u16).to_be_bytes());
            self.key(values, &mut key);
            each(&key);
        }
    }

    /// Bytes of each of the [`keys`](Self::keys).
    pub fn key_width(&self) -> usize {
        2 + self.key_bytes()
    }

    /// A band's values as bytes that compare as the values do.
    fn key(&self, band: &[u64], out: &mut Vec<u8>) {
        for value in band {
            out.extend_from_slice(&value.to_be_bytes()[8 - self.value_bytes..]);
        }
    }

    /// How long a [`key`](Self::key) is.
    fn key_bytes(&self) -> usize {
        self.rows * self.value_bytes
    }

    /// Signs texts a batch at a time, in parallel, and gives `each` what they got, in order.
    fn sign_all<'a, E>(
        &self,
        texts: impl Iterator<Item = &'a str>,
        mut each: impl FnMut(u32, &[u64]) -> Result<(), E>,
    ) -> Result<usize, E> {
        const BATCH: usize = 1024;
        let (mut texts, mut at) = (texts.peekable(), 0);
        while texts.peek().is_some() {
            let batch: Vec<&str> = texts.by_ref().take(BATCH).collect();
            let signatures = parallel::map(batch.len(), |i| self.sign(batch[i]));
            for (i, signature) in signatures.iter().enumerate() {
                if let Some(signature) = signature {
                    each(u32::try_from(at + i).expect("fewer than 2³² documents in one run"), signature)?;
                }
            }
            at += batch.len();
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests;
