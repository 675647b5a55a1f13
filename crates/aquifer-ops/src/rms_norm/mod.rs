//! Root-mean-square normalisation: `y = x / rms(x) · w` over the last axis.
//! Zhang & Sennrich, 2019, <https://arxiv.org/abs/1910.07467>, equation 4.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, expect_chains, expect_len};
use aquifer_tensor::{View, ViewMut};

pub(crate) use cpu::forward_row;

const OP: &str = "rms_norm";
const BACKWARD: &str = "rms_norm_backward";

/// Scales every row of `x` to unit root-mean-square, then by `w`.
///
/// # Shapes
/// `x: [.., d]` f32, contiguous or a matrix of contiguous rows; `w: [d]`; `out` as `x`.
///
/// # Numerics
/// `r = 1/√(Σx²/d + eps)` with the sum in the order of a row, then `(x·r)·w`, each product rounded. Within
/// 1e-6 of [`reference()`] relative to the largest output. `eps` is in the units of `x²`.
///
/// # Errors
/// [`OpError::Shape`] if `w` is not as long as a row of `x`, or `out` differs from `x`.
pub fn rms_norm(x: &View, w: &[f32], eps: f32, out: &mut ViewMut) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new(OP, "x", x)?;
    expect_len(OP, "w", w.len(), "one for every column of `x`", x.cols)?;
    let out = RowsMut::like(OP, "out", out, "as `x`", shape)?;
    cpu::forward(&x, w, eps, &out);
    Ok(())
}

/// The derivative of [`rms_norm`]: overwrites `dx`, sums `dw` over tokens.
///
/// # Shapes
/// `x`, `dy`, `dx: [.., d]`; `w`, `dw: [d]`.
///
/// # Numerics
/// `dx` within 1e-5 of [`reference_backward`] relative to its largest element; `dw` is a sum over tokens
/// ([`crate::order`]) of terms `dy·(x·r)`.
///
/// # Errors
/// [`OpError`] where shapes differ, or where `chains` does not cover the rows.
pub fn rms_norm_backward(
    x: &View,
    w: &[f32],
    eps: f32,
    dy: &View,
    chains: &TokenChains,
    begin: Begin,
    dx: &mut ViewMut,
    dw: &mut [f32],
) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new(BACKWARD, "x", x)?;
    expect_len(BACKWARD, "w", w.len(), "one for every column of `x`", x.cols)?;
    expect_len(BACKWARD, "dw", dw.len(), "one for every column of `x`", x.cols)?;
    let dy = Rows::like(BACKWARD, "dy", dy, "as `x`", shape)?;
    let dx = RowsMut::like(BACKWARD, "dx", dx, "as `x`", shape)?;
    expect_chains(BACKWARD, chains, begin, x.rows)?;
    cpu::backward(&x, w, eps, &dy, chains, begin, &dx, dw);
    Ok(())
}

/// The definition, in `f64` and the paper's order. Every kernel answers to this.
pub fn reference(x: &[f64], w: &[f64], eps: f64) -> Vec<f64> {
    let d = w.len();
    let norm = |row: &[f64]| {
        let rms = (row.iter().map(|x| x * x).sum::<f64>() / d as f64 + eps).sqrt();
        row.iter().zip(w).map(|(x, w)| x / rms * w).collect::<Vec<_>>()
    };
    x.chunks(d).flat_map(norm).collect()
}

/// Its derivative by hand, checked against central differences of [`reference()`]: `(dx, dw)`.
pub fn reference_backward(x: &[f64], w: &[f64], eps: f64, dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let d = w.len();
    let (mut dx, mut dw) = (Vec::new(), vec![0.0; d]);
    for (x, dy) in x.chunks(d).zip(dy.chunks(d)) {
        let r = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / d as f64 + eps).sqrt();
        let dot: f64 = (0..d).map(|j| dy[j] * w[j] * x[j]).sum();
        for j in 0..d {
            dx.push(r * dy[j] * w[j] - x[j] * r * r * r * dot / d as f64);
            dw[j] += dy[j] * x[j] * r;
        }
    }
    (dx, dw)
}
