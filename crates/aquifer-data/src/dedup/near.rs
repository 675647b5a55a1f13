//! Near copies: MinHash signatures, locality-sensitive hashing, and then the true similarity of every candidate pair.
//!
//! Broder, "On the resemblance and containment of documents", 1997; bands of rows as in Leskovec, Rajaraman and Ullman,
//! "Mining of Massive Datasets", chapter 3. A pair of similarity s meets in some band with probability 1 − (1 − s⁵)²⁵:
//! 0.99 at the default threshold. Candidates are then compared shingle by shingle, so nothing is removed by chance.

use super::clusters::{Clusters, Groups};
use crate::parallel;
use aquifer_corpus::Document;
use aquifer_tensor::random::Stream;

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

fn units(text: &str) -> Vec<u64> {
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
    let (a, b) = (shingles(a), shingles(b));
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
fn signature(text: &str, functions: &[(u64, u64); HASHES]) -> Option<[u32; HASHES]> {
    let shingles = shingles(text);
    let mut least = [u32::MAX; HASHES];
    for shingle in &shingles {
        for (least, (multiplier, offset)) in least.iter_mut().zip(functions) {
            *least = (*least).min((shingle.wrapping_mul(*multiplier).wrapping_add(*offset) >> 32) as u32);
        }
    }
    (!shingles.is_empty()).then_some(least)
}

fn functions() -> [(u64, u64); HASHES] {
    let stream = Stream::new(0, "near duplicates", "minhash");
    std::array::from_fn(|i| {
        let [a, b, c, d] = stream.block(0, i as u64);
        ((u64::from(a) << 32 | u64::from(b)) | 1, u64::from(c) << 32 | u64::from(d))
    })
}

/// For every document the place of the first of its group (its own, where it is the first). Groups are the connected
/// components of pairs at least `threshold` similar.
pub fn first_copies(documents: &[Document], threshold: f64) -> Vec<usize> {
    clusters(documents, threshold).of.into_iter().map(|first| first as usize).collect()
}

/// The same with the size of each group.
pub fn clusters(documents: &[Document], threshold: f64) -> Clusters {
    let functions = functions();
    let signatures = parallel::map(documents.len(), |i| signature(&documents[i].text, &functions));
    let pairs = candidates(&signatures);
    let near = parallel::map(pairs.len(), |k| {
        let (a, b) = pairs[k];
        similarity(&documents[a].text, &documents[b].text) >= threshold
    });
    let mut groups = Groups::new(documents.len());
    for (&(a, b), _) in pairs.iter().zip(&near).filter(|(_, near)| **near) {
        groups.join(a as u32, b as u32);
    }
    groups.clusters()
}

/// Pairs that share a band: each document with the first of its bucket and with the one before it there.
fn candidates(signatures: &[Option<[u32; HASHES]>]) -> Vec<(usize, usize)> {
    let per_band = parallel::map(BANDS, |band| {
        let key = |signature: &[u32; HASHES]| {
            signature[band * ROWS..][..ROWS].iter().fold(0, |h: u64, &v| mix(h.rotate_left(7) ^ u64::from(v)))
        };
        let keyed = signatures.iter().enumerate().filter_map(|(i, s)| Some((key(s.as_ref()?), i)));
        let mut keyed: Vec<(u64, usize)> = keyed.collect();
        keyed.sort_unstable();
        let mut pairs = Vec::new();
        for bucket in keyed.chunk_by(|a, b| a.0 == b.0) {
            for k in 1..bucket.len() {
                pairs.push((bucket[0].1, bucket[k].1));
                pairs.push((bucket[k - 1].1, bucket[k].1));
            }
        }
        pairs
    });
    let mut pairs: Vec<(usize, usize)> = per_band.into_iter().flatten().collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
