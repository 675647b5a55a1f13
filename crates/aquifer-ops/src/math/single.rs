//! The `f32` functions. Polynomials are minimax fits of our own (Lawson's iteration on 600 Chebyshev nodes,
//! weighted by the relative error of the whole function); the relative error of each fit is noted beside it.

use super::double;

/// Adding and subtracting 1.5·2²³ rounds an `f32` below 2²² to the nearest integer, ties to even; the sum's
/// low bits are that integer.
const ROUND: f32 = 12_582_912.0;

const LN2: f64 = std::f64::consts::LN_2;
/// ln 2 in nine bits, so that its product with any exponent is exact; [`LN2_LO`] is the rest.
const LN2_HI: f32 = 355.0 / 512.0;
const LN2_LO: f32 = (LN2 - 355.0 / 512.0) as f32;

/// `c[0] + c[1]·x + …` by Horner's rule, each step a product rounded and a sum rounded.
#[inline(always)]
fn horner<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut sum = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = sum * x + c[i];
    }
    sum
}

/// eˣ.
///
/// Overflows to infinity, underflows through the subnormals to zero, NaN stays NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Beyond these the result is infinite or zero; comparisons (not `min`) let NaN through.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let r = (x - n * LN2_HI) - n * LN2_LO;
    // (eʳ − 1 − r) / r² on ±ln 2 / 2, within 2⁻²⁸.
    let p = horner(r, [4.999_999_4e-1, 1.666_652_1e-1, 4.166_839e-2, 8.368_711e-3, 1.381_461e-3]);
    let y = (p * (r * r) + r) + 1.0;
    // Two factors, since 2ⁿ itself may be beyond the finite or below the normal numbers.
    let half = power >> 1;
    y * power_of_two(half) * power_of_two(power.wrapping_sub(half))
}

/// 2ⁿ for n in −126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// The natural logarithm: −∞ at ±0, NaN below zero.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    // x = 2ᵉ · m with m in [2/3, 4/3).
    let above = scaled.to_bits().wrapping_sub(0x3F2A_AAAB) as i32;
    let m = f32::from_bits(scaled.to_bits().wrapping_sub((above as u32) & 0xFF80_0000));
    let e = (above >> 23) as f32 - if subnormal { 23.0 } else { 0.0 };
    let f = m - 1.0;
    let f2 = f * f;
    // (log(1 + f) − f + f²/2) / f³ on ±1/3, within 2⁻³⁰ of the logarithm.
    #[rustfmt::skip]
    let p = horner(f, [
        3.333_333_4e-1, -2.499_982e-1, 1.999_959_8e-1, -1.667_957_9e-1, 1.430_445_6e-1, -1.219_577_6e-1,
        1.075_423_66e-1, -1.284_506_8e-1, 1.200_714_9e-1,
    ]);
    let tail = f2 * f * p + e * LN2_LO;
    let y = e * LN2_HI + (f - (0.5 * f2 - tail));
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    let y = if x < 0.0 { f32::NAN } else { y };
    // Infinity and NaN answer themselves.
    if x < f32::INFINITY { y } else { x + x }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let a2 = a * a;
    // (tanh(a)/a − 1) / a² on 0..0.65, within 2⁻²⁷.
    let p = horner(a2, [-3.333_326e-1, 1.333_083e-1, -5.368_802_3e-2, 2.046_942e-2, -5.515_163_8e-3]);
    let near = a + a * a2 * p;
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    (if a < 0.65 { near } else { far }).copysign(x)
}

/// The logistic sigmoid 1 / (1 + e⁻ˣ), accurate far into its lower tail.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// The error function.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    (if a < 1.0 { erf_near(a) } else { 1.0 - erfc_far(a) }).copysign(x)
}

/// erf(a) for a in 0..1.
#[inline(always)]
fn erf_near(a: f32) -> f32 {
    // erf(a)/a − 1 in a², within 2⁻²⁹.
    #[rustfmt::skip]
    let p = horner(a * a, [
        1.283_791_7e-1, -3.761_262_6e-1, 1.128_358_5e-1, -2.685_381_3e-2, 5.188_328e-3, -8.010_194e-4, 7.853_861e-5,
    ]);
    a + a * p
}

/// 1 − erf(a) for a from 1 up; reaches zero near 10.05 by way of the exponential.
#[inline(always)]
fn erfc_far(a: f32) -> f32 {
    // NaN passes, and infinity must not meet 0 · ∞ below.
    let a = if a > 11.0 { 11.0 } else { a };
    let t = 1.0 / (1.0 + 0.5 * a);
    // erfc(a) · exp(a²) / t on 1..10.2, within 2⁻²⁸.
    #[rustfmt::skip]
    let p = horner(t, [
        2.820_847_3e-1, 2.823_725e-1, 2.435_474_8e-1, 1.980_977_4e-1, -4.915_272e-3, 2.217_163_4e-1, -4.044_816_5e-1,
        2.200_961_6e-1, -3.830_553_2e-2,
    ]);
    t * p * exp(-(a * a))
}

/// The sine of an angle in radians, through [`double::sin`]; see there for the domain.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    double::sin(f64::from(x)) as f32
}

/// The cosine of an angle in radians, through [`double::cos`]; see there for the domain.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    double::cos(f64::from(x)) as f32
}

/// xʸ, through [`double::pow`].
#[inline(always)]
pub fn pow(x: f32, y: f32) -> f32 {
    double::pow(f64::from(x), f64::from(y)) as f32
}
