//! N-grams by the hash of their words.

use super::hash::{hash_word, prepend};
use super::search::{Found, Search, Weights, Words};
use rustc_hash::FxHashMap;

/// Where hashed n-grams lie. Probabilities carry "nothing longer ends in this" in their sign: a positive number says
/// that something does, and means its negative.
pub(super) trait Store {
    fn order(&self) -> usize;
    fn word(&self, hash: u64) -> Option<u32>;
    fn unigram(&self, word: u32) -> Weights;
    fn middle(&self, length: usize, hash: u64) -> Option<Weights>;
    fn longest(&self, hash: u64) -> Option<f32>;
}

/// A model of hashed n-grams.
pub(super) struct Hashed<S>(pub(super) S);

impl<S: Store> Words for Hashed<S> {
    fn word(&self, word: &[u8]) -> u32 {
        self.0.word(hash_word(word)).unwrap_or(0)
    }
}

impl<S: Store> Search for Hashed<S> {
    type Node = u64;

    fn order(&self) -> usize {
        self.0.order()
    }

    fn unigram(&self, word: u32) -> (Found, u64) {
        (found(self.0.unigram(word)), u64::from(word))
    }

    fn middle(&self, length: usize, word: u32, node: &mut u64) -> Option<Found> {
        *node = prepend(*node, word);
        self.0.middle(length, *node).map(found)
    }

    fn longest(&self, word: u32, node: &u64) -> Option<f32> {
        self.0.longest(prepend(*node, word))
    }
}

fn found(Weights { prob, backoff }: Weights) -> Found {
    Found { weights: Weights { prob: negative(prob), backoff }, independent_left: prob.is_sign_negative() }
}

/// With its sign set.
pub(super) fn negative(prob: f32) -> f32 {
    -prob.abs()
}

/// What an ARPA file is read into.
#[derive(Default)]
pub(super) struct InMemory {
    pub(super) words: FxHashMap<u64, u32>,
    pub(super) unigrams: Vec<Weights>,
    /// N-grams of two words first.
    pub(super) middles: Vec<FxHashMap<u64, Weights>>,
    pub(super) longest: FxHashMap<u64, f32>,
}

impl Store for InMemory {
    fn order(&self) -> usize {
        self.middles.len() + 2
    }

    fn word(&self, hash: u64) -> Option<u32> {
        self.words.get(&hash).copied()
    }

    fn unigram(&self, word: u32) -> Weights {
        self.unigrams[word as usize]
    }

    fn middle(&self, length: usize, hash: u64) -> Option<Weights> {
        self.middles[length - 2].get(&hash).copied()
    }

    fn longest(&self, hash: u64) -> Option<f32> {
        self.longest.get(&hash).copied()
    }
}
