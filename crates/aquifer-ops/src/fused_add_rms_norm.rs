//! A residual sum and its root-mean-square normalisation, as the blocks of a decoder need them together.

use crate::{OpError, add_assign, rms_norm};
use aquifer_tensor::{View, ViewMut};

/// `residual += x`, then `out = rms_norm(residual) · w`.
///
/// # Shapes
/// `x`, `residual`, `out: [.., d]`; `w: [d]`; f32, as [`rms_norm()`].
///
/// # Numerics
/// Bit-equal to [`add_assign()`] followed by [`rms_norm()`]. Its derivative: [`crate::rms_norm_backward`] at the sum, whose `dx`
/// and the sum's own gradient go to both operands alike.
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn fused_add_rms_norm(
    x: &View,
    residual: &mut ViewMut,
    w: &[f32],
    eps: f32,
    out: &mut ViewMut,
) -> Result<(), OpError> {
    add_assign(residual, x)?;
    rms_norm(&residual.as_view(), w, eps, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};
    use aquifer_tensor::Tensor;
    use aquifer_testkit::{assert_close, wide};

    #[test]
    fn the_sum_is_kept_and_normalised() {
        let (x, r, w) = (tensor("x", [9, 67], 1.0), tensor("r", [9, 67], 1.0), tensor("w", [67], 1.0));
        let both = everywhere(|| {
            let (mut sum, mut out) = (r.clone(), Tensor::poisoned::<f32>([9, 67]));
            fused_add_rms_norm(&x.view(), &mut sum.view_mut(), w.as_f32(), 1e-6, &mut out.view_mut()).unwrap();
            [sum.as_f32(), out.as_f32()].concat()
        });
        let sum: Vec<f64> = wide(x.as_f32()).iter().zip(wide(r.as_f32())).map(|(x, r)| x + r).collect();
        let out = crate::rms_norm::reference(&sum, &wide(w.as_f32()), 1e-6);
        assert_close(&both, &[sum, out].concat(), 1e-5);
    }
}
