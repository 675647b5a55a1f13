//! Universal hashing modulo the Mersenne prime 2⁶¹ − 1, with numpy's parameters.
//!
//! Carter and Wegman, "Universal classes of hash functions", 1979. The programs whose signatures are to be met byte for
//! byte compute `(h·a + b) mod (2⁶¹ − 1)` with numpy's 64-bit integers, so product and sum wrap at 2⁶⁴ *before* the
//! modulus; and they draw `a` and `b` with numpy's legacy generator. Both are reproduced here.

use super::mt19937::Mt19937;
use aquifer_tensor::isa::{self, Isa};

/// 2⁶¹ − 1.
pub const PRIME: u64 = (1 << 61) - 1;

/// Functions kept in vector registers together; parameters are padded to a multiple of it.
const TILE: usize = 16;

/// Hash functions `x ↦ (x·a + b) mod (2⁶¹ − 1)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    a: Vec<u64>,
    b: Vec<u64>,
    len: usize,
}

impl Family {
    /// `RandomState(seed)`: first every `a` of 1..p, then every `b` of 0..p. datatrove's order.
    pub fn in_blocks(seed: u32, len: usize) -> Self {
        let mut random = Mt19937::new(seed);
        let a = (0..len).map(|_| random.between(1, PRIME)).collect();
        Self::padded(a, (0..len).map(|_| random.between(0, PRIME)).collect())
    }

    /// `RandomState(seed)`: `a` and `b` in turn. The order of text-dedup, The Stack and FlagData.
    pub fn in_pairs(seed: u32, len: usize) -> Self {
        let mut random = Mt19937::new(seed);
        Self::padded_pairs((0..len).map(|_| (random.between(1, PRIME), random.between(0, PRIME))))
    }

    fn padded_pairs(pairs: impl Iterator<Item = (u64, u64)>) -> Self {
        let (a, b) = pairs.unzip();
        Self::padded(a, b)
    }

    fn padded(mut a: Vec<u64>, mut b: Vec<u64>) -> Self {
        let len = a.len();
        a.resize(len.next_multiple_of(TILE), 0);
        b.resize(len.next_multiple_of(TILE), 0);
        Family { a, b, len }
    }

    /// How many functions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of function `i` at `x`.
    pub fn value(&self, i: usize, x: u64) -> u64 {
        reduce(x.wrapping_mul(self.a[i]).wrapping_add(self.b[i]))
    }

    /// For every function its least value over `shingles`, of which only the bits of `mask` count; `mask` itself where
    /// there is no shingle.
    pub fn least(&self, shingles: &[u64], mask: u64) -> Vec<u64> {
        let mut out = vec![mask; self.a.len()];
        match isa::active() {
            // SAFETY: the instruction set is there.
            #[cfg(target_arch = "x86_64")]
            isa if isa >= Isa::Avx512 => unsafe { least_avx512(self, shingles, mask, &mut out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { least_avx2(self, shingles, mask, &mut out) },
            _ => least(self, shingles, mask, &mut out),
        }
        out.truncate(self.len);
        out
    }
}

/// `x mod (2⁶¹ − 1)` for any `x`.
#[inline(always)]
fn reduce(x: u64) -> u64 {
    // 2⁶¹ is 1, so the upper three bits are added to the rest; what is then below the prime wraps to above it.
    let folded = (x & PRIME) + (x >> 61);
    folded.min(folded.wrapping_sub(PRIME))
}

#[inline(always)]
fn least(family: &Family, shingles: &[u64], mask: u64, out: &mut [u64]) {
    let tiles = out.as_chunks_mut::<TILE>().0.iter_mut();
    let parameters = family.a.as_chunks::<TILE>().0.iter().zip(family.b.as_chunks::<TILE>().0);
    for (out, (a, b)) in tiles.zip(parameters) {
        let mut least = *out;
        for &x in shingles {
            for i in 0..TILE {
                least[i] = least[i].min(reduce(x.wrapping_mul(a[i]).wrapping_add(b[i])) & mask);
            }
        }
        *out = least;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn least_avx512(family: &Family, shingles: &[u64], mask: u64, out: &mut [u64]) {
    least(family, shingles, mask, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn least_avx2(family: &Family, shingles: &[u64], mask: u64, out: &mut [u64]) {
    least(family, shingles, mask, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_numpys() {
        // numpy 2.4.6: `g = RandomState(s); g.randint(1, p, dtype=uint64, size=5), g.randint(0, p, dtype=uint64, size=5)`.
        let one = Family::in_blocks(1, 5);
        assert_eq!(
            one.a[..5],
            [775169054918279404, 1758426461858698313, 2109959069025162, 965365488286768774, 401325382989534145]
        );
        assert_eq!(
            one.b[..5],
            [1703346441743126657, 1130051441076870727, 1762784241922636284, 401538927472639257, 716042322565387540]
        );
        // The same with seed 42, drawing `a` and `b` in turn.
        let pairs = Family::in_pairs(42, 3);
        assert_eq!(pairs.a[..3], [2297359619001564596, 1973689801170867272, 572192888165898362]);
        assert_eq!(pairs.b[..3], [1396682528897996046, 1819927849474927636, 571748048327668950]);
        // The 700th with seed 1, past the generator's first block of 624 words.
        assert_eq!(Family::in_blocks(1, 700).a[699], 677210390895582867);
    }

    proptest! {
        #[test]
        fn reduced_is_the_remainder(x: u64, near in 0_u64..8, off in -3_i64..4) {
            for x in [x, (near * PRIME).wrapping_add_signed(off), u64::MAX] {
                prop_assert_eq!(reduce(x), x % PRIME);
            }
        }

        #[test]
        fn every_instruction_set_gives_the_same(
            shingles in prop::collection::vec(any::<u64>(), 0..40), len in 0_usize..40, narrow: bool,
        ) {
            let (family, mask) = (Family::in_blocks(7, len), if narrow { u64::from(u32::MAX) } else { u64::MAX });
            let plain: Vec<u64> = (0..len)
                .map(|i| shingles.iter().map(|&x| family.value(i, x) & mask).min().unwrap_or(mask))
                .collect();
            for &isa in isa::available() {
                prop_assert_eq!(&isa::with(isa, || family.least(&shingles, mask)), &plain);
            }
        }
    }
}
