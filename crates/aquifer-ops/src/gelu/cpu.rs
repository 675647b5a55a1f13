//! Forward and backward, one body over the instruction sets.

use super::Gelu;
use crate::math::{cubic_tail, normal_tail};
use crate::rows::{Rows, RowsMut, each_span};
use crate::simd::simd;
use aquifer_tensor::isa;

pub(super) fn forward(x: &Rows, kind: Gelu, out: &RowsMut) {
    let isa = isa::active();
    each_span(x.rows, x.cols, x.dense() && out.dense(), |row, cols| {
        // SAFETY: spans are disjoint.
        let (x, out) = (x.span(row, cols.clone()), unsafe { out.span(row, cols) });
        match kind {
            Gelu::Erf => erf_on(isa, x, out),
            Gelu::Tanh => tanh_on(isa, x, out),
        }
    });
}

pub(super) fn backward(x: &Rows, kind: Gelu, dy: &Rows, dx: &RowsMut) {
    let isa = isa::active();
    each_span(x.rows, x.cols, x.dense() && dy.dense() && dx.dense(), |row, cols| {
        // SAFETY: spans are disjoint.
        let (x, dy, dx) = (x.span(row, cols.clone()), dy.span(row, cols.clone()), unsafe { dx.span(row, cols) });
        match kind {
            Gelu::Erf => erf_backward_on(isa, x, dy, dx),
            Gelu::Tanh => tanh_backward_on(isa, x, dy, dx),
        }
    });
}

#[inline(always)]
pub(crate) fn by_erf(x: f32) -> f32 {
    normal_tail(x).gated(x)
}

#[inline(always)]
pub(crate) fn by_tanh(x: f32) -> f32 {
    cubic_tail(x).gated(x)
}

#[inline(always)]
pub(crate) fn by_erf_backward(x: f32, dy: f32) -> f32 {
    dy * normal_tail(x).gated_slope(x)
}

#[inline(always)]
pub(crate) fn by_tanh_backward(x: f32, dy: f32) -> f32 {
    dy * cubic_tail(x).gated_slope(x)
}

simd! {
    fn erf_on(isa: Isa, x: &[f32], out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = by_erf(*x);
        }
    }

    fn tanh_on(isa: Isa, x: &[f32], out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = by_tanh(*x);
        }
    }

    fn erf_backward_on(isa: Isa, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = by_erf_backward(*x, *dy);
        }
    }

    fn tanh_backward_on(isa: Isa, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = by_tanh_backward(*x, *dy);
        }
    }
}
