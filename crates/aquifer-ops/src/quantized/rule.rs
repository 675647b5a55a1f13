//! From numbers to small integers and a scale: one group at a time.

use super::format::QuantBits;
use aquifer_tensor::Bf16;

/// Groups whose largest magnitude is below 2⁻¹⁰⁰ count as zeros, so that no scale or its inverse overflows.
const LEAST: f32 = f32::from_bits((127 - 100) << 23);

/// Added to a number of less than 2²², it leaves the nearest integer (ties to even) in the low bits.
const ROUND: f32 = 12_582_912.0;

/// The integer nearest to `x`, ties to even; |x| < 2²². No instruction and no library is asked to round.
#[inline(always)]
fn nearest(x: f32) -> i32 {
    (x + ROUND).to_bits() as i32 - ROUND.to_bits() as i32
}

/// The largest magnitude, as bits: NaN above infinity above all numbers.
#[inline(always)]
fn largest(values: &[f32]) -> u32 {
    values.iter().fold(0, |most, x| most.max(x.to_bits() & 0x7FFF_FFFF))
}

/// What a group with this largest magnitude is multiplied by, and its scale: the zero group for tiny ones, a scale of
/// NaN where something is not finite.
#[inline(always)]
fn edge(largest: u32) -> Option<f32> {
    if largest >= f32::INFINITY.to_bits() {
        return Some(f32::NAN);
    }
    (largest < LEAST.to_bits()).then_some(0.0)
}

/// Quantises activations: `scale = max|x| / 127`, `q = RNE(x · (127 / max|x|))`, from −127 to 127. Returns the scale
/// and the sum of `q`.
#[inline(always)]
pub(super) fn activations(x: &[f32], q: &mut [i8]) -> (f32, i32) {
    let largest = largest(x);
    if let Some(scale) = edge(largest) {
        q.fill(0);
        return (scale, 0);
    }
    let largest = f32::from_bits(largest);
    let inverse = 127.0 / largest;
    let mut sum = 0;
    for (q, x) in q.iter_mut().zip(x) {
        let nearest = nearest(x * inverse);
        *q = nearest as i8;
        sum += nearest;
    }
    (largest / 127.0, sum)
}

/// Quantises weights: `q = RNE(w / scale)`, clamped.
///
/// Eight bits: `scale = max|w| / 127`. Four bits have one level more below zero than above, so the element of
/// largest magnitude (the first of equals) becomes −8: `scale = −element / 8`, or the one near it (see
/// [`SHARES`]) that gives the lowest squared error. Scales are bf16, rounded away from zero so that `max|w|` never
/// needs a level beyond the last.
pub(super) fn weights(w: &[f32], bits: QuantBits, q: &mut [i8]) -> Bf16 {
    let largest = largest(w);
    if let Some(scale) = edge(largest) {
        q.fill(0);
        return Bf16::from_f32(scale);
    }
    match bits {
        QuantBits::Int8 => {
            let scale = away_from_zero(f32::from_bits(largest) / 127.0);
            divide(w, scale.to_f32(), [-127.0, 127.0], q);
            scale
        }
        QuantBits::Int4 => {
            let first = w.iter().copied().find(|x| x.to_bits() & 0x7FFF_FFFF == largest).unwrap_or(0.0);
            let scales = SHARES.map(|share| away_from_zero(first / -8.0 * share));
            let errors = scales.map(|scale| (squared_error(w, scale.to_f32()), scale));
            let (_, scale) =
                errors.into_iter().reduce(|best, e| if e.0 < best.0 { e } else { best }).unwrap_or(errors[0]);
            divide(w, scale.to_f32(), [-8.0, 7.0], q);
            scale
        }
    }
}

/// The scales of four-bit weights that are tried, as parts of the one that reaches the largest element.
const SHARES: [f32; 9] = [1.0, 1.12, 1.06, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7];

#[inline(always)]
fn level(w: f32, scale: f32, [low, high]: [f32; 2]) -> f32 {
    nearest((w / scale).clamp(low, high)) as f32
}

fn divide(w: &[f32], scale: f32, range: [f32; 2], q: &mut [i8]) {
    for (q, &w) in q.iter_mut().zip(w) {
        *q = level(w, scale, range) as i8;
    }
}

/// In eight interleaved lanes, so that the sum is the same however it is vectorised; in units of the scale, so that
/// nothing underflows.
fn squared_error(w: &[f32], scale: f32) -> f64 {
    let mut lanes = [0.0_f32; 8];
    for (at, &w) in w.iter().enumerate() {
        let miss = w / scale - level(w, scale, [-8.0, 7.0]);
        lanes[at % 8] += miss * miss;
    }
    lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>() * f64::from(scale) * f64::from(scale)
}

/// The bf16 of the same sign, at least as large.
fn away_from_zero(x: f32) -> Bf16 {
    let bits = x.to_bits();
    Bf16::from_bits((bits >> 16) as u16 + u16::from(bits & 0xFFFF != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_testkit::noise;

    #[test]
    fn ties_go_to_even_and_extremes_stay_in_range() {
        for (x, want) in [(0.5, 0), (1.5, 2), (-0.5, 0), (-2.5, -2), (126.5, 126), (127.0, 127), (-127.0, -127)] {
            assert_eq!(nearest(x), want, "{x}");
        }
        let mut q = [0; 3];
        assert_eq!(activations(&[1e30, -1e30, 0.0], &mut q), (1e30 / 127.0, 0));
        assert_eq!(q, [127, -127, 0]);
    }

    #[test]
    fn groups_that_are_tiny_are_zero_and_those_that_are_not_finite_are_nan() {
        let mut q = [9; 2];
        assert_eq!(activations(&[1e-40, -0.0], &mut q), (0.0, 0));
        assert_eq!(weights(&[1e-40, 0.0], QuantBits::Int4, &mut q).to_f32(), 0.0);
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(activations(&[1.0, odd], &mut q).0.is_nan() && q == [0, 0]);
            assert!(weights(&[1.0, odd], QuantBits::Int8, &mut q).is_nan() && q == [0, 0]);
        }
    }

    /// Half a step at most, save where four bits cannot reach the largest element of the other sign.
    #[test]
    fn every_number_is_at_its_nearest_level() {
        for seed in ["a", "b", "c"] {
            let w: Vec<f32> = noise(seed, 64);
            let mut q = [0; 64];
            let scale = weights(&w, QuantBits::Int8, &mut q).to_f32();
            let (x_scale, mut x) = (activations(&w, &mut [0; 64]).0, [0; 64]);
            activations(&w, &mut x);
            for i in 0..64 {
                assert!((w[i] - f32::from(q[i]) * scale).abs() <= 0.5001 * scale);
                assert!((w[i] - f32::from(x[i]) * x_scale).abs() <= 0.5001 * x_scale);
            }
            let scale = weights(&w, QuantBits::Int4, &mut q).to_f32();
            let near = |i: usize| (w[i] - f32::from(q[i]) * scale).abs() <= 0.5001 * scale.abs();
            assert!((0..64).all(|i| near(i) || q[i] == 7 || q[i] == -8));
        }
    }
}
