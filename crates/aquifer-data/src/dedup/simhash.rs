//! SimHash: one fingerprint a document, near for texts that are.
//!
//! Charikar, "Similarity estimation techniques from rounding algorithms", 2002; Manku, Jain and Das Sarma, "Detecting
//! near-duplicates for web crawling", 2007. Fingerprints and what counts as near are those of text-dedup 0.4.0.

use super::clusters::Groups;
use super::method::join_equal;
use super::spill::Sorter;
use aquifer_record::FileError;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// Makes and compares fingerprints of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimHash {
    /// Characters in a shingle.
    pub n_grams: usize,
    /// Bits in which fingerprints of near duplicates may differ, 63 at most.
    pub differences: u32,
}

impl Default for SimHash {
    fn default() -> Self {
        SimHash { n_grams: 3, differences: 3 }
    }
}

/// Shorter texts have no fingerprint.
const LEAST_CHARS: usize = 5;

impl SimHash {
    /// A bit for each of the 64 of XXH3 in which most of the text's distinct shingles, in lower case, have a one. `None` for
    /// fewer than five characters.
    pub fn fingerprint(&self, text: &str) -> Option<u64> {
        let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let chars = starts.len();
        starts.push(text.len());
        if chars < LEAST_CHARS {
            return None;
        }
        // A text shorter than a shingle is one.
        let n = self.n_grams.clamp(1, chars);
        let mut shingles: FxHashSet<u64> = FxHashSet::default();
        let mut ones = [0_i32; 64];
        for run in starts.windows(n + 1) {
            let shingle = &text[run[0]..run[n]];
            let hash = match shingle.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
                true => XxHash3_64::oneshot(shingle.to_lowercase().as_bytes()),
                false => XxHash3_64::oneshot(shingle.as_bytes()),
            };
            if shingles.insert(hash) {
                ones.iter_mut().enumerate().for_each(|(bit, ones)| *ones += (hash >> bit & 1) as i32);
            }
        }
        let most = |ones: i32| 2 * ones as usize > shingles.len();
        Some((0..64).fold(0, |print, bit| print | u64::from(most(ones[bit])) << bit))
    }

    /// Joins documents (records of fingerprint and number) that differ in few bits.
    ///
    /// Cut into one block more than bits may differ, two such fingerprints have a block in common: so only those that have
    /// are compared. Equal ones are joined first, and take part once.
    pub(super) fn join_near(&self, prints: Sorter, groups: &mut Groups) -> Result<(), FileError> {
        let blocks = self.differences.min(63) + 1;
        let mut by_block = Sorter::new(1 + 8 + 8 + 4, prints.spill().clone());
        let spread = |print: &[u8], before: Option<u32>, first: u32| {
            if before.is_some() {
                return Ok(());
            }
            let value = u64::from_be_bytes(print.try_into().expect("eight bytes"));
            (0..blocks).try_for_each(|block| {
                let key = (value & mask(block, blocks)).to_be_bytes();
                by_block.push(&[&[block as u8], &key[..], print, &first.to_be_bytes()].concat())
            })
        };
        join_equal(prints, spread, groups)?;
        let parse = |record: &[u8]| {
            let (print, number) = record.split_at(8);
            let print = u64::from_be_bytes(print.try_into().expect("eight bytes"));
            (print, u32::from_be_bytes(number.try_into().expect("four bytes")))
        };
        by_block.finish()?.each_group(1 + 8, |_, members| {
            let members: Vec<(u64, u32)> = members.iter().map(|record| parse(record)).collect();
            for (i, &(print, number)) in members.iter().enumerate() {
                for &(other, other_number) in &members[i + 1..] {
                    if (print ^ other).count_ones() <= self.differences {
                        groups.join(number, other_number);
                    }
                }
            }
        })
    }
}

/// The bits of block `i` of `blocks`.
fn mask(i: u32, blocks: u32) -> u64 {
    let below = |bit: u32| 1_u128.checked_shl(bit).map_or(0, |bit| bit - 1);
    (below((i + 1) * 64 / blocks) ^ below(i * 64 / blocks)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::Method;
    use crate::dedup::spill::Spill;
    use aquifer_corpus::Document;
    use serde_json::Value;

    #[test]
    fn fingerprints_and_clusters_are_text_dedups() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/dedup/simhash.json")).unwrap();
        let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
        let prints: Vec<Option<String>> = serde_json::from_value(golden["prints"].clone()).unwrap();
        let simhash = SimHash::default();
        for (text, expected) in texts.iter().zip(&prints) {
            assert_eq!(simhash.fingerprint(text).map(|p| p.to_string()), *expected, "{text}");
        }
        let of: Vec<u32> = serde_json::from_value(golden["of"].clone()).unwrap();
        let documents: Vec<Document> = texts.iter().map(|text| Document::new("", text.as_str())).collect();
        for memory in [0, 1 << 20] {
            let clusters = Method::SimHash(simhash).clusters(&documents, Spill::to_temporary(memory)).unwrap();
            assert_eq!(clusters.of, of);
        }
    }

    #[test]
    fn blocks_cover_every_bit_once() {
        for blocks in 1..=64 {
            let all = (0..blocks).map(|i| mask(i, blocks)).inspect(|mask| assert_ne!(*mask, 0));
            assert_eq!(all.sum::<u64>(), u64::MAX, "{blocks}");
        }
    }
}
