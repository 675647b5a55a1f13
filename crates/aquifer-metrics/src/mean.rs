//! Means.

use crate::interval::{Interval, Score, Z};

/// The mean with Student's 95 % interval; one item or none has no width to speak of, and says so by infinity.
pub fn mean(values: &[f64]) -> Score {
    let n = values.len();
    let value = if n == 0 { 0.0 } else { values.iter().sum::<f64>() / n as f64 };
    if n < 2 {
        return Score { value, interval: Interval { low: f64::NEG_INFINITY, high: f64::INFINITY }, n };
    }
    let squares: f64 = values.iter().map(|x| (x - value) * (x - value)).sum();
    let half = student(n - 1) * (squares / (n - 1) as f64 / n as f64).sqrt();
    Score { value, interval: Interval { low: value - half, high: value + half }, n }
}

/// The 97.5 % point of Student's distribution: tabled up to 30 degrees of freedom, then the expansion of Cornish and
/// Fisher (Abramowitz & Stegun 26.7.5), which is within 10⁻⁵ there.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
        2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518,
        2.0484, 2.0452, 2.0423,
    ];
    if let Some(&t) = TABLE.get(freedom.wrapping_sub(1)) {
        return t;
    }
    let v = freedom as f64;
    let (z3, z5, z7) = (Z * Z * Z, Z * Z * Z * Z * Z, Z * Z * Z * Z * Z * Z * Z);
    Z + (z3 + Z) / (4.0 * v)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / (96.0 * v * v)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * Z) / (384.0 * v * v * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let score = mean(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((score.value, score.n), (3.0, 5));
        // 3 ± 2.7764 · √2.5 / √5
        assert!((score.interval.high - 4.9632).abs() < 1e-4, "{score:?}");
        for (freedom, t) in [(31, 2.03951), (40, 2.02108), (60, 2.00030), (120, 1.97993), (100_000, 1.95999)] {
            assert!((student(freedom) - t).abs() < 1.5e-5, "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(mean(&[]).value, 0.0);
        assert_eq!(mean(&[2.0]).interval.high, f64::INFINITY);
        assert_eq!(mean(&[2.0; 9]).interval, Interval { low: 2.0, high: 2.0 });
    }
}
