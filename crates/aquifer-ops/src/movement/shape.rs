//! Copies in another order, with some elements left out or put in.

use super::index::{Around, with_extent};
use crate::OpError;
use crate::pointwise::masked_fill;
use crate::reduce::{expect_axis, sum_to};
use crate::rows::expect_shape;
use crate::strided::{Walk, convert, raw, recycled, with_element};
use aquifer_tensor::threads::{SendPtr, parallel_chunks, parallel_for};
use aquifer_tensor::{DType, Element, Shape, Tensor, View};

/// Elements one task copies.
const TASK: usize = 16_384;

/// The elements of any view in row-major order, bit by bit.
pub fn contiguous(x: &View) -> Tensor {
    let mut out = recycled(x.dtype(), x.shape());
    let base = raw(&mut out);
    with_element!(x.dtype(), T => copy_into::<T>(x, SendPtr(base.get().cast())));
    out
}

/// Writes the elements of `x` in row-major order from `to` on, which has room for them.
fn copy_into<T: Element>(x: &View, to: SendPtr<T>) {
    let (walk, from, total) = (Walk::of(x), SendPtr(x.ptr::<T>().cast_mut()), x.numel());
    // SAFETY: the view's own walk, and the output has room for all of it.
    if unsafe { walk.copy_turned(from, to) } {
        return;
    }
    parallel_for(total.div_ceil(TASK), |i| {
        let mut at = i * TASK;
        walk.runs(at..(at + TASK).min(total), |offset, stride, len| {
            // SAFETY: runs of a view's own walk lie inside it; every element of the output is one task's.
            unsafe {
                let (from, to) = (from.get().add(offset), to.get().add(at));
                match stride {
                    1 => std::ptr::copy_nonoverlapping(from, to, len),
                    _ => (0..len).for_each(|i| *to.add(i) = *from.add(i * stride)),
                }
            }
            at += len;
        });
    });
}

/// Overwrites `out` by `x`, expanded to its shape and converted to its element type.
///
/// # Errors
/// [`OpError::Shape`] if `x` does not expand to `out`.
pub fn copy(out: &mut Tensor, x: &View) -> Result<(), OpError> {
    let wide = crate::strided::expanded("copy", "x", x, out.shape())?;
    *out = to_copy(&wide, out.dtype());
    Ok(())
}

/// A contiguous copy of this element type: floats are rounded once, fractions are cut off on the way to an integer.
pub fn to_copy(x: &View, dtype: DType) -> Tensor {
    if x.dtype() == dtype { contiguous(x) } else { convert(x, dtype) }
}

/// A copy with axis `i` where axis `axes[i]` was. Its derivative is that of the inverse order.
///
/// # Errors
/// [`OpError::Value`] unless `axes` holds every axis once.
pub fn permute(x: &View, axes: &[usize]) -> Result<Tensor, OpError> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..x.shape().len()) {
        let want = format!("every axis of {:?} once", x.shape());
        return Err(OpError::Value { op: "permute", arg: "axes", want, got: format!("{axes:?}") });
    }
    Ok(contiguous(&x.permute(axes)))
}

/// A copy with two axes exchanged; its own derivative.
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there.
pub fn transpose(x: &View, a: usize, b: usize) -> Result<Tensor, OpError> {
    expect_axis("transpose", a, x.shape())?;
    expect_axis("transpose", b, x.shape())?;
    Ok(contiguous(&x.transpose(a, b)))
}

/// A copy under another shape of as many elements.
///
/// # Errors
/// [`OpError::Shape`] if the numbers of elements differ.
pub fn reshape(x: &View, shape: &[usize]) -> Result<Tensor, OpError> {
    if shape.iter().product::<usize>() != x.numel() {
        let want = format!("of as many elements as {shape:?}");
        return Err(OpError::Shape { op: "reshape", arg: "x", want, got: x.shape().to_vec() });
    }
    Ok(contiguous(x).reshape(shape))
}

/// A copy repeated to `shape`; [`View::expand`] is the one without a copy.
///
/// # Errors
/// [`OpError::Shape`] if `x` does not expand to it.
pub fn expand(x: &View, shape: &[usize]) -> Result<Tensor, OpError> {
    Ok(contiguous(&crate::strided::expanded("expand", "x", x, shape)?))
}

/// The derivative of [`expand`] and of [`View::expand`]: `dy` summed to `shape` in the order of a row.
///
/// # Errors
/// [`OpError`] if `shape` does not expand to `dy`, and for integers.
pub fn expand_backward(shape: &[usize], dy: &View) -> Result<Tensor, OpError> {
    let like = super::zeros(dy.dtype(), shape);
    crate::strided::expanded("expand_backward", "shape", &like.view(), dy.shape())?;
    sum_to(contiguous(dy), &like.view())
}

/// Every `step`-th slice of `axis` from `start` below `end`.
///
/// # Errors
/// [`OpError::Value`] for a range that reaches beyond the axis, or a step of 0.
pub fn slice(x: &View, axis: usize, start: usize, end: usize, step: usize) -> Result<Tensor, OpError> {
    let picked = picked("slice", x.shape(), axis, start, end, step)?;
    super::index_select(x, axis, &View::of(&picked, [picked.len()]))
}

/// The derivative of [`slice()`]: `dy` where it was read, zeros elsewhere. `shape` is that of `x`.
///
/// # Errors
/// As [`slice()`].
pub fn slice_backward(
    shape: &[usize],
    axis: usize,
    start: usize,
    end: usize,
    step: usize,
    dy: &View,
) -> Result<Tensor, OpError> {
    let picked = picked("slice_backward", shape, axis, start, end, step)?;
    super::index_select_backward(shape, axis, &View::of(&picked, [picked.len()]), dy)
}

fn picked(
    op: &'static str,
    shape: &[usize],
    axis: usize,
    start: usize,
    end: usize,
    step: usize,
) -> Result<Vec<u32>, OpError> {
    expect_axis(op, axis, shape)?;
    if start > end || end > shape[axis] || step == 0 {
        let want = format!("inside 0..{} and a step of at least 1", shape[axis]);
        return Err(OpError::Value { op, arg: "range", want, got: format!("{start}..{end} by {step}") });
    }
    Ok((start as u32..end as u32).step_by(step).collect())
}

/// `value` around `x`: `widths` are the elements put before and after each axis, the first axis first.
///
/// # Errors
/// [`OpError::Value`] unless there is a pair for every axis.
pub fn pad(x: &View, widths: &[(usize, usize)], value: f32) -> Result<Tensor, OpError> {
    let shape = padded("pad", x.shape(), widths)?;
    let mut out = super::full(x.dtype(), &shape[..], value);
    let strides = Shape::new(&shape).strides();
    let base = raw(&mut out);
    let first: usize = widths.iter().zip(strides).map(|((before, _), stride)| before * stride).sum();
    let inside = Walk::new(x.shape(), &strides[..shape.len()]);
    let copy = contiguous(x);
    with_element!(x.dtype(), T => {
        let (mut from, to) = (copy.as_slice::<T>(), base.get().cast::<T>());
        inside.runs(0..x.numel(), |offset, stride, len| {
            let (part, rest) = from.split_at(len);
            from = rest;
            // SAFETY: the inner window lies inside the padded shape.
            part.iter().enumerate().for_each(|(i, x)| unsafe { *to.add(first + offset + i * stride) = *x });
        });
    });
    Ok(out)
}

/// The derivative of [`pad`]: the inner window of `dy`.
///
/// # Errors
/// [`OpError`] unless there is a pair for every axis of `dy`, and `dy` is as wide as they are together.
pub fn pad_backward(dy: &View, widths: &[(usize, usize)]) -> Result<Tensor, OpError> {
    let op = "pad_backward";
    let zeros = vec![0; dy.shape().len()];
    let least = padded(op, &zeros, widths)?;
    if least.iter().zip(dy.shape()).any(|(least, got)| least > got) {
        let want = format!("at least {least:?}");
        return Err(OpError::Shape { op, arg: "dy", want, got: dy.shape().to_vec() });
    }
    let inner = widths.iter().enumerate().fold(*dy, |view, (axis, (before, after))| {
        let len = view.shape()[axis] - before - after;
        view.narrow(axis, *before, len)
    });
    Ok(contiguous(&inner))
}

fn padded(op: &'static str, shape: &[usize], widths: &[(usize, usize)]) -> Result<Vec<usize>, OpError> {
    if widths.len() != shape.len() {
        let want = format!("a pair for each of {} axes", shape.len());
        return Err(OpError::Value { op, arg: "widths", want, got: widths.len().to_string() });
    }
    Ok(shape.iter().zip(widths).map(|(extent, (before, after))| before + extent + after).collect())
}

/// The slices of `axes` in reverse; its own derivative.
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there.
pub fn flip(x: &View, axes: &[usize]) -> Result<Tensor, OpError> {
    axes.iter().try_fold(contiguous(x), |x, &axis| {
        let around = Around::new("flip", x.shape(), axis)?;
        let order: Vec<u32> = (0..around.extent as u32).rev().collect();
        super::index_select(&x.view(), axis, &View::of(&order, [order.len()]))
    })
}

/// Slice `i` of `axis` moved to `i + shift`, around the end. The derivative is the roll by `−shift`.
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there.
pub fn roll(x: &View, shift: isize, axis: usize) -> Result<Tensor, OpError> {
    expect_axis("roll", axis, x.shape())?;
    let extent = x.shape()[axis] as isize;
    let order: Vec<u32> = (0..extent).map(|i| (i - shift).rem_euclid(extent) as u32).collect();
    super::index_select(x, axis, &View::of(&order, [order.len()]))
}

/// The lower triangle of the last two axes, up to `diagonal` above the main one; zeros elsewhere. Its own derivative.
///
/// # Errors
/// [`OpError::Shape`] for fewer than two axes.
pub fn tril(x: &View, diagonal: isize) -> Result<Tensor, OpError> {
    triangle("tril", x, |row, col| col - row > diagonal)
}

/// The upper triangle of the last two axes, from `diagonal` above the main one; zeros elsewhere. Its own derivative.
///
/// # Errors
/// [`OpError::Shape`] for fewer than two axes.
pub fn triu(x: &View, diagonal: isize) -> Result<Tensor, OpError> {
    triangle("triu", x, |row, col| col - row < diagonal)
}

fn triangle(op: &'static str, x: &View, out: impl Fn(isize, isize) -> bool + Sync) -> Result<Tensor, OpError> {
    let &[.., rows, cols] = x.shape() else {
        return Err(OpError::Shape { op, arg: "x", want: "of at least two axes".into(), got: x.shape().to_vec() });
    };
    let mut mask = vec![0; rows * cols];
    parallel_chunks(&mut mask, cols.max(1), |row, line| {
        line.iter_mut().enumerate().for_each(|(col, to)| *to = u8::from(out(row as isize, col as isize)));
    });
    masked_fill(x, &View::of(&mask, [rows, cols]), 0.0)
}

/// Of a vector the matrix that has it on its `diagonal`-th diagonal, of a matrix that diagonal.
///
/// # Errors
/// [`OpError::Shape`] for other shapes.
pub fn diag(x: &View, diagonal: isize) -> Result<Tensor, OpError> {
    match *x.shape() {
        [n] => {
            let side = n + diagonal.unsigned_abs();
            let mut out = super::zeros(x.dtype(), [side * side]);
            let at = on_diagonal(side, side, diagonal);
            super::index_put(&mut out, &[View::of(&at, [n])], x, false)?;
            Ok(out.reshape([side, side]))
        }
        [rows, cols] => {
            let at = on_diagonal(rows, cols, diagonal);
            super::take(x, &View::of(&at, [at.len()]))
        }
        _ => Err(OpError::Shape { op: "diag", arg: "x", want: "a vector or a matrix".into(), got: x.shape().to_vec() }),
    }
}

/// The derivative of [`diag`] of an `x` of this shape.
///
/// # Errors
/// [`OpError::Shape`] where `dy` is not as [`diag`] gives.
pub fn diag_backward(shape: &[usize], diagonal: isize, dy: &View) -> Result<Tensor, OpError> {
    let op = "diag_backward";
    if let &[rows, cols] = shape {
        let at = on_diagonal(rows, cols, diagonal);
        expect_shape(op, "dy", dy.shape(), "as the diagonal", &[at.len()])?;
        let mut dx = super::zeros(dy.dtype(), [rows * cols]);
        super::index_put(&mut dx, &[View::of(&at, [at.len()])], dy, false)?;
        return Ok(dx.reshape(shape));
    }
    let side = shape.iter().sum::<usize>() + diagonal.unsigned_abs();
    expect_shape(op, "dy", dy.shape(), "as the matrix", &[side, side])?;
    diag(dy, diagonal)
}

/// The flat indices of a diagonal.
fn on_diagonal(rows: usize, cols: usize, diagonal: isize) -> Vec<u32> {
    let (down, right) = ((-diagonal).max(0) as usize, diagonal.max(0) as usize);
    let len = rows.saturating_sub(down).min(cols.saturating_sub(right));
    (0..len).map(|i| ((i + down) * cols + i + right) as u32).collect()
}

/// `shape` with `axis` cut into `parts` equal pieces of whole slices, the last perhaps shorter: their lengths.
pub(super) fn pieces(extent: usize, len: usize) -> Vec<usize> {
    (0..extent).step_by(len.max(1)).map(|at| len.min(extent - at)).collect()
}

/// A fresh tensor whose `axis` is `extent` long.
pub(super) fn like(x: &View, axis: usize, extent: usize) -> Tensor {
    recycled(x.dtype(), &with_extent(x.shape(), axis, extent)[..])
}
