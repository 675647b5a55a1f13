//! Running sums and maxima along an axis.

use super::INDEX;
use super::fold::Fold;
use crate::OpError;
use crate::rows::expect_shape;
use crate::strided::{expect_float, recycled};
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{DType, Shape, Tensor, View};

/// `out[i] = x[0] + … + x[i]` along `axis`: one ascending chain in `f64`, rounded at every element.
///
/// # Errors
/// [`OpError`] for an axis that is not there, and for integers.
pub fn cumsum(x: &View, axis: usize) -> Result<Tensor, OpError> {
    let fold = Fold::new("cumsum", x, &[axis], false)?;
    Ok(fold.map_rows([x], x.dtype(), |_, [x], out| {
        let mut sum = 0.0;
        for (out, x) in out.iter_mut().zip(x) {
            sum += f64::from(*x);
            *out = sum as f32;
        }
    }))
}

/// The derivative of [`cumsum`] times `dy`: the running sum from the end.
///
/// # Errors
/// As [`cumsum`].
pub fn cumsum_backward(dy: &View, axis: usize) -> Result<Tensor, OpError> {
    let fold = Fold::new("cumsum_backward", dy, &[axis], false)?;
    Ok(fold.map_rows([dy], dy.dtype(), |_, [dy], dx| {
        let mut sum = 0.0;
        for (dx, dy) in dx.iter_mut().zip(dy).rev() {
            sum += f64::from(*dy);
            *dx = sum as f32;
        }
    }))
}

/// The largest element so far along `axis`, and its index: the first of equal ones (PyTorch gives the last), NaN
/// from the first NaN on.
///
/// # Errors
/// As [`cumsum`].
pub fn cummax(x: &View, axis: usize) -> Result<(Tensor, Tensor), OpError> {
    let fold = Fold::new("cummax", x, &[axis], false)?;
    let shape = Shape::new(x.shape());
    let mut indices = recycled(INDEX, shape);
    let slots = SendPtr(indices.as_mut_slice::<u32>().as_mut_ptr());
    let (steps, inner) = (&shape, shape.strides()[axis]);
    let values = fold.map_rows([x], x.dtype(), |row, [x], out| {
        // Row `row` of the kept axes begins here in a contiguous tensor.
        let start = row / inner * inner * steps[axis] + row % inner;
        let (mut most, mut at) = (f32::NEG_INFINITY, 0);
        for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
            if x > most || (x.is_nan() && !most.is_nan()) {
                (most, at) = (x, i);
            }
            *out = most;
            // SAFETY: every row's slots are one task's, inside the tensor.
            unsafe { *slots.get().add(start + i * inner) = at as u32 };
        }
    });
    Ok((values, indices))
}

/// The derivative of [`cummax`] from its indices: every element gets the `dy` of the places where it was the largest.
///
/// # Errors
/// [`OpError`] where shapes or types differ, or an index lies beyond the axis.
pub fn cummax_backward(indices: &View, axis: usize, dy: &View) -> Result<Tensor, OpError> {
    let op = "cummax_backward";
    expect_float(op, "dy", dy.dtype())?;
    expect_shape(op, "dy", dy.shape(), "as `indices`", indices.shape())?;
    let mut dx = crate::movement::zeros(DType::F32, dy.shape());
    crate::movement::scatter_add(&mut dx, axis, indices, &crate::strided::convert(dy, DType::F32).view())?;
    Ok(crate::strided::convert(&dx.view(), dy.dtype()))
}
