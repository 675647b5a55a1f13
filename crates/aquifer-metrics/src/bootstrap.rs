//! The percentile bootstrap: what the score would have been on other draws of as many items.
//!
//! Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.

use crate::interval::{Interval, Score};
use aquifer_tensor::random::Stream;

/// `statistic` of all `n` items, with the 2.5 % and 97.5 % points of its values over `rounds` resamples.
///
/// A resample is a list of `n` item numbers drawn with replacement; the draws depend on the seed alone.
pub fn bootstrap(n: usize, rounds: usize, seed: u64, statistic: impl Fn(&[usize]) -> f64) -> Score {
    let all: Vec<usize> = (0..n).collect();
    let value = statistic(&all);
    if n == 0 || rounds == 0 {
        return Score { value, interval: Interval { low: value, high: value }, n };
    }
    let mut values: Vec<f64> = resamples(n, rounds, seed).map(|draw| statistic(&draw)).collect();
    values.sort_by(f64::total_cmp);
    Score { value, interval: Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) }, n }
}

pub(crate) fn resamples(n: usize, rounds: usize, seed: u64) -> impl Iterator<Item = Vec<usize>> {
    let stream = Stream::new(seed, "metrics.bootstrap", "");
    (0..rounds as u64).map(move |round| (0..n as u64).map(|i| stream.below(round, i, n as u64) as usize).collect())
}

/// Linear between order statistics (Hyndman & Fan's type 7).
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (below, part) = (at as usize, at - at.floor());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mean, wilson};

    #[test]
    fn agrees_with_closed_forms() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 200)).collect();
        let found = bootstrap(200, 4000, 1, |draw| draw.iter().map(|&i| values[i]).sum::<f64>() / 200.0);
        let exact = mean(&values);
        assert_eq!(found.value, exact.value);
        assert!((found.interval.low - exact.interval.low).abs() < 1.0, "{found:?} {exact:?}");
        assert!((found.interval.high - exact.interval.high).abs() < 1.0, "{found:?} {exact:?}");

        let right = bootstrap(500, 4000, 2, |draw| draw.iter().filter(|&&i| i < 350).count() as f64 / 500.0);
        let exact = wilson(350, 500);
        assert!((right.interval.low - exact.low).abs() < 0.008 && (right.interval.high - exact.high).abs() < 0.008);
    }

    #[test]
    fn the_seed_decides() {
        let run = |seed| bootstrap(50, 100, seed, |draw| draw.iter().sum::<usize>() as f64);
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
        assert_eq!(bootstrap(0, 10, 0, |_| 0.5).interval, Interval { low: 0.5, high: 0.5 });
    }

    #[test]
    fn quantiles_are_linear() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[5.0], 0.975), 5.0);
    }
}
