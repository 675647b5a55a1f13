//! Forward and backward, one body over the instruction sets.

use crate::math::falling_exp;
use crate::rows::{Rows, RowsMut, each_row, row_map_sum, row_max, row_sum2};
use crate::simd::simd;
use aquifer_tensor::isa;

pub(super) fn forward(x: &Rows, out: &RowsMut) {
    let isa = isa::active();
    // SAFETY: every row is one task's.
    each_row(x.rows, x.cols, |i| forward_row(isa, x.row(i), unsafe { out.row(i) }));
}

pub(super) fn backward(y: &Rows, dy: &Rows, dx: &RowsMut) {
    let isa = isa::active();
    // SAFETY: every row is one task's.
    each_row(y.rows, y.cols, |i| backward_row(isa, y.row(i), dy.row(i), unsafe { dx.row(i) }));
}

simd! {
    fn forward_row(isa: Isa, x: &[f32], out: &mut [f32]) {
        let max = row_max(x);
        // One division a row; the loop below only multiplies.
        let scale = 1.0 / row_map_sum(x, out, |x| falling_exp(x - max));
        for out in out {
            *out *= scale;
        }
    }

    fn backward_row(isa: Isa, y: &[f32], dy: &[f32], dx: &mut [f32]) {
        let dot = row_sum2(y, dy, |y, dy| y * dy);
        for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx = y * (dy - dot);
        }
    }
}
