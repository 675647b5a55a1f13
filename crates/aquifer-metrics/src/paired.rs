//! Two systems on the same items.

use crate::bootstrap::{quantile, resamples};
use crate::interval::Interval;
use crate::numbers::{exp, ln};

/// How much better the first of two systems is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Mean difference, first minus second.
    pub difference: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Share of resamples in which the sign of the difference is not that of `difference`, doubled: small when the
    /// order of the two systems does not hang on which items were drawn.
    pub p_value: f64,
}

/// Resamples items, the same for both systems, and looks at the mean difference.
///
/// Koehn, "Statistical significance tests for machine translation evaluation", EMNLP 2004, section 4.
///
/// # Panics
/// If the two are not equally long.
pub fn paired_bootstrap(first: &[f64], second: &[f64], rounds: usize, seed: u64) -> Comparison {
    assert_eq!(first.len(), second.len(), "a paired comparison needs both systems' scores on the same items");
    let n = first.len();
    if n == 0 || rounds == 0 {
        return Comparison { difference: 0.0, interval: Interval { low: 0.0, high: 0.0 }, p_value: 1.0 };
    }
    let gaps: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let difference = gaps.iter().sum::<f64>() / n as f64;
    let mut values: Vec<f64> =
        resamples(n, rounds, seed).map(|draw| draw.iter().map(|&i| gaps[i]).sum::<f64>() / n as f64).collect();
    values.sort_by(f64::total_cmp);
    let against = values.iter().filter(|&&v| v * difference <= 0.0).count();
    let p_value = (2.0 * against as f64 / rounds as f64).min(1.0);
    Comparison {
        difference,
        interval: Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) },
        p_value,
    }
}

/// The two-sided exact p-value when one system alone was right on `only_first` items and the other on `only_second`:
/// the chance that as many fair coins fall at least as unevenly.
///
/// McNemar, Psychometrika 12, 1947, with the binomial distribution in place of its approximation.
pub fn mcnemar_exact(only_first: u64, only_second: u64) -> f64 {
    let (n, k) = (only_first + only_second, only_first.min(only_second));
    // Start from the largest term, C(n, k) / 2ⁿ by its logarithm, and go down by ratios.
    let ln_choose: f64 = (1..=k).map(|j| ln((n - k + j) as f64 / j as f64)).sum();
    let mut term = exp(ln_choose - n as f64 * std::f64::consts::LN_2);
    let mut sum = term;
    for j in (1..=k).rev() {
        term *= j as f64 / (n - j + 1) as f64;
        sum += term;
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_values() {
        // 2 · (1 + 10) / 2¹⁰, 2 · 1 / 2⁶, and the symmetric case.
        assert!((mcnemar_exact(1, 9) - 22.0 / 1024.0).abs() < 1e-15);
        assert!((mcnemar_exact(6, 0) - 2.0 / 64.0).abs() < 1e-15);
        assert_eq!((mcnemar_exact(5, 5), mcnemar_exact(0, 0)), (1.0, 1.0));
        assert!(mcnemar_exact(0, 5000) == 0.0 && mcnemar_exact(4900, 5100) > 0.04);
    }

    #[test]
    fn a_clear_difference_is_seen_and_none_is_not() {
        let first: Vec<f64> = (0..300).map(|i| f64::from(i % 10 < 8)).collect();
        let second: Vec<f64> = (0..300).map(|i| f64::from(i % 10 < 6)).collect();
        let clear = paired_bootstrap(&first, &second, 1000, 7);
        assert!(
            (clear.difference - 0.2).abs() < 1e-12 && clear.interval.low > 0.1 && clear.p_value < 0.01,
            "{clear:?}"
        );
        let none = paired_bootstrap(&first, &first, 1000, 7);
        assert_eq!((none.difference, none.p_value), (0.0, 1.0));
    }
}
