//! Near copies: MinHash signatures, locality-sensitive hashing, and then the true similarity of every candidate pair.
//!
//! Broder, "On the resemblance and containment of documents", 1997; bands of rows as in Leskovec, Rajaraman and Ullman,
//! "Mining of Massive Datasets", chapter 3. A pair of similarity s meets in some band with probability 1 − (1 − s⁵)²⁵:
//! 0.99 at the default threshold. Candidates are then compared shingle by shingle, so nothing is removed by chance.

use super::clusters::Groups;
use super::method::Details;
use super::spill::Sorter;
use crate::parallel;
use aquifer_record::FileError;
use aquifer_tensor::random::Stream;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Finds documents whose shingles overlap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Near {
    /// Jaccard similarity from which two documents are copies, 0 to 1.
    pub threshold: f64,
}

impl Default for Near {
    fn default() -> Self {
        Near { threshold: DEFAULT_THRESHOLD }
    }
}

/// Jaccard similarity from which two documents count as near duplicates.
pub const DEFAULT_THRESHOLD: f64 = 0.7;

const SHINGLE: usize = 5;
const BANDS: usize = 25;
const ROWS: usize = 5;
const HASHES: usize = BANDS * ROWS;

/// The sorted hashes of all runs of five units of the text, without repetition. A unit is a word, or one character of a
/// script written without spaces; case and punctuation do not count. A text of fewer units is one shingle.
pub fn shingles(text: &str) -> Vec<u64> {
    let units = units(text);
    if units.is_empty() {
        return Vec::new();
    }
    let mut shingles: Vec<u64> = units
        .windows(SHINGLE.min(units.len()))
        .map(|window| window.iter().fold(0, |h: u64, &unit| mix(h.rotate_left(5) ^ unit)))
        .collect();
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

pub(super) fn units(text: &str) -> Vec<u64> {
    const START: u64 = 0xCBF2_9CE4_8422_2325;
    let fold = |h: u64, c: char| (h ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01B3);
    let mut units = Vec::with_capacity(text.len() / 5);
    let (mut word, mut length) = (START, 0);
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            (word, length) = (fold(word, c.to_ascii_lowercase()), length + 1);
        } else if !c.is_ascii() && c.is_alphanumeric() && !spaceless(c) && length < 32 {
            (word, length) = (c.to_lowercase().fold(word, fold), length + 1);
        } else {
            if length > 0 {
                units.push(word);
                (word, length) = (START, 0);
            }
            if !c.is_ascii() && c.is_alphanumeric() {
                units.push(fold(START, c));
            }
        }
    }
    if length > 0 {
        units.push(word);
    }
    units
}

/// Scripts in which words are not separated: Chinese, Japanese, Thai, Lao, Khmer, Burmese.
fn spaceless(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The Jaccard similarity of the texts' shingles; two empty texts are equal.
pub fn similarity(a: &str, b: &str) -> f64 {
    overlap(&shingles(a), &shingles(b))
}

fn overlap(a: &[u64], b: &[u64]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let (mut i, mut j, mut both) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    both as f64 / (a.len() + b.len() - both) as f64
}

/// For each hash function the least value over the shingles: the upper half of (multiplier · shingle + offset).
fn signature(shingles: &[u64]) -> [u32; HASHES] {
    let mut least = [u32::MAX; HASHES];
    for shingle in shingles {
        for (least, (multiplier, offset)) in least.iter_mut().zip(&*FUNCTIONS) {
            *least = (*least).min((shingle.wrapping_mul(*multiplier).wrapping_add(*offset) >> 32) as u32);
        }
    }
    least
}

static FUNCTIONS: LazyLock<[(u64, u64); HASHES]> = LazyLock::new(|| {
    let stream = Stream::new(0, "near duplicates", "minhash");
    std::array::from_fn(|i| {
        let [a, b, c, d] = stream.block(0, i as u64);
        ((u64::from(a) << 32 | u64::from(b)) | 1, u64::from(c) << 32 | u64::from(d))
    })
});

/// Candidate pairs compared at once.
const BATCH: usize = 1 << 12;
/// Pairs that turned out not to be near are remembered, since most meet in several bands; so many at the most.
const REMEMBERED: usize = 1 << 20;

impl Near {
    /// Bytes of a key: the band, and the hash of its rows.
    pub(super) const KEY: usize = 1 + 8;

    /// A key for each band, none for a text without words; and its shingles, by which candidates are compared.
    pub(super) fn mark(&self, text: &str, mut each: impl FnMut(&[u8])) -> Vec<u8> {
        let shingles = shingles(text);
        if !shingles.is_empty() {
            for (band, rows) in signature(&shingles).chunks_exact(ROWS).enumerate() {
                let hash = rows.iter().fold(0, |h: u64, &v| mix(h.rotate_left(7) ^ u64::from(v)));
                let mut key = [band as u8; Self::KEY];
                key[1..].copy_from_slice(&hash.to_be_bytes());
                each(&key);
            }
        }
        shingles.iter().flat_map(|shingle| shingle.to_le_bytes()).collect()
    }

    /// The similarity of two texts by what [`mark`](Self::mark) said of them.
    pub(super) fn similarity(a: &[u8], b: &[u8]) -> f64 {
        let shingles = |bytes: &[u8]| -> Vec<u64> {
            bytes.chunks_exact(8).map(|shingle| u64::from_le_bytes(shingle.try_into().expect("eight bytes"))).collect()
        };
        overlap(&shingles(a), &shingles(b))
    }

    /// Joins documents that meet in a band (records of key and number) and are near. Each is compared with the first of its
    /// bucket and with the one before it there, unless they are together already: that changes no group.
    pub(super) fn join(&self, records: Sorter, details: &Details, groups: &mut Groups) -> Result<(), FileError> {
        let mut candidates =
            Candidates { near: self, details, groups, apart: FxHashSet::default(), waiting: Vec::new() };
        // The key of a bucket, its first document and the last one seen.
        let mut bucket: Option<(Vec<u8>, u32, u32)> = None;
        let mut sorted = records.finish()?;
        while let Some(record) = sorted.next()? {
            let (key, number) = record.split_at(Self::KEY);
            let number = u32::from_be_bytes(number.try_into().expect("four bytes"));
            match &mut bucket {
                Some((last, first, before)) if last == key => {
                    candidates.meet(*first, number)?;
                    candidates.meet(*before, number)?;
                    *before = number;
                }
                _ => bucket = Some((key.to_vec(), number, number)),
            }
        }
        candidates.settle()
    }
}

/// Pairs that met in a band, on their way to being compared.
struct Candidates<'a> {
    near: &'a Near,
    details: &'a Details<'a>,
    groups: &'a mut Groups,
    apart: FxHashSet<(u32, u32)>,
    waiting: Vec<(u32, u32)>,
}

impl Candidates<'_> {
    fn meet(&mut self, a: u32, b: u32) -> Result<(), FileError> {
        if self.groups.first(a) != self.groups.first(b) && !self.apart.contains(&(a, b)) {
            self.waiting.push((a, b));
        }
        if self.waiting.len() >= BATCH { self.settle() } else { Ok(()) }
    }

    fn settle(&mut self) -> Result<(), FileError> {
        let mut pairs = std::mem::take(&mut self.waiting);
        pairs.sort_unstable();
        pairs.dedup();
        let (near, details) = (self.near, self.details);
        let compared = parallel::map(pairs.len(), |k| {
            let (a, b) = pairs[k];
            Ok::<_, FileError>(Near::similarity(&details(a)?, &details(b)?) >= near.threshold)
        });
        if self.apart.len() > REMEMBERED {
            self.apart.clear();
        }
        for ((a, b), near) in pairs.into_iter().zip(compared) {
            match near? {
                true => self.groups.join(a, b),
                false => drop(self.apart.insert((a, b))),
            }
        }
        Ok(())
    }
}
