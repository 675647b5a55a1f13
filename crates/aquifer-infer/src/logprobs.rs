//! What the model thought of a token: its log-probability, and those of the likeliest ones beside it.
//!
//! Always of the model's own distribution, before temperature, filters and penalties, in nats.

use aquifer_ops::math;
use aquifer_tensor::Tensor;

/// One token and how likely it was where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The token.
    pub token: u32,
    /// Its natural log-probability.
    pub logprob: f32,
    /// The likeliest tokens at this place and their log-probabilities, likeliest first; as many as were asked for.
    pub top: Vec<(u32, f32)>,
}

impl Scored {
    /// Scores `token` under one row of logits and lists the `top` likeliest.
    ///
    /// # Numerics
    /// The sum of exponentials runs in `f64`, token after token; the result is rounded once to `f32`.
    ///
    /// # Panics
    /// If `token` lies beyond the row.
    pub fn new(logits: &[f32], token: u32, top: usize) -> Self {
        let normaliser = log_sum_exp(logits);
        let logprob = |x: f32| (f64::from(x) - normaliser) as f32;
        let listed = likeliest(logits, top).into_iter().map(|t| (t, logprob(logits[t as usize]))).collect();
        Scored { token, logprob: logprob(logits[token as usize]), top: listed }
    }

    /// Whether no token was likelier. Needs a `top` of at least one.
    pub fn is_greedy(&self) -> bool {
        self.top.first().is_some_and(|(token, _)| *token == self.token)
    }
}

/// `ln Σ exp(x)`.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut shifted = Tensor::from_f32(logits, [logits.len()]);
    shifted.as_f32_mut().iter_mut().for_each(|x| *x -= max);
    math::exp_slice(shifted.as_f32_mut());
    let sum: f64 = shifted.as_f32().iter().map(|&x| f64::from(x)).sum();
    f64::from(max) + math::f64::ln(sum)
}

/// The `n` likeliest tokens, likeliest first, the lower id of two alike first.
fn likeliest(logits: &[f32], n: usize) -> Vec<u32> {
    let n = n.min(logits.len());
    if n == 0 {
        return Vec::new();
    }
    let order = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let mut all = Tensor::recycled::<u32>([logits.len()]);
    let tokens = all.as_mut_slice::<u32>();
    tokens.iter_mut().zip(0..).for_each(|(token, id)| *token = id);
    if n < tokens.len() {
        tokens.select_nth_unstable_by(n - 1, order);
    }
    tokens[..n].sort_unstable_by(order);
    tokens[..n].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_ties_go_to_the_lowest() {
        let row = [1.0, 3.0, -2.0, 3.0, 0.25];
        let all = Scored::new(&row, 3, 99);
        let sum: f64 = all.top.iter().map(|(_, lp)| f64::from(*lp).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(all.top.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [1, 3, 0, 4, 2]);
        assert_eq!(all.logprob, all.top[0].1);
        assert!(!all.is_greedy() && Scored::new(&row, 1, 1).is_greedy());
        assert!(Scored::new(&row, 1, 0).top.is_empty());
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let scored = Scored::new(&[1000.0, 999.0], 1, 1);
        assert!((scored.logprob + 1.313_261_7).abs() < 1e-5, "{}", scored.logprob);
    }
}
