//! The left side of a quantised product: rows as signed bytes, in strips of the rows a kernel takes at once.

use super::kernel::Strips;
use super::rule;
use super::weight::Depth;
use crate::order::K_BLOCK;
use crate::simd::simd;
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{DType, Isa, Tensor, View};
use std::ops::Range;

/// Strips up to which the caller quantises alone: handing out so little costs more.
const ALONE: usize = 4;

/// All rows of the left side. Strip after strip, each with the layout that [`Strips`] and its own number of rows `r`
/// give, and for each group `r` scales and then `r` offsets, which undo what was added to the weights: `−offset · Σ q`.
pub(super) struct Activations {
    layout: Strips,
    rows: usize,
    padded: usize,
    groups: usize,
    quads: Tensor,
    scales: Tensor,
}

impl Activations {
    pub(super) fn new(x: &View, shape: &Depth, layout: Strips, isa: Isa) -> Self {
        let (rows, padded, groups) = (x.shape()[0], shape.padded(), shape.shards * shape.groups.len());
        let mut out = Activations {
            layout,
            rows,
            padded,
            groups,
            quads: Tensor::recycled::<u8>([rows * padded]),
            scales: Tensor::recycled::<i32>([2 * rows * groups]),
        };
        let (quads, scales) = (
            SendPtr(out.quads.as_mut_slice::<u8>().as_mut_ptr()),
            SendPtr(out.scales.as_mut_slice::<i32>().as_mut_ptr()),
        );
        let strips = out.strips();
        let one = |strip: usize| {
            let taken = strip_rows(layout, strip, rows);
            let mut values = Tensor::zeros::<f32>([padded]);
            let values = values.as_f32_mut();
            // SAFETY: the parts of different strips are disjoint, and there is room for all rows.
            let (quads, scales) = unsafe {
                (
                    std::slice::from_raw_parts_mut(quads.get().add(taken.start * padded), taken.len() * padded),
                    std::slice::from_raw_parts_mut(
                        scales.get().add(2 * taken.start * groups),
                        2 * taken.len() * groups,
                    ),
                )
            };
            for row in taken.clone() {
                read_row(x, row, &mut values[..shape.k]);
                quantise_on(isa, values, shape, layout, row - taken.start, taken.len(), quads, scales);
            }
        };
        if strips <= ALONE {
            (0..strips).for_each(one)
        } else {
            parallel_for(strips, one)
        }
        out
    }

    pub(super) fn layout(&self) -> Strips {
        self.layout
    }

    pub(super) fn strips(&self) -> usize {
        self.rows.div_ceil(self.layout.height())
    }

    /// The rows of the left side in a strip.
    pub(super) fn rows(&self, strip: usize) -> Range<usize> {
        strip_rows(self.layout, strip, self.rows)
    }

    /// The rows, the quads, and the scales and offsets of a strip.
    pub(super) fn strip(&self, strip: usize) -> (Range<usize>, &[u8], &[i32]) {
        let rows = self.rows(strip);
        (
            rows.clone(),
            &self.quads.as_slice::<u8>()[rows.start * self.padded..rows.end * self.padded],
            &self.scales.as_slice::<i32>()[2 * rows.start * self.groups..2 * rows.end * self.groups],
        )
    }
}

fn strip_rows(layout: Strips, strip: usize, rows: usize) -> Range<usize> {
    strip * layout.height()..((strip + 1) * layout.height()).min(rows)
}

/// Row `row` of a matrix whose rows are contiguous, widened.
fn read_row(x: &View, row: usize, out: &mut [f32]) {
    let part = x.narrow(0, row, 1);
    match (x.dtype(), part.as_slice::<f32>()) {
        (DType::F32, Some(values)) => out.copy_from_slice(values),
        _ => out.copy_from_slice(&part.to_f32_vec()),
    }
}

simd! {
    /// Quantises one padded row into place `lane` of a strip of `rows`.
    fn quantise_on(
        isa: Isa,
        x: &[f32],
        shape: &Depth,
        layout: Strips,
        lane: usize,
        rows: usize,
        quads: &mut [u8],
        scales: &mut [i32],
    ) {
        let offset = shape.format.offset();
        let quads = quads.as_chunks_mut::<4>().0;
        let shard = shape.shard_blocks() * K_BLOCK;
        let mut q = [0_i8; 128];
        let mut at = 0;
        for (group, scales) in scales.chunks_exact_mut(2 * rows).enumerate() {
            let len = shape.groups[group % shape.groups.len()] * K_BLOCK;
            let q = &mut q[..len];
            let (scale, sum) = rule::activations(&x[at..at + len], q);
            scales[lane] = scale.to_bits() as i32;
            scales[rows + lane] = -offset * sum;
            let (first, step) = match layout {
                Strips::Quads => (at / 4 * rows + lane, rows),
                Strips::Rows => (((at / shard * rows + lane) * shard + at % shard) / 4, 1),
            };
            for (quad, four) in q.as_chunks::<4>().0.iter().enumerate() {
                quads[first + quad * step] = four.map(|q| q as u8);
            }
            at += len;
        }
    }
}
