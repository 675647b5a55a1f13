//! Binaries of `build_binary trie`: n-grams as a tree of bit-packed, sorted arrays, from the last word backwards.
//!
//! Raj & Whittaker, "Lossless compression of language model structure and word identifiers", 2003, for `-a`.

use super::Bytes;
use super::binary::{Header, Parts, f32_at, u64_at};
use super::bits::{find, read, width_of};
use super::hash::hash_word;
use super::quantised::Packing;
use super::search::{Found, Search, Weights, Words};

pub(super) struct Trie {
    bytes: Bytes,
    packing: Packing,
    /// The sorted hashes of the words; word 1 is the first.
    words: usize,
    n_words: u64,
    /// Probability, backoff and first bigram of each word; one entry more says where the last word's bigrams end.
    unigrams: usize,
    /// N-grams of two words first; the last are the longest.
    ngrams: Vec<Level>,
}

/// Sorted n-grams of one length.
struct Level {
    start: usize,
    entries: u64,
    word_bits: u32,
    /// Of a whole entry.
    bits: u32,
    /// Of the place of the first longer n-gram, as far as it stands in the entry.
    next_bits: u32,
    offsets: Option<Offsets>,
}

/// The upper bits of the places of longer n-grams: `count` ascending numbers, the i-th the first entry whose upper bits
/// are i.
struct Offsets {
    start: usize,
    count: usize,
}

impl Trie {
    pub(super) fn open(bytes: Bytes, header: &Header) -> Result<Self, String> {
        let mut parts = Parts::new(header, &bytes);
        let (counts, order) = (&header.counts, header.counts.len());
        let words = parts.take(8 + 8 * counts[0], "the words")?;
        let n_words = u64_at(&bytes, words);
        if n_words >= counts[0].max(1) || counts[0] > u64::from(u32::MAX) {
            return Err(format!("it claims {n_words} words; it counts {} 1-grams, `<unk>` among them", counts[0]));
        }
        let packing = if header.quantised { Packing::open(&bytes, &mut parts, order)? } else { Packing::Plain };
        let (middle_bits, longest_bits) = packing.bits();
        let unigrams = parts.take((counts[0] + 2) * 16, "the 1-grams")?;
        let word_bits = width_of(counts[0]);
        let mut chop_limit = None;
        let mut ngrams = Vec::with_capacity(order - 1);
        for length in 2..=order {
            let entries = counts[length - 1];
            let (mut next_bits, mut offsets, mut weights) = (0, None, longest_bits);
            if length < order {
                weights = middle_bits;
                next_bits = width_of(counts[length]);
                if header.compressed {
                    // The file says once, before its first middle, how many bits may be cut off at most.
                    let head = [0, 1].map(|i| bytes.get(parts.at() + i).copied().unwrap_or(0));
                    let limit = *chop_limit.get_or_insert(head[1]);
                    if head[0] != 0 {
                        return Err(format!("its array compression is version {}; 0 can be read", head[0]));
                    }
                    let chop = chopped_bits(entries + 1, counts[length], u32::from(limit));
                    next_bits -= chop;
                    offsets = Some(Offsets::open(&mut parts, counts[length] >> next_bits)?);
                }
            }
            let bits = word_bits + weights + next_bits;
            let packed = ((u128::from(entries) + 1) * u128::from(bits)).div_ceil(8) + 8;
            let start = parts.take(u64::try_from(packed).unwrap_or(u64::MAX), &format!("the {length}-grams"))?;
            ngrams.push(Level { start, entries, word_bits, bits, next_bits, offsets });
        }
        Ok(Trie { words: words + 8, n_words, packing, unigrams, ngrams, bytes })
    }
}

/// How many upper bits of `max_next` to cut off so that entries and the table of offsets are smallest together.
fn chopped_bits(entries: u64, max_next: u64, limit: u32) -> u32 {
    let required = width_of(max_next);
    let cost = |chop: u32| {
        let table = i128::from(max_next.checked_shr(required - chop).unwrap_or(0)) * 64;
        table - i128::from(entries) * i128::from(chop)
    };
    (0..=required.min(limit)).min_by_key(|&chop| (cost(chop), chop)).unwrap_or(0)
}

impl Offsets {
    /// Behind eight bytes of head, up to seven bytes of alignment about them.
    fn open(parts: &mut Parts, last: u64) -> Result<Self, String> {
        let count = last.saturating_add(1);
        let start = parts.take(count.saturating_add(1).saturating_mul(8).saturating_add(7), "the compressed places")?;
        Ok(Offsets { start: start.next_multiple_of(8) + 8, count: count as usize })
    }

    /// The last of the numbers that is at most `entry`, and the last at most the entry after it.
    #[inline(always)]
    fn upper_bits(&self, bytes: &[u8], entry: u64) -> [u64; 2] {
        let number = |i: usize| u64_at(bytes, self.start + 8 * i);
        let (mut begin, mut end) = (0, self.count);
        while begin < end {
            let middle = begin + (end - begin) / 2;
            if number(middle) <= entry {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        while end < self.count && number(end) <= entry + 1 {
            end += 1;
        }
        [begin, end].map(|i| (i as u64).saturating_sub(1))
    }
}

impl Level {
    /// The place of the word among the n-grams from `begin` to `end`.
    #[inline(always)]
    fn find(&self, trie: &Trie, word: u32, node: &Node) -> Option<u64> {
        let bytes = &trie.bytes[self.start..];
        let end = node.end.min(self.entries);
        find(node.begin, end, (1 << self.word_bits) - 1, u64::from(word), |at| {
            read(bytes, at * u64::from(self.bits), self.word_bits)
        })
    }

    /// The longer n-grams of an entry.
    #[inline(always)]
    fn next(&self, trie: &Trie, entry: u64) -> Node {
        let bytes: &[u8] = &trie.bytes;
        let bit = entry * u64::from(self.bits) + u64::from(self.bits - self.next_bits);
        let lower = |bit| read(&bytes[self.start..], bit, self.next_bits);
        let upper = self.offsets.as_ref().map_or([0; 2], |offsets| offsets.upper_bits(bytes, entry));
        Node {
            begin: (upper[0] << self.next_bits) | lower(bit),
            end: (upper[1] << self.next_bits) | lower(bit + u64::from(self.bits)),
        }
    }
}

/// The n-grams that are one word longer.
pub(super) struct Node {
    begin: u64,
    end: u64,
}

impl Words for Trie {
    fn word(&self, word: &[u8]) -> u32 {
        let hash = hash_word(word);
        let found = find(0, self.n_words, u64::MAX, hash, |at| u64_at(&self.bytes, self.words + 8 * at as usize));
        found.map_or(0, |at| at as u32 + 1)
    }
}

impl Search for Trie {
    type Node = Node;

    fn order(&self) -> usize {
        self.ngrams.len() + 1
    }

    fn unigram(&self, word: u32) -> (Found, Node) {
        let at = self.unigrams + 16 * word as usize;
        let weights = Weights { prob: f32_at(&self.bytes, at), backoff: f32_at(&self.bytes, at + 4) };
        let node = Node { begin: u64_at(&self.bytes, at + 8), end: u64_at(&self.bytes, at + 24) };
        (Found { weights, independent_left: node.begin == node.end }, node)
    }

    fn middle(&self, length: usize, word: u32, node: &mut Node) -> Option<Found> {
        let level = &self.ngrams[length - 2];
        let entry = level.find(self, word, node)?;
        let bit = entry * u64::from(level.bits) + u64::from(level.word_bits);
        let weights = self.packing.weights(&self.bytes, level.start, bit, length);
        *node = level.next(self, entry);
        Some(Found { weights, independent_left: node.begin == node.end })
    }

    fn longest(&self, word: u32, node: &Node) -> Option<f32> {
        let level = self.ngrams.last().expect("at least two lengths");
        let entry = level.find(self, word, node)?;
        let bit = entry * u64::from(level.bits) + u64::from(level.word_bits);
        Some(self.packing.prob(&self.bytes, level.start, bit, self.order()))
    }
}
