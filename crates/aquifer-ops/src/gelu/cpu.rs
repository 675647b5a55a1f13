//! Forward and backward, one body over the instruction sets.

use super::{CUBIC, Gelu, ROOT_2_OVER_PI};
use crate::math::{exp, normal_cdf, sigmoid};
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

/// (1 + tanh(u)) / 2 = sigmoid(2u): no cancellation in the lower tail.
const TWICE: f32 = (2.0 * ROOT_2_OVER_PI) as f32;
const TWICE_CUBIC: f32 = (2.0 * ROOT_2_OVER_PI * CUBIC) as f32;
const THRICE_TWICE_CUBIC: f32 = (6.0 * ROOT_2_OVER_PI * CUBIC) as f32;
/// 1/√(2π).
const DENSITY: f32 = 0.398_942_3;

#[inline(always)]
fn gate(x: f32) -> f32 {
    sigmoid(x * (TWICE + TWICE_CUBIC * (x * x)))
}

#[inline(always)]
pub(crate) fn by_erf(x: f32) -> f32 {
    x * normal_cdf(x)
}

#[inline(always)]
pub(crate) fn by_tanh(x: f32) -> f32 {
    x * gate(x)
}

#[inline(always)]
pub(crate) fn by_erf_backward(x: f32, dy: f32) -> f32 {
    let density = DENSITY * exp(-0.5 * (x * x));
    dy * (normal_cdf(x) + x * density)
}

#[inline(always)]
pub(crate) fn by_tanh_backward(x: f32, dy: f32) -> f32 {
    let s = gate(x);
    let slope = TWICE + THRICE_TWICE_CUBIC * (x * x);
    dy * (s + x * (s * (1.0 - s)) * slope)
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
