//! Weights of the trie's n-grams: written out, or as numbers of bins (`build_binary -q -b`).

use super::binary::{Parts, f32_at};
use super::bits::read;
use super::hashed::negative;
use super::search::Weights;

/// How weights are packed behind a word.
pub(super) enum Packing {
    /// 31 bits of a probability, whose sign is known, then 32 of a backoff.
    Plain,
    Bins {
        prob_bits: u32,
        backoff_bits: u32,
        /// Where the tables begin: for each middle length the bins of probabilities and of backoffs, then those of the
        /// longest.
        tables: usize,
    },
}

impl Packing {
    pub(super) fn open(bytes: &[u8], parts: &mut Parts, order: usize) -> Result<Self, String> {
        let head = parts.take(8, "the bits of quantisation")?;
        let [version, prob_bits, backoff_bits] = [0, 1, 2].map(|i| u32::from(bytes[head + i]));
        if version != 2 || !(1..=25).contains(&prob_bits) || !(1..=25).contains(&backoff_bits) {
            return Err(format!("its quantisation is version {version} of {prob_bits} and {backoff_bits} bits"));
        }
        let (probs, backoffs) = (4u64 << prob_bits, 4u64 << backoff_bits);
        let tables = parts.take((order as u64 - 2) * (probs + backoffs) + probs, "the bins of quantisation")?;
        Ok(Packing::Bins { prob_bits, backoff_bits, tables })
    }

    /// Bits of a probability and a backoff, and of a probability alone.
    pub(super) fn bits(&self) -> (u32, u32) {
        match *self {
            Packing::Plain => (63, 31),
            Packing::Bins { prob_bits, backoff_bits, .. } => (prob_bits + backoff_bits, prob_bits),
        }
    }

    /// Of an n-gram of `length` words, packed `bit` bits behind byte `start`.
    #[inline(always)]
    pub(super) fn weights(&self, bytes: &[u8], start: usize, bit: u64, length: usize) -> Weights {
        let packed = &bytes[start..];
        match *self {
            Packing::Plain => {
                Weights { prob: plain_prob(packed, bit), backoff: f32::from_bits(read(packed, bit + 31, 32) as u32) }
            }
            Packing::Bins { prob_bits, backoff_bits, tables } => {
                let table = tables + (length - 2) * ((4 << prob_bits) + (4 << backoff_bits));
                let backoff = read(packed, bit, backoff_bits) as usize;
                let prob = read(packed, bit + u64::from(backoff_bits), prob_bits) as usize;
                Weights {
                    prob: f32_at(bytes, table + 4 * prob),
                    backoff: f32_at(bytes, table + (4 << prob_bits) + 4 * backoff),
                }
            }
        }
    }

    /// The probability of one of the longest, of `order` words.
    #[inline(always)]
    pub(super) fn prob(&self, bytes: &[u8], start: usize, bit: u64, order: usize) -> f32 {
        let packed = &bytes[start..];
        match *self {
            Packing::Plain => plain_prob(packed, bit),
            Packing::Bins { prob_bits, backoff_bits, tables } => {
                let table = tables + (order - 2) * ((4 << prob_bits) + (4 << backoff_bits));
                f32_at(bytes, table + 4 * read(packed, bit, prob_bits) as usize)
            }
        }
    }
}

fn plain_prob(packed: &[u8], bit: u64) -> f32 {
    negative(f32::from_bits(read(packed, bit, 31) as u32))
}
