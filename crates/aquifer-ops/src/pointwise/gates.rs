//! Gated units over one tensor whose last axis holds both halves, `gate | up`.

use super::{geglu, geglu_backward, mul, mul_backward, silu, silu_backward};
use crate::OpError;
use crate::movement::cat;
use aquifer_tensor::{Tensor, View};

/// `silu(gate) · up`. On plain f32 halves [`crate::swiglu()`] is one pass; this one takes bf16 and any strides.
///
/// # Shapes
/// `x: [.., 2·d]`, `gate` first; the result `[.., d]`.
///
/// # Numerics
/// As [`silu`] and one product; in bf16 the result of `silu` is rounded too.
///
/// # Errors
/// [`OpError`] for an odd last axis, and for integers.
pub fn silu_and_mul(x: &View) -> Result<Tensor, OpError> {
    let (gate, up) = halves("silu_and_mul", x)?;
    mul(&silu(&gate)?.view(), &up)
}

/// The derivative of [`silu_and_mul`], times `dy`.
///
/// # Errors
/// As [`silu_and_mul`], and where shapes differ.
pub fn silu_and_mul_backward(x: &View, dy: &View) -> Result<Tensor, OpError> {
    let (gate, up) = halves("silu_and_mul_backward", x)?;
    let (dgate, dup) = mul_backward(&silu(&gate)?.view(), &up, dy)?;
    joined(&silu_backward(&gate, &dgate.view())?, &dup)
}

/// `gelu(gate) · up`, with `gelu` by Φ.
///
/// # Shapes
/// As [`silu_and_mul`].
///
/// # Errors
/// As [`silu_and_mul`].
pub fn gelu_and_mul(x: &View) -> Result<Tensor, OpError> {
    let (gate, up) = halves("gelu_and_mul", x)?;
    geglu(&gate, &up)
}

/// The derivative of [`gelu_and_mul`], times `dy`.
///
/// # Errors
/// As [`gelu_and_mul`], and where shapes differ.
pub fn gelu_and_mul_backward(x: &View, dy: &View) -> Result<Tensor, OpError> {
    let (gate, up) = halves("gelu_and_mul_backward", x)?;
    let (dgate, dup) = geglu_backward(&gate, &up, dy)?;
    joined(&dgate, &dup)
}

fn halves<'a>(op: &'static str, x: &View<'a>) -> Result<(View<'a>, View<'a>), OpError> {
    match x.shape().last() {
        Some(width) if width.is_multiple_of(2) => {
            let (axis, half) = (x.shape().len() - 1, width / 2);
            Ok((x.narrow(axis, 0, half), x.narrow(axis, half, half)))
        }
        _ => Err(OpError::Shape { op, arg: "x", want: "of an even last axis".into(), got: x.shape().to_vec() }),
    }
}

fn joined(dgate: &Tensor, dup: &Tensor) -> Result<Tensor, OpError> {
    cat(&[dgate.view(), dup.view()], dgate.shape().len() - 1)
}
