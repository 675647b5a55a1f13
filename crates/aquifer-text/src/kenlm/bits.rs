//! Numbers of any width up to 57 bits, packed one behind the other.

use super::binary::u64_at;

/// Bits that hold every number up to `max`.
pub(super) fn width_of(max: u64) -> u32 {
    u64::BITS - max.leading_zeros()
}

/// The `width` bits from `bit` on; widths up to 57.
#[inline(always)]
pub(super) fn read(bytes: &[u8], bit: u64, width: u32) -> u64 {
    (u64_at(bytes, (bit >> 3) as usize) >> (bit & 7)) & ((1 << width) - 1)
}

/// The place of `key` in the ascending numbers that `value` gives for `begin..end`, all of them at most `max`.
///
/// A guess by proportion finds evenly spread keys in a few steps. A few misses and it goes on by halves.
#[inline(always)]
pub(super) fn find(mut begin: u64, mut end: u64, max: u64, key: u64, value: impl Fn(u64) -> u64) -> Option<u64> {
    const GUESSES: usize = 8;
    let (mut low, mut high) = (0, max);
    // The upper half of a hash is enough to guess by, and its products do not overflow.
    let shift = if max > u64::from(u32::MAX) { 32 } else { 0 };
    for step in 0.. {
        if begin >= end || key < low || key > high {
            return None;
        }
        let width = end - begin;
        let at = match step < GUESSES {
            true => {
                let share = ((key - low) >> shift).saturating_mul(width) / (((high - low) >> shift) + 1);
                begin + share.min(width - 1)
            }
            false => begin + width / 2,
        };
        let found = value(at);
        match found.cmp(&key) {
            std::cmp::Ordering::Equal => return Some(at),
            std::cmp::Ordering::Less => (begin, low) = (at + 1, found),
            std::cmp::Ordering::Greater => (end, high) = (at, found),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_key_is_found(mut keys in prop::collection::btree_set(0u64..5000, 0..200), absent in 0u64..5000) {
            let max = 5000;
            let there = keys.contains(&absent);
            let list: Vec<u64> = std::mem::take(&mut keys).into_iter().collect();
            for (i, &key) in list.iter().enumerate() {
                prop_assert_eq!(find(0, list.len() as u64, max, key, |at| list[at as usize]), Some(i as u64));
            }
            prop_assert_eq!(find(0, list.len() as u64, max, absent, |at| list[at as usize]).is_some(), there);
        }
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 3, 4, u64::MAX].map(width_of), [0, 1, 2, 2, 3, 64]);
        assert_eq!(read(&[0b1011_0000, 0b1, 0, 0, 0, 0, 0, 0, 0], 4, 5), 0b1_1011);
    }
}
