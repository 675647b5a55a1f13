//! Logarithm and exponential with the same bits on every machine: additions, multiplications and divisions, each
//! rounded once, in one order. Within 2 units in the last place of the exact value.

/// 1 / ln 2.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// ln 2 in two parts; the first has 32 trailing zero bits, so that its product with an exponent is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_0000_0000);
const LN_2_LOW: f64 = 4.749_325_039_031_672_6e-7;

/// The natural logarithm: NaN below zero, −∞ at zero.
pub fn ln(x: f64) -> f64 {
    match parts(x) {
        Ok((exponent, ln_m)) => exponent * LN_2_HIGH + (exponent * LN_2_LOW + ln_m),
        Err(special) => special,
    }
}

/// The logarithm to base two, exact at powers of two.
pub fn log2(x: f64) -> f64 {
    match parts(x) {
        Ok((exponent, ln_m)) => exponent + ln_m * LOG2_E,
        Err(special) => special,
    }
}

/// Exponent and ln m of `x = m · 2^exponent` with m in [√½, √2].
fn parts(x: f64) -> Result<(f64, f64), f64> {
    if x.is_nan() || x < 0.0 {
        return Err(f64::NAN);
    }
    if x == 0.0 {
        return Err(f64::NEG_INFINITY);
    }
    if x == f64::INFINITY {
        return Err(x);
    }
    // Subnormal numbers have no exponent of their own: bring them up by 2^54 first.
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * 18_014_398_509_481_984.0, -54.0) } else { (x, 0.0) };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64 + shift;
    let mut m = f64::from_bits(bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …) with s = (m − 1)/(m + 1), |s| ≤ 0.1716: twelve terms leave 10⁻¹⁹.
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = (1..12).rev().fold(0.0, |sum, k| (sum + 1.0 / f64::from(2 * k + 1)) * s2);
    Ok((exponent, 2.0 * s + 2.0 * s * series))
}

/// e to the power x.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.79 {
        return f64::INFINITY;
    }
    if x < -745.2 {
        return 0.0;
    }
    // x = k ln 2 + r with |r| ≤ 0.35; eᵣ by its series, 16 terms leave 10⁻²¹.
    let scaled = x * LOG2_E;
    let k = (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i64;
    let r = (x - k as f64 * LN_2_HIGH) - k as f64 * LN_2_LOW;
    let tail = (2..17).rev().fold(0.0, |sum, n| (sum + 1.0) * (r / f64::from(n)));
    let value = 1.0 + (r + r * tail);
    // Two factors, because 2^k alone may overflow or vanish where the product does not.
    let half = k / 2;
    value * power_of_two(half) * power_of_two(k - half)
}

fn power_of_two(k: i64) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    proptest! {
        #[test]
        fn near_the_platform(x in 1e-300_f64..1e300, y in -700.0_f64..700.0, near_one in 0.5_f64..2.0) {
            prop_assert!(ulps(ln(x), x.ln()) <= 2, "ln {x}");
            prop_assert!(ulps(log2(x), x.log2()) <= 2, "log2 {x}");
            prop_assert!(ulps(exp(y), y.exp()) <= 2, "exp {y}");
            prop_assert!((ln(near_one) - near_one.ln()).abs() <= 2.0 * f64::EPSILON * near_one.ln().abs());
        }
    }

    #[test]
    fn edges() {
        assert_eq!((ln(1.0), exp(0.0), log2(1.0)), (0.0, 1.0, 0.0));
        let powers = std::iter::successors(Some(f64::MIN_POSITIVE), |x| Some(2.0 * x)).take_while(|x| x.is_finite());
        assert!(powers.zip(-1022_i32..).all(|(x, k)| log2(x) == f64::from(k)));
        assert_eq!(log2(5e-324), -1074.0);
        assert_eq!((ln(0.0), ln(f64::INFINITY)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan() && exp(f64::NAN).is_nan());
        assert_eq!((exp(710.0), exp(-750.0)), (f64::INFINITY, 0.0));
        assert!(ulps(exp(709.7), 709.7_f64.exp()) <= 2 && ulps(exp(-740.0), (-740.0_f64).exp()) <= 2);
        assert!(ulps(ln(5e-324), 5e-324_f64.ln()) <= 2);
    }
}
