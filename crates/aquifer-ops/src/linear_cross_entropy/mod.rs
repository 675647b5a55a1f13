//! A linear map to the vocabulary and the cross-entropy of its result, without ever holding all logits.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::cross_entropy::check;
use crate::matmul::PackedWeight;
use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, expect_chains, expect_shape};
use crate::{OpError, Precision};
use aquifer_tensor::{View, ViewMut};

const OP: &str = "linear_cross_entropy";
const BACKWARD: &str = "linear_cross_entropy_grad";

/// Writes every row's loss under the logits `x · wᵀ`.
///
/// # Shapes
/// `x: [t, d]` f32, rows contiguous; `w: [vpad, d]` packed, rows from `vocab` on are padding and take no part;
/// `targets`, `losses: [t]`, as in [`crate::cross_entropy()`].
///
/// # Numerics
/// Bit-equal to [`crate::linear()`] followed by [`crate::cross_entropy()`]. Logits are held for one block of
/// rows at a time.
///
/// # Errors
/// [`OpError`] where shapes do not fit, or a target is not a token.
pub fn linear_cross_entropy(
    x: &View,
    w: &PackedWeight,
    vocab: usize,
    targets: &[u32],
    losses: &mut [f32],
) -> Result<(), OpError> {
    let rows = Rows::new(OP, "x", x)?;
    expect_shape(OP, "x", x.shape(), "tokens as wide as `w`", &[rows.rows, w.k()])?;
    check(OP, rows.rows, w.n(), vocab, targets, losses)?;
    cpu::forward(x, w, vocab, targets, losses)
}

/// Every row's loss, and the gradients of `scale · Σ losses`: overwrites `dx`, sums `dw` over tokens.
///
/// # Shapes
/// As [`linear_cross_entropy`]; `w_t: [d, vpad]` packed from the transposed weight; `dx: [t, d]`; `dw: [vpad, d]`,
/// whose padding rows get +0 (or keep what they hold under [`Begin::Continue`]).
///
/// # Numerics
/// Logits, `dx` and `dw` are products ([`crate::linear()`], [`crate::linear_weight_grad()`]) whose operands are
/// rounded as `precision` says; `dlogits = scale · (softmax − [target])` in f32. `dw` is a sum over tokens
/// ([`crate::order`]); several lanes need up to log₂ lanes copies of it for a while. Cutting rows into
/// blocks changes no bit.
///
/// # Errors
/// [`OpError`] where shapes do not fit, a target is not a token, or `chains` does not cover the rows.
pub fn linear_cross_entropy_grad(
    x: &View,
    w: &PackedWeight,
    w_t: &PackedWeight,
    vocab: usize,
    targets: &[u32],
    scale: f32,
    chains: &TokenChains,
    begin: Begin,
    precision: Precision,
    losses: &mut [f32],
    dx: &mut ViewMut,
    dw: &mut ViewMut,
) -> Result<(), OpError> {
    let (rows, shape) = (Rows::new(BACKWARD, "x", x)?, x.shape());
    expect_shape(BACKWARD, "x", shape, "tokens as wide as `w`", &[rows.rows, w.k()])?;
    check(BACKWARD, rows.rows, w.n(), vocab, targets, losses)?;
    if (w_t.n(), w_t.k()) != (w.k(), w.n()) {
        let want = format!("[{}, {}], the transpose of `w`", w.k(), w.n());
        return Err(OpError::Shape { op: BACKWARD, arg: "w_t", want, got: vec![w_t.n(), w_t.k()] });
    }
    RowsMut::like(BACKWARD, "dx", dx, "as `x`", shape)?;
    RowsMut::like(BACKWARD, "dw", dw, "as `w`", &[w.n(), w.k()])?;
    expect_chains(BACKWARD, chains, begin, rows.rows)?;
    cpu::backward(x, w, w_t, vocab, targets, scale, chains, begin, precision, losses, dx, dw)
}

/// Bytes of logits held at once for `rows` rows and a vocabulary of `padded_vocab` rows, for forecasts of memory.
pub fn held_bytes(rows: usize, padded_vocab: usize) -> usize {
    4 * padded_vocab * rows.min(cpu::block_rows(padded_vocab))
}

/// The definition, in `f64`: every row's loss. `x: [t, d]`, `w: [vocab, d]`.
pub fn reference(x: &[f64], w: &[f64], d: usize, targets: &[u32]) -> Vec<f64> {
    let loss = |(x, target): (&[f64], &u32)| crate::cross_entropy::reference(&logits(x, w, d), *target);
    x.chunks(d).zip(targets).map(loss).collect()
}

/// Its derivative by hand, of `scale · Σ losses`: `(dx, dw)`.
pub fn reference_backward(x: &[f64], w: &[f64], d: usize, targets: &[u32], scale: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut dx, mut dw) = (Vec::new(), vec![0.0; w.len()]);
    for (x, target) in x.chunks(d).zip(targets) {
        let dlogits = crate::cross_entropy::reference_backward(&logits(x, w, d), *target);
        let mut dx_row = vec![0.0; d];
        for (v, g) in dlogits.iter().enumerate() {
            for j in 0..d {
                dx_row[j] += scale * g * w[v * d + j];
                dw[v * d + j] += scale * g * x[j];
            }
        }
        dx.extend(dx_row);
    }
    (dx, dw)
}

fn logits(x: &[f64], w: &[f64], d: usize) -> Vec<f64> {
    w.chunks(d).map(|w| w.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}
