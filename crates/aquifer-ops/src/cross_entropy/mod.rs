//! Cross-entropy of a softmax with one right answer: `log Σ exp(logits) − logits[target]`, in nats.

pub(crate) mod bench;
pub(crate) mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::rows::{Rows, expect_len};
use aquifer_tensor::View;

/// A target that asks nothing: its row has no loss and no gradient.
pub const IGNORE: u32 = u32::MAX;

/// Writes every row's loss.
///
/// # Shapes
/// `logits: [t, v]` f32, rows contiguous, columns from `vocab` on are padding and take no part; `targets: [t]`,
/// each below `vocab` or [`IGNORE`]; `losses: [t]`, 0 where the target is [`IGNORE`].
///
/// # Numerics
/// `log Σ exp(x − max) − (x[target] − max)`, the sum in the order of a row; within 2e-6 of [`reference()`]
/// relative to the loss or to 1, whichever is larger.
///
/// # Errors
/// [`OpError`] where shapes do not fit, or a target is not a token.
pub fn cross_entropy(logits: &View, vocab: usize, targets: &[u32], losses: &mut [f32]) -> Result<(), OpError> {
    const OP: &str = "cross_entropy";
    let logits = Rows::new(OP, "logits", logits)?;
    check(OP, logits.rows, logits.cols, vocab, targets, losses)?;
    cpu::losses(&logits, vocab, targets, losses);
    Ok(())
}

/// Refuses targets and losses that do not fit `rows` rows of `cols` logits.
pub(crate) fn check(
    op: &'static str,
    rows: usize,
    cols: usize,
    vocab: usize,
    targets: &[u32],
    losses: &[f32],
) -> Result<(), OpError> {
    if vocab == 0 || vocab > cols {
        let want = format!("in 1..={cols}, the columns there are");
        return Err(OpError::Value { op, arg: "vocab", want, got: vocab.to_string() });
    }
    expect_len(op, "targets", targets.len(), "one for every row", rows)?;
    expect_len(op, "losses", losses.len(), "one for every row", rows)?;
    match targets.iter().position(|&target| target != IGNORE && target as usize >= vocab) {
        None => Ok(()),
        Some(at) => {
            let want = format!("below the vocabulary's {vocab} tokens, or IGNORE");
            Err(OpError::Value { op, arg: "targets", want, got: format!("{} at row {at}", targets[at]) })
        }
    }
}

/// The definition, in `f64`, of one row without its padding.
pub fn reference(logits: &[f64], target: u32) -> f64 {
    if target == IGNORE {
        return 0.0;
    }
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|x| (x - max).exp()).sum();
    sum.ln() - (logits[target as usize] - max)
}

/// Its derivative by hand: `softmax(logits) − [target]`.
pub fn reference_backward(logits: &[f64], target: u32) -> Vec<f64> {
    if target == IGNORE {
        return vec![0.0; logits.len()];
    }
    let mut dx = crate::softmax::reference(logits);
    dx[target as usize] -= 1.0;
    dx
}
