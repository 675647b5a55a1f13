//! Layer normalisation: `y = (x − mean) / √(variance + eps) · w + b` over the last axis.
//! Ba, Kiros & Hinton, 2016, <https://arxiv.org/abs/1607.06450>, equation 4.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, expect_chains, expect_len};
use aquifer_tensor::{View, ViewMut};

const OP: &str = "layer_norm";
const BACKWARD: &str = "layer_norm_backward";

/// Shifts every row of `x` to mean 0 and scales it to variance 1, then scales by `w` and shifts by `b`.
///
/// # Shapes
/// `x: [.., d]` f32, contiguous or a matrix of contiguous rows; `w`, `b: [d]`; `out` as `x`.
///
/// # Numerics
/// The variance is that of the row about its mean (divided by d), in a second pass over the row; sums in the
/// order of a row. Within 1e-6 of [`reference()`] relative to the largest output. `eps` is in the units of `x²`.
///
/// # Errors
/// [`OpError::Shape`] if `w` or `b` is not as long as a row of `x`, or `out` differs from `x`.
pub fn layer_norm(x: &View, w: &[f32], b: &[f32], eps: f32, out: &mut ViewMut) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new(OP, "x", x)?;
    expect_len(OP, "w", w.len(), "one for every column of `x`", x.cols)?;
    expect_len(OP, "b", b.len(), "one for every column of `x`", x.cols)?;
    let out = RowsMut::like(OP, "out", out, "as `x`", shape)?;
    cpu::forward(&x, w, b, eps, &out);
    Ok(())
}

/// The derivative of [`layer_norm`]: overwrites `dx`, sums `dw` and `db` over tokens.
///
/// # Shapes
/// `x`, `dy`, `dx: [.., d]`; `w`, `dw`, `db: [d]`.
///
/// # Numerics
/// `dx` within 1e-5 of [`reference_backward`] relative to its largest element; `dw` and `db` are sums over
/// tokens ([`crate::order`]).
///
/// # Errors
/// [`OpError`] where shapes differ, or where `chains` does not cover the rows.
pub fn layer_norm_backward(
    x: &View,
    w: &[f32],
    eps: f32,
    dy: &View,
    chains: &TokenChains,
    begin: Begin,
    dx: &mut ViewMut,
    dw: &mut [f32],
    db: &mut [f32],
) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new(BACKWARD, "x", x)?;
    for (arg, len) in [("w", w.len()), ("dw", dw.len()), ("db", db.len())] {
        expect_len(BACKWARD, arg, len, "one for every column of `x`", x.cols)?;
    }
    let dy = Rows::like(BACKWARD, "dy", dy, "as `x`", shape)?;
    let dx = RowsMut::like(BACKWARD, "dx", dx, "as `x`", shape)?;
    expect_chains(BACKWARD, chains, begin, x.rows)?;
    cpu::backward(&x, w, eps, &dy, chains, begin, &dx, dw, db);
    Ok(())
}

/// The definition, in `f64` and the paper's order. Every kernel answers to this.
pub fn reference(x: &[f64], w: &[f64], b: &[f64], eps: f64) -> Vec<f64> {
    let d = w.len();
    let norm = |row: &[f64]| {
        let (mean, deviation) = moments(row, eps);
        (0..d).map(|j| (row[j] - mean) / deviation * w[j] + b[j]).collect::<Vec<_>>()
    };
    x.chunks(d).flat_map(norm).collect()
}

fn moments(row: &[f64], eps: f64) -> (f64, f64) {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
    (mean, (variance + eps).sqrt())
}

/// Its derivative by hand, checked against central differences of [`reference()`]: `(dx, dw, db)`.
pub fn reference_backward(x: &[f64], w: &[f64], eps: f64, dy: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let d = w.len();
    let (mut dx, mut dw, mut db) = (Vec::new(), vec![0.0; d], vec![0.0; d]);
    for (x, dy) in x.chunks(d).zip(dy.chunks(d)) {
        let (mean, deviation) = moments(x, eps);
        let unit: Vec<f64> = x.iter().map(|x| (x - mean) / deviation).collect();
        let g_mean = (0..d).map(|j| dy[j] * w[j]).sum::<f64>() / d as f64;
        let g_dot = (0..d).map(|j| dy[j] * w[j] * unit[j]).sum::<f64>() / d as f64;
        for j in 0..d {
            dx.push((dy[j] * w[j] - g_mean - unit[j] * g_dot) / deviation);
            dw[j] += dy[j] * unit[j];
            db[j] += dy[j];
        }
    }
    (dx, dw, db)
}
