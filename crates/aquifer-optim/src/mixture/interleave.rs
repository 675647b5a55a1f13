//! Whose turn it is, in proportion after every turn.
//!
//! In a period of `P` turns source `k` has `s` of them, and its turn `j` has a window, from `⌊jP/s⌋` up to `⌈(j+1)P/s⌉`.
//! Where every turn lies in its window, no source is ever a whole turn ahead or behind its part. Such an order always
//! exists, and taking the open window that closes first finds it (Tijdeman, "The chairman assignment problem", Discrete
//! Mathematics 32, 1980; Baruah et al., "Proportionate progress", Algorithmica 15, 1996).

use super::MixtureError;
use aquifer_ops::math;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The longest period: weights that are not short decimal numbers are rounded to millionths of the mixture.
const LONGEST: u64 = 1_000_000;

/// The order in which sources have their turns, without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interleave {
    shares: Vec<u64>,
    /// Source, and its turns before this one, for each turn of a period.
    turns: Vec<(u32, u32)>,
}

/// One turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose it is.
    pub source: usize,
    /// Turns that source had before.
    pub nth: u64,
}

impl Interleave {
    /// The order for sources of these weights. Weights that are whole or decimal numbers, such as `3, 1` or
    /// `0.75, 0.25`, hold exactly; others to a millionth of their sum.
    ///
    /// # Errors
    /// [`MixtureError`] if there are none, or one is not above 0, or less than a millionth of their sum.
    pub fn new(weights: &[f64]) -> Result<Self, MixtureError> {
        let shares = shares(weights)?;
        let period: u64 = shares.iter().sum();
        let opens = |source: usize, turn: u64| turn * period / shares[source];
        let closes = |source: usize, turn: u64| ((turn + 1) * period).div_ceil(shares[source]);
        let mut waiting: BinaryHeap<_> = (0..shares.len()).map(|source| Reverse((0, source))).collect();
        let (mut open, mut had) = (BinaryHeap::new(), vec![0; shares.len()]);
        let mut turns = Vec::with_capacity(period as usize);
        for at in 0..period {
            while let Some(&Reverse((from, source))) = waiting.peek()
                && from <= at
            {
                waiting.pop();
                open.push(Reverse((closes(source, had[source]), source)));
            }
            let Reverse((_, source)) =
                open.pop().expect("of all windows that opened, more are left than turns were given");
            turns.push((source as u32, had[source] as u32));
            had[source] += 1;
            waiting.push(Reverse((opens(source, had[source]), source)));
        }
        Ok(Interleave { shares, turns })
    }

    /// Turns of each source in a period.
    pub fn shares(&self) -> &[u64] {
        &self.shares
    }

    /// Turn `i`, counted from 0.
    pub fn at(&self, i: u64) -> Turn {
        let period = self.turns.len() as u64;
        let (source, before) = self.turns[(i % period) as usize];
        let source = source as usize;
        Turn { source, nth: i / period * self.shares[source] + u64::from(before) }
    }
}

/// Weights of sources by their sizes: size to the power of 1/`temperature`. At 1 they are proportional to size; the
/// higher, the more alike (Conneau et al., 2020, <https://arxiv.org/abs/1911.02116>, section 3.1, where α = 1/T).
pub fn weights_by_size(sizes: &[u64], temperature: f64) -> Vec<f64> {
    let largest = sizes.iter().copied().max().unwrap_or(0).max(1) as f64;
    let weight = |size: u64| match temperature {
        1.0 => size as f64,
        _ => math::f64::pow(size as f64 / largest, 1.0 / temperature),
    };
    sizes.iter().map(|&size| if size == 0 { 0.0 } else { weight(size) }).collect()
}

/// The weights as whole numbers without a common divisor.
fn shares(weights: &[f64]) -> Result<Vec<u64>, MixtureError> {
    if let Some(at) = weights.iter().position(|weight| !(weight.is_finite() && *weight > 0.0)) {
        return Err(MixtureError::Weight { at, weight: weights[at] });
    }
    let total: f64 = weights.iter().sum();
    let exact = || [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6].into_iter().find_map(|scale| whole(weights, scale));
    let shares = match exact() {
        Some(shares) => shares,
        None => millionths(weights, total),
    };
    if let Some(at) = shares.iter().position(|share| *share == 0) {
        return Err(MixtureError::TooSmall { at, part: weights[at] / total });
    }
    let divisor = shares.iter().copied().reduce(gcd).ok_or(MixtureError::Empty)?;
    Ok(shares.into_iter().map(|share| share / divisor).collect())
}

/// The weights times `scale`, if all of them are then whole and together short enough.
fn whole(weights: &[f64], scale: f64) -> Option<Vec<u64>> {
    let scaled = weights.iter().map(|weight| {
        let (exact, nearest) = (weight * scale, (weight * scale).round());
        (nearest >= 1.0 && nearest <= LONGEST as f64 && (exact - nearest).abs() <= 1e-9 * exact)
            .then_some(nearest as u64)
    });
    scaled.collect::<Option<Vec<u64>>>().filter(|shares| shares.iter().sum::<u64>() <= LONGEST)
}

/// Millionths of the total by largest remainder, the first of equals.
fn millionths(weights: &[f64], total: f64) -> Vec<u64> {
    let exact: Vec<f64> = weights.iter().map(|weight| weight / total * LONGEST as f64).collect();
    let mut shares: Vec<u64> = exact.iter().map(|share| *share as u64).collect();
    let left = LONGEST.saturating_sub(shares.iter().sum());
    let mut by_remainder: Vec<usize> = (0..exact.len()).collect();
    by_remainder.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    by_remainder.into_iter().take(left as usize).for_each(|at| shares[at] += 1);
    shares
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
