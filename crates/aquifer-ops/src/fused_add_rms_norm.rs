//! A residual sum and its root-mean-square normalisation, as the blocks of a decoder need them together.

use crate::OpError;
use crate::elementwise::add_assign_on;
use crate::rms_norm::forward_row;
use crate::rows::{Rows, RowsMut, each_row, expect_len};
use aquifer_tensor::{View, ViewMut, isa};

/// `residual += x`, then `out = rms_norm(residual) · w`, in one pass over memory.
///
/// # Shapes
/// `x`, `residual`, `out: [.., d]`; `w: [d]`; f32, as [`rms_norm()`](crate::rms_norm()).
///
/// # Numerics
/// Bit-equal to [`add_assign()`](crate::add_assign()) followed by [`rms_norm()`](crate::rms_norm()). Its derivative:
/// [`crate::rms_norm_backward`] at the sum, whose `dx` and the sum's own gradient go to both operands alike.
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
    const OP: &str = "fused_add_rms_norm";
    let shape = x.shape();
    let x = Rows::new(OP, "x", x)?;
    expect_len(OP, "w", w.len(), "one for every column of `x`", x.cols)?;
    let residual = RowsMut::like(OP, "residual", residual, "as `x`", shape)?;
    let out = RowsMut::like(OP, "out", out, "as `x`", shape)?;
    let isa = isa::active();
    each_row(x.rows, x.cols, |i| {
        // SAFETY: every row is one task's.
        let (sum, out) = unsafe { (residual.row(i), out.row(i)) };
        add_assign_on(isa, sum, x.row(i));
        forward_row(isa, sum, w, eps, out);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};
    use aquifer_tensor::Tensor;
    use aquifer_testkit::{assert_close, assert_same_bits, wide};

    #[test]
    fn the_sum_is_kept_and_normalised() {
        let (x, r, w) = (tensor("x", [9, 67], 1.0), tensor("r", [9, 67], 1.0), tensor("w", [67], 1.0));
        let both = everywhere(|| {
            let (mut sum, mut out) = (r.clone(), Tensor::poisoned::<f32>([9, 67]));
            fused_add_rms_norm(&x.view(), &mut sum.view_mut(), w.as_f32(), 1e-6, &mut out.view_mut()).unwrap();
            [sum.as_f32(), out.as_f32()].concat()
        });
        let sum: Vec<f64> = wide(x.as_f32()).iter().zip(wide(r.as_f32())).map(|(x, r)| x + r).collect();
        let (mut plain, mut scaled) = (r.clone(), Tensor::poisoned::<f32>([9, 67]));
        crate::add_assign(&mut plain.view_mut(), &x.view()).unwrap();
        crate::rms_norm(&plain.view(), w.as_f32(), 1e-6, &mut scaled.view_mut()).unwrap();
        assert_same_bits(&both, &[plain.as_f32(), scaled.as_f32()].concat());
        let out = crate::rms_norm::reference(&sum, &wide(w.as_f32()), 1e-6);
        assert_close(&both, &[sum, out].concat(), 1e-5);
    }
}
