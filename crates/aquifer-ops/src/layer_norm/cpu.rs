//! Forward and backward, one body over the instruction sets.

use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, chain2, each_row, each_row_and_sums, row_sum, row_sum3, row_sums3};
use crate::simd::simd;
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{Tensor, isa};
use std::ops::Range;

pub(super) fn forward(x: &Rows, w: &[f32], b: &[f32], eps: f32, out: &RowsMut) {
    let isa = isa::active();
    // SAFETY: every row is one task's.
    each_row(x.rows, x.cols, |i| forward_row(isa, x.row(i), w, b, eps, unsafe { out.row(i) }));
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
    db: &mut [f32],
) {
    let isa = isa::active();
    let mut moments = Tensor::recycled::<f32>([x.rows, 2]);
    let slots = SendPtr(moments.as_f32_mut().as_mut_ptr().cast::<Moments>());
    let each = |i: usize| {
        // SAFETY: every row, and its slot, is one task's.
        unsafe { *slots.get().add(i) = backward_row(isa, x.row(i), w, eps, dy.row(i), dx.row(i)) };
    };
    each_row_and_sums(chains, begin, [dw, db], each, |lane, cols, sums| {
        // SAFETY: the rows of `lane` have been gone over, and no task writes a slot while the sums are taken.
        let moments = unsafe { std::slice::from_raw_parts(slots.get(), lane.end) };
        sum_chain(isa, x, dy, moments, lane, cols, sums);
    });
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Moments {
    mean: f32,
    inverse_deviation: f32,
}

/// The moments of a row whose mean is known.
#[inline(always)]
fn moments(x: &[f32], mean: f32, eps: f32) -> Moments {
    let variance = row_sum(x, |x| (x - mean) * (x - mean)) / x.len() as f32;
    Moments { mean, inverse_deviation: 1.0 / (variance + eps).sqrt() }
}

impl Moments {
    #[inline(always)]
    fn unit(self, x: f32) -> f32 {
        (x - self.mean) * self.inverse_deviation
    }
}

simd! {
    fn forward_row(isa: Isa, x: &[f32], w: &[f32], b: &[f32], eps: f32, out: &mut [f32]) {
        let m = moments(x, row_sum(x, |x| x) / x.len() as f32, eps);
        for (((out, x), w), b) in out.iter_mut().zip(x).zip(w).zip(b) {
            *out = m.unit(*x) * w + b;
        }
    }

    fn backward_row(isa: Isa, x: &[f32], w: &[f32], eps: f32, dy: &[f32], dx: &mut [f32]) -> Moments {
        let [mean, g_mean] = row_sums3(x, w, dy, |x, w, dy| [x, dy * w]).map(|sum| sum / x.len() as f32);
        let m = moments(x, mean, eps);
        let g_dot = row_sum3(x, w, dy, |x, w, dy| dy * w * m.unit(x)) / x.len() as f32;
        for (((dx, x), w), dy) in dx.iter_mut().zip(x).zip(w).zip(dy) {
            *dx = (dy * w - g_mean - m.unit(*x) * g_dot) * m.inverse_deviation;
        }
        m
    }

    fn sum_chain(
        isa: Isa, x: &Rows, dy: &Rows, moments: &[Moments], lane: Range<usize>, cols: Range<usize>, sums: [&mut [f32]; 2],
    ) {
        let (x, dy) = (|row| x.span(row, cols.clone()), |row| dy.span(row, cols.clone()));
        chain2(lane, sums, x, dy, |row| moments[row], |x, dy, m| [dy * m.unit(x), dy]);
    }
}
