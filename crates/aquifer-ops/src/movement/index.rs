//! Look-ups, and the sums that are their derivatives.

use super::contiguous;
use crate::OpError;
use crate::reduce::expect_axis;
use crate::strided::{Walk, raw, recycled, with_element};
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{DType, Element, Tensor, View};

/// Elements one task copies.
const TASK: usize = 8192;

/// The indices in row-major order, each below `extent`.
pub(super) fn read(op: &'static str, arg: &'static str, indices: &View, extent: usize) -> Result<Vec<u32>, OpError> {
    if indices.dtype() != DType::U32 {
        return Err(OpError::DType { op, arg, want: "u32", got: indices.dtype() });
    }
    let ids = contiguous(indices).as_slice::<u32>().to_vec();
    match ids.iter().position(|&id| id as usize >= extent) {
        None => Ok(ids),
        Some(at) => {
            let want = format!("below {extent}");
            Err(OpError::Value { op, arg, want, got: format!("{} at element {at}", ids[at]) })
        }
    }
}

/// A contiguous tensor as `[outer, extent, inner]` around an axis.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) outer: usize,
    pub(super) extent: usize,
    pub(super) inner: usize,
}

impl Around {
    pub(super) fn new(op: &'static str, shape: &[usize], axis: usize) -> Result<Self, OpError> {
        expect_axis(op, axis, shape)?;
        let (outer, inner) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
        Ok(Around { outer, extent: shape[axis], inner })
    }
}

/// `shape` with another extent of `axis`.
pub(super) fn with_extent(shape: &[usize], axis: usize, extent: usize) -> Vec<usize> {
    (0..shape.len()).map(|at| if at == axis { extent } else { shape[at] }).collect()
}

/// Refuses indices of `gather` and `scatter`: as many axes as `shape`, none but `axis` beyond it.
pub(super) fn expect_inside(op: &'static str, indices: &[usize], shape: &[usize], axis: usize) -> Result<(), OpError> {
    expect_axis(op, axis, shape)?;
    let fits = indices.len() == shape.len() && (0..shape.len()).all(|at| at == axis || indices[at] <= shape[at]);
    if fits {
        return Ok(());
    }
    let want = format!("no larger than {shape:?} save along axis {axis}");
    Err(OpError::Shape { op, arg: "indices", want, got: indices.to_vec() })
}

/// Where element `i` of the indices, in row-major order, reads or writes in a tensor of strides `strides`.
pub(super) fn targets(indices: &View, ids: &[u32], strides: &[usize], axis: usize) -> Vec<usize> {
    let mut offsets = Vec::with_capacity(ids.len());
    let rest: Vec<usize> = (0..strides.len()).map(|at| if at == axis { 0 } else { strides[at] }).collect();
    Walk::new(indices.shape(), &rest).runs(0..ids.len(), |offset, stride, len| {
        offsets.extend((0..len).map(|i| offset + i * stride));
    });
    offsets.iter_mut().zip(ids).for_each(|(offset, id)| *offset += *id as usize * strides[axis]);
    offsets
}

/// A tensor whose element `i` is what lies at `offsets[i]` of `x`.
fn pick(x: &View, offsets: &[usize], shape: &[usize]) -> Tensor {
    let mut out = recycled(x.dtype(), shape);
    let base = raw(&mut out);
    with_element!(x.dtype(), T => {
        let (from, to) = (SendPtr(x.ptr::<T>().cast_mut()), SendPtr(base.get().cast::<T>()));
        parallel_for(offsets.len().div_ceil(TASK), |i| {
            for at in i * TASK..((i + 1) * TASK).min(offsets.len()) {
                // SAFETY: offsets lie in the view by its own strides; every element of `out` is one task's.
                unsafe { *to.get().add(at) = *from.get().add(offsets[at]) };
            }
        });
    });
    out
}

/// `out[i][j] = x[indices[i][j]][j]` for `axis` 0, and so on: one element for each of `indices`.
///
/// # Shapes
/// `indices`: as many axes as `x`, none but `axis` larger than `x`'s; `out` as `indices`.
///
/// # Errors
/// [`OpError`] where that does not hold, and for an index beyond the axis.
pub fn gather(x: &View, axis: usize, indices: &View) -> Result<Tensor, OpError> {
    expect_inside("gather", indices.shape(), x.shape(), axis)?;
    let ids = read("gather", "indices", indices, x.shape()[axis])?;
    Ok(pick(x, &targets(indices, &ids, x.strides(), axis), indices.shape()))
}

/// The derivative of [`gather`]: `dy` added up where it was read. `shape` is that of `x`.
///
/// # Errors
/// As [`gather`].
pub fn gather_backward(shape: &[usize], axis: usize, indices: &View, dy: &View) -> Result<Tensor, OpError> {
    let mut dx = super::zeros(dy.dtype(), shape);
    super::scatter_add(&mut dx, axis, indices, dy)?;
    Ok(dx)
}

/// The slices of `x` along `axis` that `indices`, a vector, names.
///
/// # Errors
/// [`OpError`] for an axis that is not there, or an index beyond it.
pub fn index_select(x: &View, axis: usize, indices: &View) -> Result<Tensor, OpError> {
    let op = "index_select";
    expect_axis(op, axis, x.shape())?;
    let ids = read(op, "indices", indices, x.shape()[axis])?;
    let shape = with_extent(x.shape(), axis, ids.len());
    let x = contiguous(x);
    let around = Around::new(op, x.shape(), axis)?;
    let mut out = recycled(x.dtype(), &shape[..]);
    with_element!(x.dtype(), T => select_into::<T>(&x, &mut out, around, &ids));
    Ok(out)
}

fn select_into<T: Element>(x: &Tensor, out: &mut Tensor, around: Around, ids: &[u32]) {
    let (x, inner) = (x.as_slice::<T>(), around.inner);
    if inner == 0 {
        return;
    }
    aquifer_tensor::threads::parallel_chunks(
        out.as_mut_slice::<T>(),
        inner.max(1) * (TASK / inner).max(1),
        |i, part| {
            let first = i * (TASK / inner).max(1);
            for (row, out) in part.chunks_mut(inner).enumerate() {
                let (outer, id) = ((first + row) / ids.len(), ids[(first + row) % ids.len()] as usize);
                out.copy_from_slice(&x[(outer * around.extent + id) * inner..][..inner]);
            }
        },
    );
}

/// The derivative of [`index_select`]: every slice of `dy` added where it was read. `shape` is that of `x`.
///
/// # Errors
/// As [`index_select`].
pub fn index_select_backward(shape: &[usize], axis: usize, indices: &View, dy: &View) -> Result<Tensor, OpError> {
    let mut dx = super::zeros(dy.dtype(), shape);
    super::index_add(&mut dx, axis, indices, dy)?;
    Ok(dx)
}

/// `x` seen as one long row, looked up by `indices`; the result has their shape.
///
/// # Errors
/// [`OpError`] for an index beyond the elements.
pub fn take(x: &View, indices: &View) -> Result<Tensor, OpError> {
    let flat = contiguous(x).reshape([x.numel()]);
    let ids = read("take", "indices", indices, x.numel())?;
    let offsets: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
    Ok(pick(&flat.view(), &offsets, indices.shape()))
}

/// The derivative of [`take`]: `dy` added up where it was read. `shape` is that of `x`.
///
/// # Errors
/// As [`take`].
pub fn take_backward(shape: &[usize], indices: &View, dy: &View) -> Result<Tensor, OpError> {
    let mut dx = super::zeros(dy.dtype(), [shape.iter().product::<usize>()]);
    let (flat, dy) = (contiguous(indices).reshape([indices.numel()]), contiguous(dy).reshape([dy.numel()]));
    super::index_add(&mut dx, 0, &flat.view(), &dy.view())?;
    Ok(dx.reshape(shape))
}

/// The row of `x`'s first axes, flattened, that each tuple of `indices` names; and the shape of the indices.
pub(super) fn tuples(op: &'static str, shape: &[usize], indices: &[View]) -> Result<(Vec<u32>, Vec<usize>), OpError> {
    if indices.is_empty() || indices.len() > shape.len() {
        let want = format!("one to {} tensors of indices, one for each leading axis", shape.len());
        return Err(OpError::Value { op, arg: "indices", want, got: indices.len().to_string() });
    }
    let common = indices
        .iter()
        .try_fold(Vec::new(), |all, view| crate::strided::broadcast(op, "indices", &all, view.shape()))?;
    let mut rows = vec![0_u32; common.iter().product()];
    for (view, &extent) in indices.iter().zip(shape) {
        let ids = read(op, "indices", &crate::strided::expanded(op, "indices", view, &common)?, extent)?;
        rows.iter_mut().zip(ids).for_each(|(row, id)| *row = *row * extent as u32 + id);
    }
    Ok((rows, common))
}

/// `x` with its first `k` axes merged, for the `k` tensors of indices of [`index`].
pub(super) fn merged(shape: &[usize], k: usize) -> Vec<usize> {
    [&[shape[..k].iter().product()], &shape[k..]].concat()
}

/// `out[i…] = x[indices₀[i…], indices₁[i…], …]`: one tensor of indices for each leading axis, broadcast together;
/// the other axes follow.
///
/// # Errors
/// [`OpError`] for more tensors than axes, for shapes that do not broadcast, and for an index beyond its axis.
pub fn index(x: &View, indices: &[View]) -> Result<Tensor, OpError> {
    let (rows, common) = tuples("index", x.shape(), indices)?;
    let k = indices.len();
    let flat = contiguous(x).reshape(&merged(x.shape(), k)[..]);
    let out = index_select(&flat.view(), 0, &View::of(&rows, [rows.len()]))?;
    Ok(out.reshape(&[&common, &x.shape()[k..]].concat()[..]))
}

/// The derivative of [`index`]: `dy` added up where it was read. `shape` is that of `x`.
///
/// # Errors
/// As [`index`].
pub fn index_backward(shape: &[usize], indices: &[View], dy: &View) -> Result<Tensor, OpError> {
    let mut dx = super::zeros(dy.dtype(), shape);
    super::index_put(&mut dx, indices, dy, true)?;
    Ok(dx)
}
