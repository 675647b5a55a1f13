//! Forward and backward, one body over the instruction sets.

use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, chain2, each_row, each_row_and_sums, row_sum, row_sums3};
use crate::simd::simd;
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{Tensor, isa};
use std::ops::Range;

pub(super) fn forward(x: &Rows, w: &[f32], eps: f32, out: &RowsMut) {
    let isa = isa::active();
    // SAFETY: every row is one task's.
    each_row(x.rows, x.cols, |i| forward_row(isa, x.row(i), w, eps, unsafe { out.row(i) }));
}

pub(super) fn backward(
    x: &Rows,
    w: &[f32],
    eps: f32,
    dy: &Rows,
    chains: &TokenChains,
    begin: Begin,
    dx: &RowsMut,
    dw: &mut [f32],
) {
    let isa = isa::active();
    let mut inverse_rms = Tensor::recycled::<f32>([x.rows]);
    let slots = SendPtr(inverse_rms.as_f32_mut().as_mut_ptr());
    let each = |i: usize| {
        // SAFETY: every row, and its slot, is one task's.
        unsafe { *slots.get().add(i) = backward_row(isa, x.row(i), w, eps, dy.row(i), dx.row(i)) };
    };
    each_row_and_sums(chains, begin, [dw], each, |lane, cols, sums| {
        // SAFETY: the rows of `lane` have been gone over, and no task writes a slot while the sums are taken.
        let r = unsafe { std::slice::from_raw_parts(slots.get(), lane.end) };
        dw_chain(isa, x, dy, r, lane, cols, sums);
    });
}

/// 1/√(mean square + eps).
#[inline(always)]
fn inverse_rms(squares: f32, d: usize, eps: f32) -> f32 {
    1.0 / (squares / d as f32 + eps).sqrt()
}

simd! {
    pub(crate) fn forward_row(isa: Isa, x: &[f32], w: &[f32], eps: f32, out: &mut [f32]) {
        let r = inverse_rms(row_sum(x, |x| x * x), x.len(), eps);
        for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
            *out = x * r * w;
        }
    }

    fn backward_row(isa: Isa, x: &[f32], w: &[f32], eps: f32, dy: &[f32], dx: &mut [f32]) -> f32 {
        let [squares, dot] = row_sums3(x, w, dy, |x, w, dy| [x * x, dy * w * x]);
        let r = inverse_rms(squares, x.len(), eps);
        let c = r * (r * r * dot / x.len() as f32);
        for (((dx, x), w), dy) in dx.iter_mut().zip(x).zip(w).zip(dy) {
            *dx = dy * w * r - x * c;
        }
        r
    }

    fn dw_chain(isa: Isa, x: &Rows, dy: &Rows, r: &[f32], lane: Range<usize>, cols: Range<usize>, sums: [&mut [f32]; 1]) {
        let (x, dy) = (|row| x.span(row, cols.clone()), |row| dy.span(row, cols.clone()));
        chain2(lane, sums, x, dy, |row| r[row], |x, dy, r| [dy * (x * r)]);
    }
}
