//! Proportions: how many of n.

use crate::interval::{Interval, Score, Z};

/// Wilson's interval for `hits` of `n`: unlike ±1.96 standard errors it stays inside [0, 1] and holds its promise for
/// few items and for scores near 0 or 1.
///
/// Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927. With no items it is
/// all of [0, 1].
pub fn wilson(hits: usize, n: usize) -> Interval {
    if n == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Interval { low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// The share of `true`, with Wilson's interval.
pub fn accuracy(right: &[bool]) -> Score {
    let hits = right.iter().filter(|&&r| r).count();
    let value = if right.is_empty() { 0.0 } else { hits as f64 / right.len() as f64 };
    Score { value, interval: wilson(hits, right.len()), n: right.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
    #[test]
    fn published_values() {
        for (hits, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let found = wilson(hits, n);
            assert!((found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5, "{hits}/{n}: {found:?}");
        }
    }

    #[test]
    fn edges() {
        assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
        assert_eq!(wilson(7, 7).high, 1.0);
        assert_eq!(accuracy(&[]).value, 0.0);
    }
}
