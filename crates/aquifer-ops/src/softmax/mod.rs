//! Softmax over the last axis: `y = exp(x − max) / Σ exp(x − max)`.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::rows::{Rows, RowsMut};
use aquifer_tensor::{View, ViewMut};

/// Turns every row of scores into positive weights that sum to one.
///
/// # Shapes
/// `x: [.., n]` f32, contiguous or a matrix of contiguous rows; `out` as `x`.
///
/// # Numerics
/// The sum in the order of a row; within 1e-6 of [`reference()`]. The exponential is a chain of FMA, zero from −87.7
/// down. A row that holds NaN or +∞, or only −∞, gives NaN.
///
/// # Errors
/// [`OpError::Shape`] if `out` differs from `x`.
pub fn softmax(x: &View, out: &mut ViewMut) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new("softmax", "x", x)?;
    let out = RowsMut::like("softmax", "out", out, "as `x`", shape)?;
    cpu::forward(&x, &out);
    Ok(())
}

/// The derivative of [`softmax`] from its output `y`: `dx = y · (dy − Σ y·dy)`.
///
/// # Shapes
/// `y`, `dy`, `dx: [.., n]`.
///
/// # Numerics
/// Within 1e-6 of [`reference_backward`], relative to the largest `dy`.
///
/// # Errors
/// [`OpError::Shape`] where they differ.
pub fn softmax_backward(y: &View, dy: &View, dx: &mut ViewMut) -> Result<(), OpError> {
    let shape = y.shape();
    let y = Rows::new("softmax_backward", "y", y)?;
    let dy = Rows::like("softmax_backward", "dy", dy, "as `y`", shape)?;
    let dx = RowsMut::like("softmax_backward", "dx", dx, "as `y`", shape)?;
    cpu::backward(&y, &dy, &dx);
    Ok(())
}

/// The definition, in `f64`, of one row.
pub fn reference(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|x| (x - max).exp()).sum();
    x.iter().map(|x| (x - max).exp() / sum).collect()
}

/// Its derivative by hand, of one row, checked against central differences of [`reference()`].
pub fn reference_backward(x: &[f64], dy: &[f64]) -> Vec<f64> {
    let y = reference(x);
    let dot: f64 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
    y.iter().zip(dy).map(|(y, dy)| y * (dy - dot)).collect()
}
