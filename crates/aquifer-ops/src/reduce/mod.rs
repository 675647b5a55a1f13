//! Sums, extremes and norms over chosen axes, and running sums along one.
//!
//! `axes` names the axes that go away, all of them if it is empty; `keep` leaves each as an axis of 1. The elements
//! that meet in one result form a row: the reduced axes in row-major order, whatever the strides. Operands are
//! `f32` or `bf16` (widened exactly), and results are of the operand's element type, rounded once.
//!
//! # Numerics
//! A row is folded in `f32` in blocks of 256, each of 16 interleaved lanes ([`crate::order`]), a long row by every thread
//! at whole branches of its tree; so threads, instruction sets and the layout in memory never change a bit. Ties go to the lowest index. NaN wins every
//! comparison, as in PyTorch.
//!
//! ```
//! use aquifer_ops::reduce;
//! use aquifer_tensor::Tensor;
//! let x = Tensor::from_f32(&[1.0, 5.0, 2.0, 4.0, 0.0, 3.0], [2, 3]);
//! assert_eq!(reduce::sum(&x.view(), &[1], false)?.as_f32(), [8.0, 7.0]);
//! let (largest, at) = reduce::max(&x.view(), 0, false)?;
//! assert_eq!((largest.as_f32(), at.as_slice::<u32>()), (&[4.0, 5.0, 3.0][..], &[1, 0, 1][..]));
//! # Ok::<(), aquifer_ops::OpError>(())
//! ```

mod arg;
mod fold;
mod long;
mod running;
mod table;
mod truth;

#[cfg(test)]
mod tests;

pub use arg::{argmax, argmin, max, max_backward, min};
pub use running::{cummax, cummax_backward, cumsum, cumsum_backward};
pub use table::*;
pub use truth::{all, any};

use crate::OpError;
use crate::strided::convert;
use aquifer_tensor::{DType, Tensor, View};

/// The variance about the mean and the mean itself, in this order.
///
/// # Errors
/// As [`Reduction::forward`].
pub fn var_mean(x: &View, axes: &[usize], correction: f32, keep: bool) -> Result<(Tensor, Tensor), OpError> {
    Ok((var(x, axes, correction, keep)?, mean(x, axes, keep)?))
}

/// The Frobenius norm: [`vector_norm`] of order 2.
///
/// # Errors
/// As [`Reduction::forward`].
pub fn norm(x: &View, axes: &[usize], keep: bool) -> Result<Tensor, OpError> {
    vector_norm(x, axes, 2.0, keep)
}

/// The gradient `wide`, which is of an expanded operand, summed back to the shape of `like` and given its
/// element type.
pub(crate) fn sum_to(wide: Tensor, like: &View) -> Result<Tensor, OpError> {
    if wide.shape() == like.shape() && wide.dtype() == like.dtype() {
        return Ok(wide);
    }
    let lead = wide.shape().len() - like.shape().len();
    let grown = |&axis: &usize| axis < lead || like.shape()[axis - lead] != wide.shape()[axis];
    let axes: Vec<usize> = (0..wide.shape().len()).filter(grown).collect();
    let summed = if axes.is_empty() { wide } else { sum(&wide.view(), &axes, true)? };
    let summed = summed.reshape(like.shape());
    Ok(if summed.dtype() == like.dtype() { summed } else { convert(&summed.view(), like.dtype()) })
}

/// Refuses an axis that is not there.
pub(crate) fn expect_axis(op: &'static str, axis: usize, shape: &[usize]) -> Result<(), OpError> {
    if axis < shape.len() {
        return Ok(());
    }
    let want = format!("below {}, the number of axes", shape.len());
    Err(OpError::Value { op, arg: "axis", want, got: axis.to_string() })
}

/// An index tensor's element type.
pub(crate) const INDEX: DType = DType::U32;
