//! A falling exponential and what is made of it: the normal distribution and GELU's two gates. The only functions here that
//! contract products with sums. The distributions are `e · q(a)` for an exponential `e` of a = |x| and a smooth `q`, so that
//! one half of the axis serves both.
//!
//! `f32::mul_add` rounds once by IEEE's definition: an instruction with AVX2 and AVX-512, elsewhere the standard library's
//! function, slow and of the same bits (`matmul::exact` tests that it rounds once).

use crate::gelu::{CUBIC, ROOT_2_OVER_PI};
use std::f64::consts::LOG2_E;

/// Adding 1.5·2²³ + 127 rounds an `f32` in −127..0 to the nearest integer; the sum's low bits, moved to the exponent's place,
/// are two to that power, and zero for −127.
const ROUND: f32 = 12_583_039.0;

/// `c[0] + c[1]·x + …` by Horner's rule, each step rounded once.
#[inline(always)]
fn horner<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut sum = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = sum.mul_add(x, c[i]);
    }
    sum
}

/// 2^(a·b) for a·b in −127..0 with the product unrounded; zero from −126.5 down.
#[inline(always)]
fn power_of_two(a: f32, b: f32) -> f32 {
    let shifted = a.mul_add(b, ROUND);
    let r = a.mul_add(b, ROUND - shifted);
    // 2ʳ on ±½, within 2⁻²⁸.
    #[rustfmt::skip]
    let p = horner(r, [
        1.0, 6.931_472e-1, 2.402_264_8e-1, 5.550_332e-2, 9.618_439e-3, 1.339_900_3e-3, 1.535_325_9e-4,
    ]);
    p * f32::from_bits(shifted.to_bits() << 23)
}

/// eˣ for x up to 0, within 3e-7 absolute; zero from −87.7 down. NaN stays NaN.
#[inline(always)]
pub(crate) fn falling_exp(x: f32) -> f32 {
    let x = if x < -88.0 { -88.0 } else { x };
    power_of_two(x, std::f32::consts::LOG2_E)
}

/// |x|, at most `limit`, where the exponential has reached zero; NaN stays NaN.
#[inline(always)]
fn size(x: f32, limit: f32) -> f32 {
    let a = x.abs();
    if a > limit { limit } else { a }
}

/// One side of a distribution function that mirrors itself, F(−|x|) = e · q, and what its slope is made of.
pub(crate) struct Tail {
    e: f32,
    q: f32,
    /// |x| · F′(x).
    rise: f32,
}

impl Tail {
    /// F(x).
    #[inline(always)]
    fn cdf(&self, x: f32) -> f32 {
        if x < 0.0 { self.e * self.q } else { (-self.e).mul_add(self.q, 1.0) }
    }

    /// x · F(x).
    #[inline(always)]
    pub(crate) fn gated(&self, x: f32) -> f32 {
        x * self.cdf(x)
    }

    /// The derivative of x · F(x).
    #[inline(always)]
    pub(crate) fn gated_slope(&self, x: f32) -> f32 {
        let s = self.e.mul_add(self.q, -self.rise);
        if x < 0.0 { s } else { 1.0 - s }
    }
}

/// The standard normal's: F = Φ, with Φ(−a) = exp(−a²/2) · N(a) / D(a).
#[inline(always)]
pub(crate) fn normal_tail(x: f32) -> Tail {
    const HALF_LOG2_E: f32 = (0.5 * LOG2_E) as f32;
    const DENSITY: f32 = 0.398_942_3; // 1/√(2π)
    let a = size(x, 13.25);
    let e = power_of_two(a * a, -HALF_LOG2_E);
    // Φ(−a) · exp(a²/2) on 0..13.3, within 2⁻²⁵ (1 + 3a²): minimax, weighted so, by iterated linear fits.
    let n = horner(a, [0.5, 3.346_442_2e-1, 1.041_555_5e-1, 1.349_357_7e-2]);
    let d = horner(a, [1.0, 1.467_171_7, 8.789_611e-1, 2.605_957e-1, 3.383_888e-2]);
    Tail { e, q: n / d, rise: x.abs() * DENSITY * e }
}

/// The logistic of GELU's form by tanh, (1 + tanh u) / 2 = 1 / (1 + e⁻²ᵘ), u = √(2/π) (x + 0.044715 x³).
#[inline(always)]
pub(crate) fn cubic_tail(x: f32) -> Tail {
    const POWER: [f32; 2] = [(-2.0 * LOG2_E * ROOT_2_OVER_PI) as f32, (-2.0 * LOG2_E * ROOT_2_OVER_PI * CUBIC) as f32];
    const SLOPE: [f32; 2] = [(2.0 * ROOT_2_OVER_PI) as f32, (6.0 * ROOT_2_OVER_PI * CUBIC) as f32];
    let a = size(x, 10.03);
    let a2 = a * a;
    let e = power_of_two(a, horner(a2, POWER));
    let q = 1.0 / (1.0 + e);
    Tail { e, q, rise: x.abs() * horner(a2, SLOPE) * (e * q * q) }
}

/// The distribution function of the standard normal, Φ(x); its lower tail goes to zero, reached at −13.24, with a
/// relative error of 1.5e-6 at −4 and 1.5e-5 at −13, from rounding x². Products and sums are contracted as written.
#[inline(always)]
pub fn normal_cdf(x: f32) -> f32 {
    normal_tail(x).cdf(x)
}
