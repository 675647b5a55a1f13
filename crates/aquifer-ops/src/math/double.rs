//! The `f64` functions: Taylor series long enough that the first term left out is below 2⁻⁵⁸ of the result.

/// Adding and subtracting 1.5·2⁵² rounds an `f64` below 2⁵¹ to the nearest integer, ties to even.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// ln 2 with its last 21 bits cleared, so that products with exponents are exact; the rest is [`LN2_LO`].
const LN2_HI: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;

/// π/2 in three pieces, the first two of 33 bits: exact products with multiples up to 2²⁰.
const PIO2_1: f64 = f64::from_bits(0x3FF9_21FB_5440_0000);
const PIO2_2: f64 = f64::from_bits(0x3DD0_B461_1A60_0000);
const PIO2_3: f64 = f64::from_bits(0x3BA3_198A_2E03_7073);

/// Angles beyond this are not reduced exactly.
const MAX_ANGLE: f64 = 1_647_099.0;

/// eˣ; overflows to infinity, underflows to zero, NaN stays NaN.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i64;
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let p = horner(r, INVERSE_FACTORIALS);
    let y = (p * (r * r) + r) + 1.0;
    let half = power >> 1;
    y * power_of_two(half) * power_of_two(power.wrapping_sub(half))
}

/// 2ⁿ for n in −1022..=1023.
#[inline(always)]
fn power_of_two(n: i64) -> f64 {
    f64::from_bits((n.wrapping_add(1023) as u64) << 52)
}

/// The natural logarithm: −∞ at ±0, NaN below zero.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let subnormal = x < f64::MIN_POSITIVE;
    let scaled = if subnormal { x * 4_503_599_627_370_496.0 } else { x };
    // x = 2ᵉ · m with m in [√½, √2).
    let above = scaled.to_bits().wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits()) as i64;
    let m = f64::from_bits(scaled.to_bits().wrapping_sub((above as u64) & 0xFFF0_0000_0000_0000));
    let e = (above >> 52) as f64 - if subnormal { 52.0 } else { 0.0 };
    // log m = 2 artanh(s), s = f / (2 + f); written as f − f·s + s·R so that the large part f stays exact.
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let p = horner(z, ARTANH);
    let y = e * LN2_HI + (f - (s * (f - z * p) - e * LN2_LO));
    let y = if x == 0.0 { f64::NEG_INFINITY } else { y };
    let y = if x < 0.0 { f64::NAN } else { y };
    if x < f64::INFINITY { y } else { x + x }
}

/// The sine of an angle in radians, |x| up to 1.6 million (a million positions of RoPE's fastest angle);
/// NaN beyond.
#[inline(always)]
pub fn sin(x: f64) -> f64 {
    let (quadrant, sine, cosine) = reduced(x);
    let y = if quadrant & 1 == 0 { sine } else { cosine };
    if quadrant & 2 == 0 { y } else { -y }
}

/// The cosine of an angle in radians, |x| up to 1.6 million; NaN beyond.
#[inline(always)]
pub fn cos(x: f64) -> f64 {
    let (quadrant, sine, cosine) = reduced(x);
    let y = if quadrant & 1 == 0 { cosine } else { sine };
    if (quadrant.wrapping_add(1)) & 2 == 0 { y } else { -y }
}

/// The quadrant of an angle, and the sine and cosine of what is left, which is within ±π/4.
#[inline(always)]
fn reduced(x: f64) -> (u64, f64, f64) {
    let x = if x.abs() <= MAX_ANGLE { x } else { f64::NAN };
    let shifted = x * std::f64::consts::FRAC_2_PI + ROUND;
    let n = shifted - ROUND;
    let head = x - n * PIO2_1;
    let middle = n * PIO2_2;
    let rough = head - middle;
    // What the subtraction rounded away (Knuth's two-sum, for either may be the larger), and the third piece.
    let back = rough - head;
    let rest = ((head - (rough - back)) - (middle + back)) - n * PIO2_3;
    let r = rough + rest;
    let low = (rough - r) + rest;
    let z = r * r;
    let sine = r + (low + r * z * horner(z, SINE));
    let cosine = 1.0 + (z * horner(z, COSINE) - r * low);
    (shifted.to_bits(), sine, cosine)
}

/// `c[0] + c[1]·x + …` by Horner's rule, each step a product rounded and a sum rounded.
#[inline(always)]
fn horner<const N: usize>(x: f64, c: [f64; N]) -> f64 {
    let mut sum = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = sum * x + c[i];
    }
    sum
}

/// 1/k! from k = 2: the exponential from its square term on.
const INVERSE_FACTORIALS: [f64; 12] = factorials(2, 1, 1.0);
/// (sin x − x) / x³ in x².
const SINE: [f64; 9] = factorials(3, 2, -1.0);
/// (cos x − 1) / x² in x².
const COSINE: [f64; 9] = factorials(2, 2, -1.0);
/// (2 artanh s − 2 s) / s³ in s².
const ARTANH: [f64; 12] = {
    let mut c = [0.0; 12];
    let mut i = 0;
    while i < c.len() {
        c[i] = 2.0 / (2 * i + 3) as f64;
        i += 1;
    }
    c
};

/// `sign`/first!, sign²/(first + step)!, … (factorials up to 20! are exact in `f64`; larger ones round once).
const fn factorials<const N: usize>(first: u32, step: u32, sign: f64) -> [f64; N] {
    let mut c = [0.0; N];
    let mut i = 0;
    while i < N {
        let (mut factorial, mut k) = (1.0, 2);
        while k <= first + step * i as u32 {
            factorial *= k as f64;
            k += 1;
        }
        c[i] = if i % 2 == 0 { sign / factorial } else { sign * sign / factorial };
        i += 1;
    }
    c
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let a = x.abs();
    // Below this the quotient cancels; a·(1 − a²/3 + 2a⁴/15 − 17a⁶/315) is exact to 2⁻⁵².
    let z = a * a;
    let near = a + a * z * (-1.0 / 3.0 + z * (2.0 / 15.0 + z * (-17.0 / 315.0)));
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    (if a < 0.01 { near } else { far }).copysign(x)
}

/// xʸ with IEEE's special cases. The relative error grows with |y ln x|, to about 10⁻¹³ at the ends of the range.
#[inline(always)]
pub fn pow(x: f64, y: f64) -> f64 {
    let whole = y == y.trunc();
    let odd = whole && y.abs() < 9_007_199_254_740_992.0 && (y * 0.5) != (y * 0.5).trunc();
    let size = exp(y * ln(x.abs()));
    let size = if x.abs() == 1.0 { 1.0 } else { size };
    let size = if odd & x.is_sign_negative() { -size } else { size };
    let undefined = (x < 0.0) & x.is_finite() & y.is_finite() & !whole;
    let size = if undefined | x.is_nan() | y.is_nan() { f64::NAN } else { size };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { size }
}
