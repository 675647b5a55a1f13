//! The arithmetic of one step of a product, in plain integer and `f64` operations: what every vector kernel
//! must agree with, bit for bit (any NaN equal to any NaN).

use crate::Precision;
use aquifer_tensor::Bf16;

/// `x` rounded to bf16 as `vcvtneps2bf16` does it: to nearest even, a subnormal `f32` to a zero of its sign, a
/// NaN to a quiet NaN, a finite value beyond the largest bf16 to infinity.
#[inline(always)]
pub(crate) fn round_bf16(x: f32) -> u16 {
    if x.to_bits() & 0x7F80_0000 == 0 { (x.to_bits() >> 16) as u16 & 0x8000 } else { narrow(x) }
}

/// `x` rounded to bf16 as a value to be stored: [`round_bf16`], but subnormals stay what they are.
#[inline(always)]
pub(crate) fn narrow(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
    ((if x.is_nan() { bits | 0x40_0000 } else { rounded }) >> 16) as u16
}

/// The `f32` of a bf16's bits.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    Bf16::from_bits(bits).to_f32()
}

/// Which part of an element a packed operand holds; its bf16 rounding is what is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// All of it.
    Whole,
    /// Of a sum of bf16 values, the first: a finite element beyond the largest bf16 clamps to it.
    First,
    /// What the first leaves.
    Second,
    /// What the first two leave: exact but for subnormals.
    Third,
}

impl Piece {
    /// The pieces of an operand of this precision.
    pub(super) const fn all(precision: Precision) -> &'static [Piece] {
        match precision {
            Precision::F32 | Precision::Bf16(_) => &[Piece::Whole],
            Precision::Bf16x3(_) => &[Piece::First, Piece::Second],
            Precision::Bf16x6(_) => &[Piece::First, Piece::Second, Piece::Third],
        }
    }

    /// The piece of `x`, before its rounding. Every subtraction is exact; an infinity leaves NaN.
    #[inline(always)]
    pub(super) fn of(self, x: f32) -> f32 {
        let rest = |x: f32| x - widen(round_bf16(x));
        let first = || if x.is_finite() { x.clamp(-LARGEST_BF16, LARGEST_BF16) } else { x };
        match self {
            Piece::Whole => x,
            Piece::First => first(),
            Piece::Second => x - widen(round_bf16(first())),
            Piece::Third => rest(x - widen(round_bf16(first()))),
        }
    }
}

/// The largest finite bf16.
pub(super) const LARGEST_BF16: f32 = f32::from_bits(0x7F7F_0000);

const SMALLEST_NORMAL: f64 = f32::MIN_POSITIVE as f64;

/// A subnormal read as a zero of its sign.
#[inline(always)]
fn daz(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(x) } else { x }
}

/// A finite `f64` rounded once to `f32`, a tiny result flushed to a zero of its sign. Tiny is judged as the
/// hardware does, after rounding to 24 bits with an unbounded exponent: hence the quarter of a unit.
#[inline(always)]
fn round_and_flush(x: f64) -> f32 {
    const LEAST_ROUNDED_UP: f64 = SMALLEST_NORMAL - SMALLEST_NORMAL / (1 << 25) as f64;
    let magnitude = x.abs();
    if magnitude < LEAST_ROUNDED_UP { 0.0_f32.copysign(x as f32) } else { x as f32 }
}

/// `a · b + c` for bf16 values `a` and `b`, rounded once, with DAZ and FTZ.
///
/// The product has 16 significant bits, so the `f64` sum is either exact or so lopsided that its rounding
/// cannot move the `f32` one.
#[inline(always)]
pub(crate) fn fma_flushed(a: f32, b: f32, c: f32) -> f32 {
    round_and_flush(daz(a) as f64 * daz(b) as f64 + daz(c) as f64)
}

/// `a + b` with DAZ and FTZ.
#[inline(always)]
pub(crate) fn add_flushed(a: f32, b: f32) -> f32 {
    daz(daz(a) + daz(b))
}

/// `a · b + c` rounded once. Where the compiler has no FMA, by `f64` rounded to odd: no library is asked.
#[inline(always)]
pub(crate) fn fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        return a.mul_add(b, c);
    }
    let (product, c) = (a as f64 * b as f64, c as f64);
    let sum = product + c;
    let rest = sum - product;
    let error = (product - (sum - rest)) + (c - rest);
    // A sum that lost something and ends even moves one step towards what it lost, so that its last bit says
    // "inexact" and the second rounding cannot meet a false tie.
    let bits = sum.to_bits();
    if error != 0.0 && bits & 1 == 0 && sum.is_finite() {
        let step = if (error > 0.0) == (sum > 0.0) { 1 } else { u64::MAX };
        return f64::from_bits(bits.wrapping_add(step)) as f32;
    }
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_tensor::random::Stream;

    fn noise(n: usize) -> Vec<f32> {
        let stream = Stream::new(7, "matmul", "exact");
        (0..n as u64).map(|i| f32::from_bits(stream.word(0, i))).collect()
    }

    #[test]
    fn the_portable_fma_rounds_once() {
        let x = noise(300_000);
        for abc in x.chunks_exact(3) {
            // Close exponents, where ties and cancellations live.
            let near = |v: f32| f32::from_bits(v.to_bits() & 0x81FF_FFFF | 0x3E00_0000);
            for [a, b, c] in [[abc[0], abc[1], abc[2]], [near(abc[0]), near(abc[1]), near(abc[2])]] {
                let (got, want) = (fma(a, b, c), a.mul_add(b, c));
                assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{a:e} {b:e} {c:e}");
            }
        }
    }

    #[test]
    fn three_pieces_are_the_number() {
        let order = crate::Bf16Order::Pair;
        let at_least = f32::from_bits((127 - 100) << 23);
        for x in noise(100_000).into_iter().filter(|x| x.is_finite() && x.abs() >= at_least) {
            let sum = |precision| {
                let pieces = Piece::all(precision).iter().map(|piece| widen(round_bf16(piece.of(x))));
                pieces.map(f64::from).sum::<f64>()
            };
            assert_eq!(sum(Precision::Bf16x6(order)), f64::from(x), "{x:e}");
            let error = (sum(Precision::Bf16x3(order)) / f64::from(x) - 1.0).abs();
            assert!(error <= 1.0 / (1 << 17) as f64 || x.abs() > LARGEST_BF16, "{x:e}: {error:e}");
        }
        assert!(Piece::Second.of(f32::INFINITY).is_nan() && Piece::First.of(f32::INFINITY).is_infinite());
    }

    #[test]
    fn bf16_rounding_is_to_nearest_even() {
        for x in noise(100_000).into_iter().filter(|x| x.is_normal() || x.is_infinite()) {
            assert_eq!(round_bf16(x), Bf16::from_f32(x).to_bits(), "{x:e}");
        }
        for x in noise(100_000) {
            assert_eq!(narrow(x), Bf16::from_f32(x).to_bits(), "{x:e}");
        }
        assert_eq!((round_bf16(-1e-40), round_bf16(f32::MAX)), (0x8000, 0x7F80));
        assert!(widen(round_bf16(f32::NAN)).is_nan() && widen(round_bf16(f32::from_bits(0x7F80_0001))).is_nan());
    }
}
