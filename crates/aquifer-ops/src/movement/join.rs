//! Tensors joined along an axis, cut apart, and repeated.

use super::index::Around;
use super::shape::{like, pieces};
use super::{contiguous, index_select};
use crate::OpError;
use crate::reduce::expect_axis;
use crate::rows::expect_shape;
use crate::strided::with_element;
use aquifer_tensor::{Tensor, View};

/// The tensors one after another along `axis`.
///
/// # Errors
/// [`OpError`] without any, and where they differ in more than that axis.
pub fn cat(parts: &[View], axis: usize) -> Result<Tensor, OpError> {
    let op = "cat";
    let Some(first) = parts.first() else {
        return Err(OpError::Value { op, arg: "parts", want: "at least one tensor".into(), got: "none".into() });
    };
    expect_axis(op, axis, first.shape())?;
    for part in parts {
        let mut want = first.shape().to_vec();
        want[axis] = part.shape().get(axis).copied().unwrap_or(0);
        expect_shape(op, "parts", part.shape(), "as the first save along `axis`", &want)?;
        if part.dtype() != first.dtype() {
            return Err(OpError::DType { op, arg: "parts", want: "of the first's element type", got: part.dtype() });
        }
    }
    let mut out = like(first, axis, parts.iter().map(|part| part.shape()[axis]).sum());
    let around = Around::new(op, out.shape(), axis)?;
    with_element!(out.dtype(), T => {
        let (out, row, mut start) = (out.as_mut_slice::<T>(), around.extent * around.inner, 0);
        for part in parts {
            let (part, width) = (contiguous(part), part.shape()[axis] * around.inner);
            for (to, from) in out.chunks_mut(row.max(1)).zip(part.as_slice::<T>().chunks(width.max(1))) {
                to[start..start + width].copy_from_slice(from);
            }
            start += width;
        }
    });
    Ok(out)
}

/// The derivatives of [`cat`]: `dy` cut at the parts' `lengths`.
///
/// # Errors
/// As [`split`].
pub fn cat_backward(dy: &View, lengths: &[usize], axis: usize) -> Result<Vec<Tensor>, OpError> {
    split(dy, lengths, axis)
}

/// The tensors, all of one shape, along a new axis. Its derivative is `dy` cut along that axis.
///
/// # Errors
/// As [`cat`], and for a place beyond the axes.
pub fn stack(parts: &[View], axis: usize) -> Result<Tensor, OpError> {
    let op = "stack";
    let shape = parts.first().map_or(&[][..], View::shape);
    if axis > shape.len() {
        let want = format!("at most {}", shape.len());
        return Err(OpError::Value { op, arg: "axis", want, got: axis.to_string() });
    }
    let grown = [&shape[..axis], &[1], &shape[axis..]].concat();
    let copies = parts.iter().map(|part| {
        expect_shape(op, "parts", part.shape(), "as the first", shape)?;
        Ok(contiguous(part).reshape(&grown[..]))
    });
    let copies = copies.collect::<Result<Vec<_>, OpError>>()?;
    cat(&copies.iter().map(Tensor::view).collect::<Vec<_>>(), axis)
}

/// Consecutive pieces of these lengths along `axis`. Its derivative is [`cat`].
///
/// # Errors
/// [`OpError::Value`] unless they sum to the axis.
pub fn split(x: &View, lengths: &[usize], axis: usize) -> Result<Vec<Tensor>, OpError> {
    expect_axis("split", axis, x.shape())?;
    if lengths.iter().sum::<usize>() != x.shape()[axis] {
        let want = format!("lengths that sum to {}", x.shape()[axis]);
        return Err(OpError::Value { op: "split", arg: "lengths", want, got: format!("{lengths:?}") });
    }
    let mut start = 0;
    let piece = |&len: &usize| {
        start += len;
        contiguous(&x.narrow(axis, start - len, len))
    };
    Ok(lengths.iter().map(piece).collect())
}

/// At most `n` equal pieces along `axis`; the last may be shorter. Its derivative is [`cat`].
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there, or for no pieces.
pub fn chunk(x: &View, n: usize, axis: usize) -> Result<Vec<Tensor>, OpError> {
    expect_axis("chunk", axis, x.shape())?;
    if n == 0 {
        return Err(OpError::Value { op: "chunk", arg: "n", want: "at least 1".into(), got: "0".into() });
    }
    split(x, &pieces(x.shape()[axis], x.shape()[axis].div_ceil(n)), axis)
}

/// `x` laid `times[i]` times along axis `i`; missing leading axes count as 1.
///
/// # Errors
/// [`OpError::Value`] for fewer numbers than axes.
pub fn repeat(x: &View, times: &[usize]) -> Result<Tensor, OpError> {
    let (inner, wide, shape) = repeated("repeat", x.shape(), times)?;
    let view = crate::strided::expanded("repeat", "x", &contiguous(x).reshape(&inner[..]).view(), &wide)
        .map(|v| contiguous(&v))?;
    Ok(view.reshape(&shape[..]))
}

/// The derivative of [`repeat`]: the repeated parts of `dy` summed in the order of a row. `shape` is that of `x`.
///
/// # Errors
/// [`OpError`] where `dy` is not as [`repeat`] gives.
pub fn repeat_backward(shape: &[usize], times: &[usize], dy: &View) -> Result<Tensor, OpError> {
    let (inner, wide, repeated) = repeated("repeat_backward", shape, times)?;
    expect_shape("repeat_backward", "dy", dy.shape(), "as the result", &repeated)?;
    Ok(super::expand_backward(&inner, &contiguous(dy).reshape(&wide[..]).view())?.reshape(shape))
}

/// `[1, extent]` and `[times, extent]` for every axis that is repeated, and the shape of the result.
fn repeated(
    op: &'static str,
    shape: &[usize],
    times: &[usize],
) -> Result<(Vec<usize>, Vec<usize>, Vec<usize>), OpError> {
    let Some(lead) = times.len().checked_sub(shape.len()) else {
        let want = format!("a number for each of {} axes", shape.len());
        return Err(OpError::Value { op, arg: "times", want, got: format!("{times:?}") });
    };
    let (mut inner, mut wide, mut result) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, &n) in times.iter().enumerate() {
        let extent = axis.checked_sub(lead).map_or(1, |at| shape[at]);
        if n != 1 {
            inner.push(1);
            wide.push(n);
        }
        inner.push(extent);
        wide.push(extent);
        result.push(n * extent);
    }
    if inner.len() > aquifer_tensor::shape::MAX_RANK {
        let want = format!("few enough repeated axes: {} at most with the others", aquifer_tensor::shape::MAX_RANK);
        return Err(OpError::Value { op, arg: "times", want, got: format!("{times:?}") });
    }
    Ok((inner, wide, result))
}

/// Every slice of `axis` `times[i]` times in a row, or each as often as the one number says. Its derivative is
/// [`super::index_select_backward`] of the same order.
///
/// # Errors
/// [`OpError::Value`] unless there is one number, or one for every slice.
pub fn repeat_interleave(x: &View, times: &[usize], axis: usize) -> Result<Tensor, OpError> {
    let op = "repeat_interleave";
    expect_axis(op, axis, x.shape())?;
    let extent = x.shape()[axis];
    let times: Vec<usize> = if let [n] = times { vec![*n; extent] } else { times.to_vec() };
    if times.len() != extent {
        let want = format!("one number, or one for each of {extent} slices");
        return Err(OpError::Value { op, arg: "times", want, got: format!("{times:?}") });
    }
    let order: Vec<u32> = (0..extent as u32).zip(times).flat_map(|(i, n)| std::iter::repeat_n(i, n)).collect();
    index_select(x, axis, &View::of(&order, [order.len()]))
}
