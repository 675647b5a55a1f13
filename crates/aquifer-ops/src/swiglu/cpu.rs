//! Forward and backward, one body over the instruction sets.

use crate::math::sigmoid;
use crate::rows::{Rows, RowsMut, each_span};
use crate::simd::simd;
use aquifer_tensor::isa;

pub(super) fn forward(gate: &Rows, up: &Rows, out: &RowsMut) {
    let isa = isa::active();
    each_span(gate.rows, gate.cols, gate.dense() && up.dense() && out.dense(), |row, cols| {
        // SAFETY: spans are disjoint.
        let out = unsafe { out.span(row, cols.clone()) };
        forward_on(isa, gate.span(row, cols.clone()), up.span(row, cols), out);
    });
}

pub(super) fn backward(gate: &Rows, up: &Rows, dy: &Rows, dgate: &RowsMut, dup: &RowsMut) {
    let isa = isa::active();
    let dense = gate.dense() && up.dense() && dy.dense() && dgate.dense() && dup.dense();
    each_span(gate.rows, gate.cols, dense, |row, cols| {
        let (gate, up, dy) = (gate.span(row, cols.clone()), up.span(row, cols.clone()), dy.span(row, cols.clone()));
        // SAFETY: spans are disjoint, and so are the two outputs.
        let (dgate, dup) = unsafe { (dgate.span(row, cols.clone()), dup.span(row, cols)) };
        backward_on(isa, gate, up, dy, dgate, dup);
    });
}

#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

simd! {
    fn forward_on(isa: Isa, gate: &[f32], up: &[f32], out: &mut [f32]) {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = silu(*gate) * up;
        }
    }

    fn backward_on(isa: Isa, gate: &[f32], up: &[f32], dy: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
        for ((((dgate, dup), gate), up), dy) in dgate.iter_mut().zip(dup).zip(gate).zip(up).zip(dy) {
            let s = sigmoid(*gate);
            let silu = gate * s;
            *dgate = dy * up * (s + silu * (1.0 - s));
            *dup = dy * silu;
        }
    }
}
