//! SwiGLU's gate: `y = silu(gate) · up`, `silu(x) = x · sigmoid(x)`.
//! Shazeer, 2020, <https://arxiv.org/abs/2002.05202>, equation 5 without its linear maps.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::rows::{Rows, RowsMut};
use aquifer_tensor::{View, ViewMut};

pub(crate) use cpu::silu;

const OP: &str = "swiglu";
const BACKWARD: &str = "swiglu_backward";

/// `out = silu(gate) · up`, element by element.
///
/// # Shapes
/// All three alike; f32, contiguous or matrices of contiguous rows (so that `gate` and `up` may be the halves
/// of one fused projection).
///
/// # Numerics
/// Within 4e-7 of [`reference()`], relative to each element.
///
/// # Errors
/// [`OpError::Shape`] where they differ.
pub fn swiglu(gate: &View, up: &View, out: &mut ViewMut) -> Result<(), OpError> {
    let shape = gate.shape();
    let gate = Rows::new(OP, "gate", gate)?;
    let up = Rows::like(OP, "up", up, "as `gate`", shape)?;
    let out = RowsMut::like(OP, "out", out, "as `gate`", shape)?;
    cpu::forward(&gate, &up, &out);
    Ok(())
}

/// The derivative of [`swiglu`]; overwrites `dgate` and `dup`.
///
/// # Shapes
/// All five alike.
///
/// # Numerics
/// Within 1e-6 of [`reference_backward`], relative to the largest term of each element.
///
/// # Errors
/// [`OpError::Shape`] where they differ.
pub fn swiglu_backward(
    gate: &View,
    up: &View,
    dy: &View,
    dgate: &mut ViewMut,
    dup: &mut ViewMut,
) -> Result<(), OpError> {
    let shape = gate.shape();
    let gate = Rows::new(BACKWARD, "gate", gate)?;
    let up = Rows::like(BACKWARD, "up", up, "as `gate`", shape)?;
    let dy = Rows::like(BACKWARD, "dy", dy, "as `gate`", shape)?;
    let dgate = RowsMut::like(BACKWARD, "dgate", dgate, "as `gate`", shape)?;
    let dup = RowsMut::like(BACKWARD, "dup", dup, "as `gate`", shape)?;
    cpu::backward(&gate, &up, &dy, &dgate, &dup);
    Ok(())
}

/// The definition, in `f64`, of one element.
pub fn reference(gate: f64, up: f64) -> f64 {
    gate / (1.0 + (-gate).exp()) * up
}

/// Its derivative by hand, of one element: `(dgate, dup)` for `dy` = 1.
pub fn reference_backward(gate: f64, up: f64) -> (f64, f64) {
    let s = 1.0 / (1.0 + (-gate).exp());
    (up * s * (1.0 + gate * (1.0 - s)), gate * s)
}
