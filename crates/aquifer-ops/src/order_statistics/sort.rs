//! Sorting and top-k.

use crate::OpError;
use crate::movement::{contiguous, gather, gather_backward, transpose};
use crate::reduce::expect_axis;
use crate::strided::is_float;
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{Tensor, View};
use std::cmp::Ordering;

/// The elements along `axis` in ascending (or descending) order, and where each was.
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there.
pub fn sort(x: &View, axis: usize, descending: bool) -> Result<(Tensor, Tensor), OpError> {
    expect_axis("sort", axis, x.shape())?;
    let indices = ordered(x, axis, x.shape()[axis], descending)?;
    Ok((gather(x, axis, &indices.view())?, indices))
}

/// Where each element of [`sort`] was.
///
/// # Errors
/// As [`sort`].
pub fn argsort(x: &View, axis: usize, descending: bool) -> Result<Tensor, OpError> {
    expect_axis("argsort", axis, x.shape())?;
    ordered(x, axis, x.shape()[axis], descending)
}

/// The derivative of [`sort`] from its indices: `dy` back where each element was. `shape` is that of `x`.
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn sort_backward(shape: &[usize], axis: usize, indices: &View, dy: &View) -> Result<Tensor, OpError> {
    gather_backward(shape, axis, indices, dy)
}

/// The `k` largest (or smallest) elements along `axis`, best first, and where each was.
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there, or one shorter than `k`.
pub fn topk(x: &View, k: usize, axis: usize, largest: bool) -> Result<(Tensor, Tensor), OpError> {
    expect_axis("topk", axis, x.shape())?;
    if k > x.shape()[axis] {
        let want = format!("at most {}, the axis", x.shape()[axis]);
        return Err(OpError::Value { op: "topk", arg: "k", want, got: k.to_string() });
    }
    let indices = ordered(x, axis, k, largest)?;
    Ok((gather(x, axis, &indices.view())?, indices))
}

/// The derivative of [`topk`] from its indices: `dy` where each element was, zeros elsewhere.
///
/// # Errors
/// [`OpError`] where shapes differ.
pub fn topk_backward(shape: &[usize], axis: usize, indices: &View, dy: &View) -> Result<Tensor, OpError> {
    gather_backward(shape, axis, indices, dy)
}

/// The first `k` indices of a sorted axis.
fn ordered(x: &View, axis: usize, k: usize, descending: bool) -> Result<Tensor, OpError> {
    let last = x.shape().len() - 1;
    let rows = contiguous(&x.transpose(axis, last));
    let mut shape = rows.shape().to_vec();
    let cols = shape[last];
    shape[last] = k;
    let mut out = Tensor::recycled::<u32>(&shape[..]);
    let n = rows.numel() / cols.max(1);
    let keys = if is_float(x.dtype()) {
        Keys::Float(crate::strided::convert(&rows.view(), aquifer_tensor::DType::F32))
    } else {
        Keys::whole(&rows)
    };
    let slots = SendPtr(out.as_mut_slice::<u32>().as_mut_ptr());
    parallel_for(if k == 0 { 0 } else { n }, |row| {
        let by = |&a: &u32, &b: &u32| {
            let order = keys.compare(row * cols + a as usize, row * cols + b as usize);
            // Equal keys keep the order of their indices, whichever way the rest is sorted.
            (if descending { order.reverse() } else { order }).then(a.cmp(&b))
        };
        let mut indices: Vec<u32> = (0..cols as u32).collect();
        if k < cols {
            indices.select_nth_unstable_by(k - 1, by);
            indices.truncate(k);
        }
        indices.sort_unstable_by(by);
        // SAFETY: every row of the output is one task's.
        unsafe { std::slice::from_raw_parts_mut(slots.get().add(row * k), k) }.copy_from_slice(&indices);
    });
    transpose(&out.view(), axis, last)
}

/// What rows are compared by.
enum Keys {
    Float(Tensor),
    Whole(Vec<i64>),
}

impl Keys {
    fn whole(rows: &Tensor) -> Self {
        use crate::strided::{Lane, Walk};
        let mut keys = vec![0_i64; rows.numel()];
        i64::load(&rows.view(), &Walk::of(&rows.view()), 0..rows.numel(), &mut keys);
        Keys::Whole(keys)
    }

    #[inline]
    fn compare(&self, a: usize, b: usize) -> Ordering {
        match self {
            Keys::Whole(keys) => keys[a].cmp(&keys[b]),
            Keys::Float(keys) => {
                let (a, b) = (keys.as_f32()[a], keys.as_f32()[b]);
                a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
        }
    }
}
