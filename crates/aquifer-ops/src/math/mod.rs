//! Elementary functions of our own: the same bits on every machine and every instruction set.
//!
//! The platform's libm differs between systems and versions, and nothing that reaches a weight, a logit or a
//! score may depend on it. Multiplications and additions are rounded one by one (but for the normal distribution, whose
//! contract is FMA), there are no branches on the data, and only IEEE's `+ − × ÷`, FMA and integer operations
//! are used, so a loop over these functions vectorises and gives what the scalar call gives.
//!
//! Plain names are `f32`, good to a few units in the last place as their tests state; [`mod@f64`] holds the
//! double-precision ones that fill tables and schedules.

mod double;
mod falling;
mod single;

#[cfg(test)]
mod tests;

pub use falling::normal_cdf;
pub(crate) use falling::{cubic_tail, falling_exp, normal_tail};
pub use single::{cos, erf, exp, log, pow, sigmoid, sin, tanh};

/// The double-precision functions: tables of angles, schedules, bias corrections.
pub mod f64 {
    pub use super::double::{cos, exp, ln, pow, sin, tanh};
}

use crate::simd::simd;
use aquifer_tensor::isa;

macro_rules! slices {
    ($($slice:ident $on:ident $of:ident $what:literal;)*) => {
        $(
            #[doc = concat!("Replaces every element by its ", $what, "; bit-equal to [`", stringify!($of), "`] of each.")]
            pub fn $slice(xs: &mut [f32]) {
                $on(isa::active(), xs);
            }
        )*
        simd! {
            $(pub(crate) fn $on(isa: Isa, xs: &mut [f32]) {
                for x in xs {
                    *x = $of(*x);
                }
            })*
        }
    };
}
slices! {
    exp_slice exp_on exp "exponential";
    log_slice log_on log "natural logarithm";
    tanh_slice tanh_on tanh "hyperbolic tangent";
    erf_slice erf_on erf "error function";
    sigmoid_slice sigmoid_on sigmoid "logistic sigmoid";
}
