//! The `f32` functions that only the tables need, and the `f64` ones of their definitions.

use crate::math::f64::{exp as exp64, ln as ln64};
use crate::math::sigmoid;

/// 2ˣ; exact at integers.
#[inline(always)]
pub(super) fn exp2(x: f32) -> f32 {
    exp64(f64::from(x) * std::f64::consts::LN_2) as f32
}

/// log(1 + x), good near zero: Kahan's quotient undoes the rounding of 1 + x.
#[inline(always)]
pub(super) fn log1p(x: f32) -> f32 {
    log1p64(f64::from(x)) as f32
}

#[inline(always)]
fn log1p64(x: f64) -> f64 {
    let u = 1.0 + x;
    let y = ln64(u) * x / (u - 1.0);
    // Where 1 + x rounds to 1 the logarithm is x; at infinity the quotient is NaN.
    if u == 1.0 || x == f64::INFINITY { x } else { y }
}

/// eˣ − 1, good near zero.
#[inline(always)]
pub(super) fn expm1(x: f32) -> f32 {
    let x = f64::from(x);
    let near = x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0))));
    (if x.abs() < 1e-3 { near } else { exp64(x) - 1.0 }) as f32
}

/// log(1 + eˣ).
#[inline(always)]
pub(super) fn log1p_exp(x: f32) -> f32 {
    let x = f64::from(x);
    let rest = log1p64(exp64(-x.abs()));
    (if x > 0.0 { x + rest } else { rest }) as f32
}

/// −1, 0 or 1; 0 for NaN.
#[inline(always)]
pub(super) fn sign(x: f32) -> f32 {
    let one = if x < 0.0 { -1.0 } else { 0.0 };
    if x > 0.0 { 1.0 } else { one }
}

/// max(x, 0); NaN stays NaN.
#[inline(always)]
pub(crate) fn relu_of(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub(crate) fn relu_backward_of(x: f32, dy: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { dy }
}

/// The derivative of x · sigmoid(x), times `dy`.
#[inline(always)]
pub(crate) fn silu_backward_of(x: f32, dy: f32) -> f32 {
    dy * (sigmoid(x) * (1.0 + x * sigmoid(-x)))
}

/// Φ in `f64`, through the definition of GELU.
pub(super) fn normal_cdf64(x: f64) -> f64 {
    if x == 0.0 { 0.5 } else { crate::gelu::reference(x, crate::Gelu::Erf) / x }
}

/// The error function in `f64`.
pub(super) fn erf64(x: f64) -> f64 {
    2.0 * normal_cdf64(x * std::f64::consts::SQRT_2) - 1.0
}

pub(super) fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
