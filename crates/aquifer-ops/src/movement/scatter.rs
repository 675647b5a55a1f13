//! Elements written, or added, where indices say.

use super::contiguous;
use super::index::{Around, expect_inside, merged, read, targets, tuples, with_extent};
use crate::OpError;
use crate::rows::expect_shape;
use crate::strided::{convert, expanded, with_element};
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{DType, Element, Shape, Tensor, View};

/// Columns of a slice that one task of [`index_add`] sums.
const COLS: usize = 512;

/// `x[indices[i][j]][j] = source[i][j]` for `axis` 0, and so on; the last of several stays.
///
/// # Shapes
/// `indices`: as many axes as `x`, none but `axis` larger than `x`'s; `source` as `indices`, of `x`'s element type.
///
/// # Errors
/// [`OpError`] where that does not hold, and for an index beyond the axis.
pub fn scatter(x: &mut Tensor, axis: usize, indices: &View, source: &View) -> Result<(), OpError> {
    let (offsets, source) = places("scatter", x, axis, indices, source)?;
    with_element!(x.dtype(), T => {
        let (x, source) = (x.as_mut_slice::<T>(), source.as_slice::<T>());
        offsets.iter().zip(source).for_each(|(at, value)| x[*at] = *value);
    });
    Ok(())
}

/// `x[indices[i][j]][j] += source[i][j]` for `axis` 0, and so on, in the order of `source`. The derivative by
/// `source` is [`super::gather`] of `dy`, the one by `x` is `dy`.
///
/// # Errors
/// As [`scatter`].
pub fn scatter_add(x: &mut Tensor, axis: usize, indices: &View, source: &View) -> Result<(), OpError> {
    let (offsets, source) = places("scatter_add", x, axis, indices, source)?;
    summed(x, &source, &offsets);
    Ok(())
}

/// Adds slices: `x[.., indices[i], ..] += source[.., i, ..]` along `axis`, in ascending `i`. The derivative by `source`
/// is [`super::index_select`] of `dy`, the one by `x` is `dy`.
///
/// # Shapes
/// `indices`: a vector; `source` as `x` but as long as `indices` along `axis`, of `x`'s element type.
///
/// # Errors
/// [`OpError`] where that does not hold, and for an index beyond the axis.
pub fn index_add(x: &mut Tensor, axis: usize, indices: &View, source: &View) -> Result<(), OpError> {
    let op = "index_add";
    let around = Around::new(op, x.shape(), axis)?;
    let ids = read(op, "indices", indices, around.extent)?;
    expect_shape(op, "source", source.shape(), "a slice for every index", &with_extent(x.shape(), axis, ids.len()))?;
    expect_like(op, x, source)?;
    add_slices(x, &contiguous(source), around, &ids);
    Ok(())
}

/// Writes, or with `accumulate` adds, `values` at the rows that tuples of `indices` name (see [`super::index`]), in
/// order. With `accumulate` the derivative by `values` is [`super::index`] of `dy`.
///
/// # Shapes
/// `values` expands to the shape of the indices followed by `x`'s other axes; of `x`'s element type.
///
/// # Errors
/// [`OpError`] where that does not hold, and as [`super::index`].
pub fn index_put(x: &mut Tensor, indices: &[View], values: &View, accumulate: bool) -> Result<(), OpError> {
    let op = "index_put";
    let (rows, common) = tuples(op, x.shape(), indices)?;
    expect_like(op, x, values)?;
    let k = indices.len();
    let inner: usize = x.shape()[k..].iter().product();
    let values = contiguous(&expanded(op, "values", values, &[&common, &x.shape()[k..]].concat())?);
    if accumulate {
        let around = Around::new(op, &merged(x.shape(), k), 0)?;
        add_slices(x, &values, around, &rows);
        return Ok(());
    }
    with_element!(x.dtype(), T => {
        let (x, values) = (x.as_mut_slice::<T>(), values.as_slice::<T>());
        for (row, value) in rows.iter().zip(values.chunks(inner.max(1))) {
            x[*row as usize * inner..][..inner].copy_from_slice(&value[..inner]);
        }
    });
    Ok(())
}

/// The derivative of an embedding by its table of `rows` rows: `dy` added, in the order of `ids`, to the row that
/// each names; rows equal to `padding` stay zero. [`crate::embedding_grad`] is the one that sums over lanes.
///
/// # Shapes
/// `ids`: any; `dy`: that shape and the width of a row.
///
/// # Errors
/// [`OpError`] where that does not hold, and for an id beyond the table.
pub fn embedding_dense_backward(ids: &View, dy: &View, rows: usize, padding: Option<u32>) -> Result<Tensor, OpError> {
    let op = "embedding_dense_backward";
    let width = dy.shape().last().copied().unwrap_or(0);
    expect_shape(op, "dy", dy.shape(), "a row for every id", &[ids.shape(), &[width]].concat())?;
    let ids = read(op, "ids", ids, rows)?;
    let mut table = super::zeros(dy.dtype(), [rows, width]);
    let around = Around { outer: 1, extent: rows, inner: width };
    add_slices(&mut table, &contiguous(dy), around, &ids);
    if let Some(padding) = padding.filter(|padding| (*padding as usize) < rows) {
        let at = View::of(std::slice::from_ref(&padding), [1]);
        index_put(&mut table, &[at], &super::zeros(dy.dtype(), [1]).view(), false)?;
    }
    Ok(table)
}

fn places(
    op: &'static str,
    x: &Tensor,
    axis: usize,
    indices: &View,
    source: &View,
) -> Result<(Vec<usize>, Tensor), OpError> {
    expect_inside(op, indices.shape(), x.shape(), axis)?;
    expect_shape(op, "source", source.shape(), "as `indices`", indices.shape())?;
    expect_like(op, x, source)?;
    let ids = read(op, "indices", indices, x.shape()[axis])?;
    let strides = Shape::new(x.shape()).strides();
    Ok((targets(indices, &ids, &strides[..x.shape().len()], axis), contiguous(source)))
}

fn expect_like(op: &'static str, x: &Tensor, source: &View) -> Result<(), OpError> {
    if x.dtype() == source.dtype() {
        return Ok(());
    }
    Err(OpError::DType { op, arg: "source", want: "of `x`'s element type", got: source.dtype() })
}

/// A type whose sums need no wider one.
trait Plus: Element {
    fn plus(self, other: Self) -> Self;
}

impl Plus for f32 {
    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }
}

macro_rules! wrapping {
    ($($t:ty)*) => {$(
        impl Plus for $t {
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                self.wrapping_add(other)
            }
        }
    )*};
}
wrapping!(u8 u32 i32);

/// Runs `$sum::<T>(x, source, …)` in the type in which `x` is summed: its own, or `f32` for `bf16`.
macro_rules! in_sums {
    ($x:expr, $source:expr, $sum:ident($($rest:expr),*)) => {
        match $x.dtype() {
            DType::F32 => $sum::<f32>($x, $source, $($rest),*),
            DType::U32 => $sum::<u32>($x, $source, $($rest),*),
            DType::I32 => $sum::<i32>($x, $source, $($rest),*),
            DType::U8 => $sum::<u8>($x, $source, $($rest),*),
            DType::Bf16 => {
                let mut wide = convert(&$x.view(), DType::F32);
                $sum::<f32>(&mut wide, &convert(&$source.view(), DType::F32), $($rest),*);
                *$x = convert(&wide.view(), DType::Bf16);
            }
        }
    };
}

fn summed(x: &mut Tensor, source: &Tensor, offsets: &[usize]) {
    fn sum<T: Plus>(x: &mut Tensor, source: &Tensor, offsets: &[usize]) {
        let (x, source) = (x.as_mut_slice::<T>(), source.as_slice::<T>());
        offsets.iter().zip(source).for_each(|(at, value)| x[*at] = x[*at].plus(*value));
    }
    in_sums!(x, source, sum(offsets));
}

/// `x[o, ids[i], ..] += source[o, i, ..]`, every block of columns by one task, which goes through `ids` in order.
fn add_slices(x: &mut Tensor, source: &Tensor, around: Around, ids: &[u32]) {
    fn sum<T: Plus>(x: &mut Tensor, source: &Tensor, around: Around, ids: &[u32]) {
        let Around { outer, extent, inner } = around;
        let (x, source) = (SendPtr(x.as_mut_slice::<T>().as_mut_ptr()), source.as_slice::<T>());
        let blocks = inner.div_ceil(COLS);
        parallel_for(outer * blocks, |task| {
            let (o, cols) = (task / blocks, task % blocks * COLS..(task % blocks * COLS + COLS).min(inner));
            for (i, &id) in ids.iter().enumerate() {
                let at = (o * extent + id as usize) * inner;
                // SAFETY: inside `x`, since ids are below `extent`; a block of columns is one task's.
                let sums = unsafe { std::slice::from_raw_parts_mut(x.get().add(at + cols.start), cols.len()) };
                let terms = &source[(o * ids.len() + i) * inner..][cols.clone()];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum = sum.plus(*term));
            }
        });
    }
    in_sums!(x, source, sum(around, ids));
}
