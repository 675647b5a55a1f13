//! Gradients scaled so that their common norm is at most a bound.

use crate::order::tree;
use crate::rows::each_span;
use crate::simd::simd;
use crate::{OpError, square_sum};
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{Tensor, isa};

/// The norm of all `gradients` together; those are multiplied by `max_norm / norm` if it is larger than `max_norm`.
///
/// # Numerics
/// Each gradient's [`square_sum()`] in `f64` and one shard, joined in the tree; the factor is rounded to f32 once. A norm
/// that is NaN or infinite leaves the gradients as they are: the caller sees it and can skip the step.
///
/// # Errors
/// [`OpError`] for a bound that is not positive, and for gradients that are not f32 of at least one axis.
pub fn clip_grad(gradients: &mut [Tensor], max_norm: f64) -> Result<f64, OpError> {
    if max_norm <= 0.0 || max_norm.is_nan() {
        let want = "positive".to_string();
        return Err(OpError::Value { op: "clip_grad", arg: "max_norm", want, got: max_norm.to_string() });
    }
    let squares = gradients.iter().map(|g| square_sum(&g.view(), 1)).collect::<Result<Vec<_>, _>>()?;
    let norm = tree(squares, |a, b| a + b).unwrap_or(0.0).sqrt();
    if norm > max_norm && norm.is_finite() {
        let (factor, isa) = ((max_norm / norm) as f32, isa::active());
        for gradient in gradients {
            let (total, base) = (gradient.numel(), SendPtr(gradient.as_f32_mut().as_mut_ptr()));
            each_span(1, total, true, |_, span| {
                // SAFETY: spans are disjoint and inside the gradient.
                scale_on(
                    isa,
                    unsafe { std::slice::from_raw_parts_mut(base.get().add(span.start), span.len()) },
                    factor,
                );
            });
        }
    }
    Ok(norm)
}

simd! {
    fn scale_on(isa: Isa, xs: &mut [f32], factor: f32) {
        for x in xs {
            *x *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};

    #[test]
    fn large_gradients_shrink_to_the_bound_and_small_ones_stay() {
        let fresh = || vec![tensor("a", [33, 67], 1.0), tensor("b", [129], 1.0)];
        let clipped = everywhere(|| {
            let mut gradients = fresh();
            clip_grad(&mut gradients, 1.0).unwrap();
            [gradients[0].as_f32(), gradients[1].as_f32()].concat()
        });
        let left: f64 = clipped.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((left.sqrt() - 1.0).abs() < 1e-6, "{left}");
        let mut gradients = fresh();
        let norm = clip_grad(&mut gradients, 1e6).unwrap();
        assert!(norm > 10.0 && gradients[1].as_f32() == fresh()[1].as_f32());
        gradients[0].as_f32_mut()[5] = f32::NAN;
        assert!(clip_grad(&mut gradients, 1.0).unwrap().is_nan() && gradients[1].as_f32() == fresh()[1].as_f32());
        assert!(clip_grad(&mut gradients, 0.0).is_err());
    }
}
