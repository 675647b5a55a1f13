//! Products with int8 and int4 weights: for inference, where a weight is read once for every token made and memory
//! decides the speed.
//!
//! Weights and activations are quantised by groups along k that lie inside a shard of the same product in floats
//! ([`shard_count`](crate::shard_count)); a group's sum is an integer and exact, groups add up in one ascending f32
//! chain inside a shard, and shards meet in the same tree as everywhere. Which rows are computed together, by how many
//! threads and by which instructions never changes a bit.

mod activations;
mod format;
mod kernel;
mod names;
mod portable;
mod rule;
mod weight;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod amx_tests;
pub(crate) mod bench;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::matmul::{check_f32, check_float, check_matrix};
use activations::Activations;
use aquifer_tensor::threads::{self, SendPtr, parallel_for};
use aquifer_tensor::{Isa, Tensor, View, ViewMut, isa};
use kernel::{Left, MAX_ROWS, Strips, Tile};
use std::ops::Range;
use weight::{Depth, PANEL};

pub use format::{QuantBits, QuantFormat};
pub use names::{
    act_quant, act_quant_reference, scaled_mm, scaled_mm_reference, weight_int4pack_mm, weight_int4pack_mm_reference,
    weight_int8pack_mm, weight_int8pack_mm_reference,
};
pub use weight::QuantizedWeight;

/// Strips of the left side that a task takes past a panel: they stay in the second-level cache.
const BLOCK_STRIPS: usize = 10;

/// Sums that may wait at once: eight shards are the most there are.
const MAX_LEVELS: usize = 3;

/// `out = x · Wᵀ + bias` with a quantised weight, its activations quantised on the way.
///
/// # Shapes
/// `x: [m, k]`, f32 or bf16, last axis contiguous; `bias: [n]`; `out: [m, n]`, f32, last axis contiguous.
///
/// # Numerics
/// Each row of `x` is quantised to eight bits in the weight's groups: `scale = max|x| / 127`,
/// `q = RNE(x · (127 / max|x|))`. Per output, shard and group, ascending: `C ← C + (float(Σ q_x·q_w) · scale_x) ·
/// scale_w`, the integer sum exact, every float operation rounded by itself; shard sums join in a binary tree, then the
/// bias is added. A row of `x` with a NaN or an infinity gives NaN in all its outputs, a weight with one in all of its
/// column's.
///
/// Error against the product of the unquantised operands, over the root mean square of the outputs; k = 2048, gaussian
/// operands, and the same with one activation of 100 in every row and one weight of 30 in every row (tested within):
///
/// | | int8/32 | int8/64 | int8/128 | int4/32 | int4/64 | int4/128 |
/// |---|---|---|---|---|---|---|
/// | gaussian | 0.74 % | 0.82 % | 0.86 % | 7.8 % | 8.2 % | 9.0 % |
/// | with outliers | 1.2 % | 1.7 % | 2.2 % | 9.0 % | 10.5 % | 11.8 % |
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above.
pub fn linear_quantized(x: &View, w: &QuantizedWeight, bias: Option<&[f32]>, out: &mut ViewMut) -> Result<(), OpError> {
    const OP: &str = "linear_quantized";
    check_matrix(OP, "x", x.shape(), x.strides(), None, Some(w.k()))?;
    check_float(OP, "x", x.dtype())?;
    check_matrix(OP, "out", out.shape(), out.strides(), Some(x.shape()[0]), Some(w.n()))?;
    check_f32(OP, "out", out.dtype())?;
    if let Some(bias) = bias.filter(|bias| bias.len() != w.n()) {
        return Err(OpError::Shape { op: OP, arg: "bias", want: format!("[{}]", w.n()), got: vec![bias.len()] });
    }
    if x.shape()[0] == 0 || w.n() == 0 {
        return Ok(());
    }
    let isa = isa::active();
    let left = Activations::new(x, w.shape(), Strips::of(isa, x.shape()[0]), isa);
    let product =
        Product { left: &left, right: w, bias, isa, stride: out.strides()[0], out: SendPtr(out.ptr::<f32>()) };
    product.run();
    Ok(())
}

/// One call of [`linear_quantized`], as tasks.
struct Product<'a> {
    left: &'a Activations,
    right: &'a QuantizedWeight,
    bias: Option<&'a [f32]>,
    isa: Isa,
    /// From one row of `out` to the next.
    stride: usize,
    out: SendPtr<f32>,
}

impl Product<'_> {
    fn run(&self) {
        let (strips, panels) = (self.left.strips(), self.right.n().div_ceil(PANEL));
        let blocks = strips.div_ceil(BLOCK_STRIPS);
        // Runs of panels are walked linearly, so few long ones; several a thread, so that one held up by another
        // process does not hold up the rest.
        let pieces = (4 * threads::count()).div_ceil(blocks).min(panels);
        parallel_for(blocks * pieces, |task| {
            let (block, piece) = (task / pieces, task % pieces);
            let strips = block * strips / blocks..(block + 1) * strips / blocks;
            let mut sums = Tensor::zeros::<f32>([strips.len(), MAX_LEVELS + 1, MAX_ROWS, PANEL]);
            let (tiles, _) = sums.as_f32_mut().as_chunks_mut::<PANEL>().0.as_chunks_mut::<MAX_ROWS>();
            let (sums, _) = tiles.as_chunks_mut();
            for panel in piece * panels / pieces..(piece + 1) * panels / pieces {
                self.panel(strips.clone(), panel, sums);
            }
        });
    }

    /// The outputs of some strips and one panel. A shard of the panel stays in the first-level cache while the strips
    /// pass by.
    fn panel(&self, strips: Range<usize>, panel: usize, sums: &mut [[Tile; MAX_LEVELS + 1]]) {
        let shape = self.right.shape();
        for (shard, w) in self.right.panel(panel).chunks_exact(shape.shard_bytes().max(1)).enumerate() {
            for (strip, sums) in strips.clone().zip(sums.iter_mut()) {
                let (rows, quads, scales) = self.left.strip(strip);
                let (quads_each, scales_each) = (quads.len() / shape.shards, scales.len() / shape.shards);
                let left = Left {
                    quads: &quads[shard * quads_each..(shard + 1) * quads_each],
                    scales: &scales[shard * scales_each..(shard + 1) * scales_each],
                    groups: &shape.groups,
                };
                let run = kernel::of(shape.format.bits(), self.isa, self.left.layout(), rows.len());
                // SAFETY: left and right are one shard of the same shape, and the machine has what `isa` says.
                unsafe { run(left, w.as_ptr(), &mut sums[0]) };
                join(shard, shape.shards, rows.len(), sums);
            }
        }
        for (strip, [sums, ..]) in strips.zip(sums) {
            self.finish(strip, panel, sums);
        }
    }

    /// Adds the bias and writes what lies inside the output.
    fn finish(&self, strip: usize, panel: usize, sums: &Tile) {
        let columns = panel * PANEL..((panel + 1) * PANEL).min(self.right.n());
        for (row, sums) in self.left.rows(strip).zip(sums) {
            // SAFETY: one task alone writes these columns of these rows, which lie inside `out`.
            let out = unsafe {
                let start = self.out.get().add(row * self.stride + columns.start);
                std::slice::from_raw_parts_mut(start, columns.len())
            };
            out.copy_from_slice(&sums[..columns.len()]);
            if let Some(bias) = self.bias {
                out.iter_mut().zip(&bias[columns.clone()]).for_each(|(out, bias)| *out += bias);
            }
        }
    }
}

/// Adds to the sum of `shard` those of its neighbours that wait for it, and lets the result wait unless it is the last.
/// The stack of those that wait is as high as there are ones in the shard's index.
fn join(shard: usize, shards: usize, rows: usize, [tile, waiting @ ..]: &mut [Tile; MAX_LEVELS + 1]) {
    let (held, joins) = (shard.count_ones() as usize, shard.trailing_ones() as usize);
    for earlier in waiting[held - joins..held].iter().rev() {
        for (sums, earlier) in tile[..rows].iter_mut().zip(earlier) {
            sums.iter_mut().zip(earlier).for_each(|(sum, earlier)| *sum += earlier);
        }
    }
    if shard + 1 < shards {
        waiting[held - joins] = *tile;
    }
}

/// The definition of [`linear_quantized`], in `f64`, for weights `w: [n, k]` that are already integers times scales
/// ([`QuantizedWeight::dequantized`]): rows of `x: [m, k]` are quantised group by group, then multiplied.
pub fn reference(
    x: &[f64],
    w: &[f64],
    bias: Option<&[f64]>,
    shape @ [_, _, k]: [usize; 3],
    min_shard: usize,
    format: QuantFormat,
) -> Vec<f64> {
    let depth = Depth::new(k, min_shard, format);
    let row = |row: &[f64]| -> Vec<f64> {
        let groups = depth.columns().map(|group| &row[group.start.min(k)..group.end.min(k)]);
        let quantised = groups.map(names::act_quant_reference);
        quantised.flat_map(|(levels, scale)| levels.into_iter().map(move |level| level * scale)).collect()
    };
    let x: Vec<f64> = x.chunks(k.max(1)).flat_map(row).collect();
    crate::matmul::reference(&x, w, bias, shape)
}
