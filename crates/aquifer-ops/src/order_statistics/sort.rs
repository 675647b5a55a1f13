//! Sorting and top-k.

use crate::OpError;
use crate::movement::{contiguous, gather, gather_backward, transpose};
use crate::reduce::expect_axis;
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{DType, Tensor, View};

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
    let (n, keys) = (rows.numel() / cols.max(1), keys(&rows));
    let slots = SendPtr(out.as_mut_slice::<u32>().as_mut_ptr());
    parallel_for(if k == 0 { 0 } else { n }, |row| {
        // The index below the key: equal keys keep the order of their indices, whichever way the rest is sorted.
        let flip = if descending { u32::MAX } else { 0 };
        let place = |(i, key): (usize, &u32)| u64::from(key ^ flip) << 32 | i as u64;
        let mut places: Vec<u64> = keys[row * cols..(row + 1) * cols].iter().enumerate().map(place).collect();
        if k < cols {
            places.select_nth_unstable(k - 1);
            places.truncate(k);
        }
        places.sort_unstable();
        // SAFETY: every row of the output is one task's.
        let out = unsafe { std::slice::from_raw_parts_mut(slots.get().add(row * k), k) };
        out.iter_mut().zip(places).for_each(|(out, place)| *out = place as u32);
    });
    transpose(&out.view(), axis, last)
}

/// Numbers that are ordered as the elements are: NaN above all, both zeros alike.
fn keys(rows: &Tensor) -> Vec<u32> {
    const SIGN: u32 = 1 << 31;
    match rows.dtype() {
        DType::U32 => rows.as_slice::<u32>().to_vec(),
        DType::U8 => rows.as_slice::<u8>().iter().map(|x| u32::from(*x)).collect(),
        DType::I32 => rows.as_slice::<i32>().iter().map(|x| *x as u32 ^ SIGN).collect(),
        DType::F32 | DType::Bf16 => {
            let key = |x: &f32| match x.to_bits() {
                _ if x.is_nan() => u32::MAX,
                _ if *x == 0.0 => SIGN,
                bits if bits & SIGN != 0 => !bits,
                bits => bits | SIGN,
            };
            rows.to_f32().as_f32().iter().map(key).collect()
        }
    }
}
