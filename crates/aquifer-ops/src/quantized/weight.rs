//! A weight as small integers, laid out for the kernels.
//!
//! Panels of 32 rows of `W` (columns of the product); a panel is one group after the other, shard by shard, so that a
//! product walks it linearly. A group is 32 bf16 scales and then its blocks of 32 along k. A block of eight-bit
//! weights is `[8][32][4]`: four neighbours along k of each of the 32 rows, as bytes `q + 128`. In a block of
//! four-bit weights, `[4][32][4]`, a byte holds `q + 8` of quad `2i` in its low half and of quad `2i + 1` in its high
//! half. Whatever lies beyond the weight is a zero under a scale of zero.

use super::format::{QuantBits, QuantFormat};
use super::rule;
use crate::matmul::check_float;
use crate::order::K_BLOCK;
use crate::{OpError, shard_count};
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{Bf16, Tensor, View};
use std::ops::Range;

/// Rows of the weight in a panel.
pub(super) const PANEL: usize = 32;

/// Bytes of a group's scales.
pub(super) const SCALE_BYTES: usize = 2 * PANEL;

/// A weight `W [n, k]` in small integers, as the right-hand side of `x · Wᵀ`.
#[derive(Clone, Debug)]
pub struct QuantizedWeight {
    n: usize,
    shape: Depth,
    data: Tensor,
}

/// How k is cut: into shards, a shard into groups, a group into blocks of 32.
#[derive(Clone, Debug)]
pub(super) struct Depth {
    pub(super) k: usize,
    pub(super) shards: usize,
    pub(super) format: QuantFormat,
    /// Blocks of each group of one shard; all shards are cut alike, and only the last group may be shorter.
    pub(super) groups: Vec<usize>,
}

impl Depth {
    pub(super) fn new(k: usize, min_shard: usize, format: QuantFormat) -> Self {
        let shards = shard_count(k, min_shard);
        let (blocks, step) = (k.div_ceil(K_BLOCK) / shards, format.group() / K_BLOCK);
        let groups = (0..blocks).step_by(step).map(|at| step.min(blocks - at)).collect();
        Depth { k, shards, format, groups }
    }

    /// k with its padding.
    pub(super) fn padded(&self) -> usize {
        self.shards * self.shard_blocks() * K_BLOCK
    }

    pub(super) fn shard_blocks(&self) -> usize {
        self.groups.iter().sum()
    }

    /// Bytes of one shard of a panel.
    pub(super) fn shard_bytes(&self) -> usize {
        self.groups.len() * SCALE_BYTES + self.shard_blocks() * self.block_bytes()
    }

    /// Bytes of a block: 32 weights of each of a panel's rows.
    fn block_bytes(&self) -> usize {
        match self.format.bits() {
            QuantBits::Int8 => K_BLOCK * PANEL,
            QuantBits::Int4 => K_BLOCK * PANEL / 2,
        }
    }

    /// Each group's columns of the padded weight, in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        (0..self.shards).flat_map(|_| self.groups.iter()).map(move |blocks| {
            at += blocks * K_BLOCK;
            at - blocks * K_BLOCK..at
        })
    }
}

impl QuantizedWeight {
    /// Quantises `w`: `[n, k]`, f32 or bf16, any strides. `min_shard` is the model's shortest shard, by default
    /// [`MIN_SHARD`](crate::order::MIN_SHARD); groups do not reach over a shard's end.
    ///
    /// # Numerics
    /// Each group of each row by itself: `q` is `w / scale` rounded to the nearest integer, ties to even. For eight
    /// bits, `scale` is `max|w| / 127`; for four, the element of largest magnitude becomes −8 or lies a little beyond,
    /// whichever of nine scales gives the least squared error. Scales are bf16. A group with a NaN or an infinity gets
    /// a scale of NaN; one whose magnitudes are all below 2⁻¹⁰⁰ is zero.
    ///
    /// # Errors
    /// [`OpError`] if `w` has not two axes or is not of floats.
    pub fn new(w: &View, min_shard: usize, format: QuantFormat) -> Result<Self, OpError> {
        check_float("QuantizedWeight", "w", w.dtype())?;
        if w.shape().len() != 2 {
            let (want, got) = ("[n, k]".to_owned(), w.shape().to_vec());
            return Err(OpError::Shape { op: "QuantizedWeight", arg: "w", want, got });
        }
        let (n, k) = (w.shape()[0], w.shape()[1]);
        let shape = Depth::new(k, min_shard, format);
        let panel_bytes = shape.shards * shape.shard_bytes();
        let mut data = Tensor::recycled::<u8>([n.div_ceil(PANEL) * panel_bytes]);
        let out = SendPtr(data.as_mut_slice::<u8>().as_mut_ptr());
        parallel_for(n.div_ceil(PANEL), |panel| {
            // SAFETY: panels are disjoint, and there is room for all of them.
            let bytes = unsafe { std::slice::from_raw_parts_mut(out.get().add(panel * panel_bytes), panel_bytes) };
            let rows = panel * PANEL..((panel + 1) * PANEL).min(n);
            fill_panel(&w.narrow(0, rows.start, rows.len()), &shape, bytes);
        });
        Ok(QuantizedWeight { n, shape, data })
    }

    /// Rows of the weight: outputs of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns of the weight: inputs of the product.
    pub fn k(&self) -> usize {
        self.shape.k
    }

    /// Bits and group.
    pub fn format(&self) -> QuantFormat {
        self.shape.format
    }

    /// Equal cuts of k, each one chain.
    pub fn shards(&self) -> usize {
        self.shape.shards
    }

    /// Memory held: what a product with few rows reads.
    pub fn bytes(&self) -> usize {
        self.data.numel()
    }

    /// The weight that products see: `[n, k]`, f32, every integer times its scale.
    pub fn dequantized(&self) -> Tensor {
        let mut out = Tensor::recycled::<f32>([self.n, self.k()]);
        let (k, format) = (self.k(), self.format());
        for (row, values) in out.as_f32_mut().chunks_exact_mut(k.max(1)).enumerate() {
            let (panel, lane) = (self.panel(row / PANEL), row % PANEL);
            let mut at = 0;
            for columns in self.shape.columns() {
                let scale = Bf16::from_le_bytes([panel[at + 2 * lane], panel[at + 2 * lane + 1]]).to_f32();
                at += SCALE_BYTES;
                for column in columns.clone().filter(|&column| column < k) {
                    let (byte, shift, mask) = place(format.bits(), column - columns.start, lane);
                    let stored = panel[at + byte] >> shift & mask;
                    values[column] = (i32::from(stored) - format.offset()) as f32 * scale;
                }
                at += columns.len() / K_BLOCK * self.shape.block_bytes();
            }
        }
        out
    }

    pub(super) fn shape(&self) -> &Depth {
        &self.shape
    }

    pub(super) fn panel(&self, panel: usize) -> &[u8] {
        let bytes = self.shape.shards * self.shape.shard_bytes();
        &self.data.as_slice::<u8>()[panel * bytes..(panel + 1) * bytes]
    }
}

/// Where depth `at` of a group's row `lane` lies behind the scales: its byte, how far up in it, and its bits.
fn place(bits: QuantBits, at: usize, lane: usize) -> (usize, u32, u8) {
    let quad = at / 4;
    let (row, shift, mask) = match bits {
        QuantBits::Int8 => (quad, 0, 255),
        QuantBits::Int4 => (quad / 2, quad as u32 % 2 * 4, 15),
    };
    ((row * PANEL + lane) * 4 + at % 4, shift, mask)
}

/// Quantises up to 32 rows of the weight into one panel.
fn fill_panel(rows: &View, shape: &Depth, out: &mut [u8]) {
    let (format, k) = (shape.format, shape.k);
    out.fill(0);
    let mut values = vec![0.0; shape.padded()];
    let mut q = [0_i8; 128];
    for lane in 0..rows.shape()[0] {
        values[..k].copy_from_slice(&rows.narrow(0, lane, 1).to_f32_vec());
        let mut at = 0;
        for columns in shape.columns() {
            let q = &mut q[..columns.len()];
            let scale = rule::weights(&values[columns], format.bits(), q);
            out[at + 2 * lane..at + 2 * lane + 2].copy_from_slice(&scale.to_le_bytes());
            at += SCALE_BYTES;
            for (depth, &q) in q.iter().enumerate() {
                let stored = (i32::from(q) + format.offset()) as u8;
                let (byte, shift, _) = place(format.bits(), depth, lane);
                out[at + byte] |= stored << shift;
            }
            at += q.len() / K_BLOCK * shape.block_bytes();
        }
    }
}
