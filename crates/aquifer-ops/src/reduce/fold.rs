//! Rows of any view, whichever axes they run along: handed to kernels as slices.

use super::expect_axis;
use crate::OpError;
use crate::rows::each_row;
use crate::strided::{Lane, Walk, expect_float, raw, widen};
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{Bf16, DType, Element, Shape, Tensor, View};

/// A view cut into rows: every kept index is one row, the reduced axes are its elements.
pub(super) struct Fold {
    kept: Vec<usize>,
    reduced: Vec<usize>,
    /// The extents of a result.
    pub(super) shape: Vec<usize>,
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// Rows gathered side by side, so that memory is read along its fast axis.
const TOGETHER: usize = 32;
/// Elements gathered at once at most, where more than one row is.
const GATHERED: usize = 1 << 16;

impl Fold {
    pub(super) fn new(op: &'static str, x: &View, axes: &[usize], keep: bool) -> Result<Self, OpError> {
        expect_float(op, "x", x.dtype())?;
        Fold::of_any(op, x, axes, keep)
    }

    /// [`Fold::new`] for every element type.
    pub(super) fn of_any(op: &'static str, x: &View, axes: &[usize], keep: bool) -> Result<Self, OpError> {
        let (dims, all) = (x.shape(), axes.is_empty());
        axes.iter().try_for_each(|&axis| expect_axis(op, axis, dims))?;
        if (1..axes.len()).any(|i| axes[i..].contains(&axes[i - 1])) {
            let want = "each axis once".to_string();
            return Err(OpError::Value { op, arg: "axes", want, got: format!("{axes:?}") });
        }
        let (reduced, kept): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(|axis| all || axes.contains(axis));
        let shape = match keep {
            true => (0..dims.len()).map(|axis| if reduced.contains(&axis) { 1 } else { dims[axis] }).collect(),
            false => kept.iter().map(|&axis| dims[axis]).collect(),
        };
        let count = |axes: &[usize]| axes.iter().map(|&axis| dims[axis]).product();
        Ok(Fold { rows: count(&kept), cols: count(&reduced), kept, reduced, shape })
    }

    fn walk(&self, axes: &[usize], dims: &[usize], strides: &[usize]) -> Walk {
        let pick = |of: &[usize]| axes.iter().map(|&axis| of[axis]).collect::<Vec<_>>();
        Walk::new(&pick(dims), &pick(strides))
    }

    /// Whether rows follow each other in the memory of a contiguous tensor.
    fn dense(&self) -> bool {
        self.kept.iter().all(|kept| self.reduced.iter().all(|reduced| kept < reduced))
    }

    /// Calls `task(row, elements)` for every row.
    pub(super) fn each(&self, x: &View, task: impl Fn(usize, &[f32]) + Sync) {
        if let Some(all) = x.as_slice::<f32>().filter(|_| self.dense()) {
            return each_row(self.rows, self.cols, |row| task(row, &all[row * self.cols..(row + 1) * self.cols]));
        }
        if self.cols == 0 {
            return (0..self.rows).for_each(|row| task(row, &[]));
        }
        self.each_group([x], |first, rows| {
            rows.chunks(self.cols).enumerate().for_each(|(i, x)| task(first + i, x));
        });
    }

    /// Calls `task(first row, elements)` for groups of rows gathered from `N` views of one shape: the elements of
    /// every view's group, one view after the other.
    fn each_group<const N: usize>(&self, views: [&View; N], task: impl Fn(usize, &mut [f32]) + Sync) {
        if self.cols == 0 {
            return;
        }
        let group = (GATHERED / self.cols).clamp(1, TOGETHER);
        parallel_for(self.rows.div_ceil(group), |i| {
            let rows = i * group..((i + 1) * group).min(self.rows);
            let mut gathered = vec![0.0; N * rows.len() * self.cols];
            for (view, gathered) in views.iter().zip(gathered.chunks_mut(rows.len() * self.cols)) {
                let offsets = self.offsets(view.shape(), view.strides(), rows.clone());
                match view.dtype() {
                    DType::F32 => self.gather::<f32>(view, &offsets, gathered, |x| x),
                    _ => self.gather::<Bf16>(view, &offsets, gathered, widen),
                }
            }
            task(rows.start, &mut gathered);
        });
    }

    /// The rows that begin at `offsets`, one after the other. Blocks of columns are read side by side into a small
    /// square first: writing every row at once, a power of two apart, would fight over the same few cache lines.
    fn gather<T: Element>(&self, view: &View, offsets: &[usize], rows: &mut [f32], widen: impl Fn(T) -> f32) {
        const BLOCK: usize = 32;
        let (ptr, mut square, mut filled) = (view.ptr::<T>(), [[0.0; BLOCK]; TOGETHER], 0);
        self.walk(&self.reduced, view.shape(), view.strides()).runs(0..self.cols, |offset, stride, len| {
            for first in (0..len).step_by(BLOCK) {
                let n = BLOCK.min(len - first);
                for i in 0..n {
                    let at = offset + (first + i) * stride;
                    for (row, start) in offsets.iter().enumerate() {
                        // SAFETY: an offset of the view's own walks.
                        square[row][i] = widen(unsafe { *ptr.add(start + at) });
                    }
                }
                for (row, square) in square.iter().enumerate().take(offsets.len()) {
                    rows[row * self.cols + filled..][..n].copy_from_slice(&square[..n]);
                }
                filled += n;
            }
        });
    }

    /// Where rows begin.
    fn offsets(&self, dims: &[usize], strides: &[usize], rows: std::ops::Range<usize>) -> Vec<usize> {
        let mut offsets = Vec::with_capacity(rows.len());
        self.walk(&self.kept, dims, strides).runs(rows, |offset, stride, len| {
            offsets.extend((0..len).map(|i| offset + i * stride));
        });
        offsets
    }

    /// Calls `visit(row, column, offset)` for every element of rows that begin at `offsets`, all rows of a column
    /// together.
    fn visit(&self, dims: &[usize], strides: &[usize], offsets: &[usize], mut visit: impl FnMut(usize, usize, usize)) {
        let mut col = 0;
        self.walk(&self.reduced, dims, strides).runs(0..self.cols, |offset, stride, len| {
            for i in 0..len {
                for (row, start) in offsets.iter().enumerate() {
                    visit(row, col, start + offset + i * stride);
                }
                col += 1;
            }
        });
    }

    /// One number from every row, as a tensor of `dtype`.
    pub(super) fn collect(&self, x: &View, dtype: DType, row: impl Fn(&[f32]) -> f32 + Sync) -> Tensor {
        let mut out = crate::strided::recycled(dtype, &self.shape[..]);
        let base = raw(&mut out);
        // SAFETY: every row's slot is one task's.
        self.each(x, |i, x| unsafe { f32::store(base, dtype, i, &[row(x)]) });
        out
    }

    /// From every row of `inputs`, all of one shape, a row of an output of that shape: `kernel(row, inputs, out)`.
    pub(super) fn map_rows<const N: usize>(
        &self,
        inputs: [&View; N],
        dtype: DType,
        kernel: impl Fn(usize, [&[f32]; N], &mut [f32]) + Sync,
    ) -> Tensor {
        let shape = Shape::new(inputs[0].shape());
        let mut out = crate::strided::recycled(dtype, shape);
        let base = raw(&mut out);
        let plain = inputs.map(|x| x.as_slice::<f32>());
        if self.dense() && dtype == DType::F32 && plain.iter().all(Option::is_some) {
            let base = SendPtr(base.get().cast::<f32>());
            each_row(self.rows, self.cols, |row| {
                let part = row * self.cols..(row + 1) * self.cols;
                // SAFETY: every row is one task's.
                let out = unsafe { std::slice::from_raw_parts_mut(base.get().add(part.start), part.len()) };
                kernel(row, plain.map(|x| &x.expect("looked at just now")[part.clone()]), out);
            });
            return out;
        }
        let strides = shape.strides();
        self.each_group(inputs, |first, gathered| {
            let len = gathered.len() / N;
            let rows = len / self.cols;
            let mut results = vec![0.0; len];
            for row in 0..rows {
                let part = row * self.cols..(row + 1) * self.cols;
                let inputs = std::array::from_fn(|n| &gathered[n * len + part.start..n * len + part.end]);
                kernel(first + row, inputs, &mut results[part]);
            }
            let offsets = self.offsets(&shape, &strides, first..first + rows);
            self.visit(&shape, &strides, &offsets, |row, col, at| {
                // SAFETY: every row is one task's.
                unsafe { f32::store(base, dtype, at, &results[row * self.cols + col..][..1]) };
            });
        });
        out
    }
}
