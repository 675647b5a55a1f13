//! Extremes and where they are.

use super::fold::Fold;
use super::table::{largest, smallest};
use super::{INDEX, expect_axis};
use crate::OpError;
use crate::rows::expect_shape;
use crate::strided::{Lane, expect_float, raw, recycled};
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{Isa, Tensor, View, isa};

/// The index of every row's largest element, counted in the row: of the first such, or of the first NaN.
///
/// # Errors
/// [`OpError`] for an axis that is not there or is named twice, for integers, and for rows without elements.
pub fn argmax(x: &View, axes: &[usize], keep: bool) -> Result<Tensor, OpError> {
    Ok(extremes("argmax", x, axes, keep, largest_at)?.1)
}

/// The index of every row's smallest element; as [`argmax`].
///
/// # Errors
/// As [`argmax`].
pub fn argmin(x: &View, axes: &[usize], keep: bool) -> Result<Tensor, OpError> {
    Ok(extremes("argmin", x, axes, keep, smallest_at)?.1)
}

/// The largest elements along `axis` and their indices; the first of equal ones, or the first NaN.
///
/// # Errors
/// As [`argmax`].
pub fn max(x: &View, axis: usize, keep: bool) -> Result<(Tensor, Tensor), OpError> {
    extremes("max", x, &[axis], keep, largest_at)
}

/// The smallest elements along `axis` and their indices; the first of equal ones, or the first NaN.
///
/// # Errors
/// As [`argmax`].
pub fn min(x: &View, axis: usize, keep: bool) -> Result<(Tensor, Tensor), OpError> {
    extremes("min", x, &[axis], keep, smallest_at)
}

/// The derivative of [`max`] and of [`min`]: `dy` at the indices they gave, zeros elsewhere. `shape` is that of `x`.
///
/// # Errors
/// [`OpError`] where shapes or types differ, or an index lies beyond the axis.
pub fn max_backward(shape: &[usize], axis: usize, indices: &View, dy: &View) -> Result<Tensor, OpError> {
    let op = "max_backward";
    expect_axis(op, axis, shape)?;
    expect_float(op, "dy", dy.dtype())?;
    expect_shape(op, "dy", dy.shape(), "as `indices`", indices.shape())?;
    let mut dx = crate::movement::zeros(dy.dtype(), shape);
    let kept: Vec<usize> = (0..shape.len()).map(|at| if at == axis { 1 } else { shape[at] }).collect();
    if indices.numel() != kept.iter().product::<usize>() {
        let want = format!("{kept:?}, one for every row");
        return Err(OpError::Shape { op, arg: "indices", want, got: indices.shape().to_vec() });
    }
    let [indices, dy] = [indices, dy].map(|x| crate::movement::contiguous(x).reshape(&kept[..]));
    crate::movement::scatter(&mut dx, axis, &indices.view(), &dy.view())?;
    Ok(dx)
}

fn extremes(
    op: &'static str,
    x: &View,
    axes: &[usize],
    keep: bool,
    find: fn(Isa, &[f32]) -> (f32, usize),
) -> Result<(Tensor, Tensor), OpError> {
    let fold = Fold::new(op, x, axes, keep)?;
    if fold.cols == 0 && fold.rows > 0 {
        let want = "at least one element in every row".to_string();
        return Err(OpError::Shape { op, arg: "x", want, got: x.shape().to_vec() });
    }
    let (mut values, mut indices) = (recycled(x.dtype(), &fold.shape[..]), recycled(INDEX, &fold.shape[..]));
    let (dtype, base, slots) = (x.dtype(), raw(&mut values), SendPtr(indices.as_mut_slice::<u32>().as_mut_ptr()));
    let isa = isa::active();
    fold.each(x, |row, x| {
        let (value, at) = find(isa, x);
        // SAFETY: every row's slots are one task's.
        unsafe {
            f32::store(base, dtype, row, &[value]);
            *slots.get().add(row) = at as u32;
        }
    });
    Ok((values, indices))
}

/// Which element `value`, an extreme of the row, is.
fn first(x: &[f32], value: f32) -> (f32, usize) {
    let at = if value.is_nan() { x.iter().position(|x| x.is_nan()) } else { x.iter().position(|x| *x == value) };
    (value, at.unwrap_or(0))
}

fn largest_at(isa: Isa, x: &[f32]) -> (f32, usize) {
    first(x, largest(isa, x))
}

fn smallest_at(isa: Isa, x: &[f32]) -> (f32, usize) {
    first(x, smallest(isa, x))
}
