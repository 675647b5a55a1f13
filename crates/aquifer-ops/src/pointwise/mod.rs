//! Element-wise operators: three tables and one pass over memory.
//!
//! A row of [`UNARY`], [`BINARY`] or [`PREDICATES`] holds an operator's kernels, its definition and derivative in
//! `f64`, and its error budget; the functions of this module are those rows by name. Operands may have any strides
//! and broadcast against each other as in NumPy; `f32` and `bf16` may mix (to `f32`). A result is a fresh
//! contiguous tensor.
//!
//! # Numerics
//! Everything is computed in `f32`, each element on its own: the same bits on every instruction set. `bf16` operands
//! widen exactly and results are rounded once. Integers are computed exactly and wrap on the way out. NaN, infinities
//! and −0 behave as in PyTorch: NaN propagates through `maximum`, `minimum`, `clamp` and `relu`, and makes every
//! comparison false but `ne`.
//!
//! ```
//! use aquifer_ops::pointwise;
//! use aquifer_tensor::Tensor;
//! let (x, row) = (Tensor::from_f32(&[1.0, 4.0, 9.0, 16.0], [2, 2]), Tensor::from_f32(&[1.0, -1.0], [2]));
//! let y = pointwise::mul(&pointwise::sqrt(&x.view())?.view(), &row.view())?;
//! assert_eq!(y.as_f32(), [1.0, -2.0, 3.0, -4.0]);
//! # Ok::<(), aquifer_ops::OpError>(())
//! ```

mod binary;
mod bitwise;
mod choose;
mod gates;
mod predicate;
mod scalar;
mod unary;

#[cfg(test)]
mod tests;

pub use binary::*;
pub use bitwise::{bitwise_and, bitwise_not, bitwise_or, bitwise_xor};
pub use choose::{masked_fill, where_, where_backward};
pub use gates::{gelu_and_mul, gelu_and_mul_backward, silu_and_mul, silu_and_mul_backward};
pub use predicate::*;
pub use unary::*;

pub(crate) use scalar::{relu_backward_of, relu_of, silu_backward_of};

/// Numbers an operator takes beside its tensors, padded with zeros.
pub type Params = [f32; 2];

fn params(given: &[f32]) -> Params {
    let mut params = [0.0; 2];
    params[..given.len()].copy_from_slice(given);
    params
}
