//! The orders of summation, one scalar at a time.

use super::exact::{add_flushed, fma, fma_flushed, round_bf16, widen};
use super::{check_weight, shard_count};
use crate::order::{K_BLOCK, tree};
use crate::{Begin, Bf16Order, OpError, Precision, TokenChains};
use aquifer_tensor::{View, ViewMut, threads};

/// A weight `W [n, k]` laid out as the right-hand side of `x · Wᵀ`.
#[derive(Debug, Clone)]
pub struct PackedWeight {
    n: usize,
    k: usize,
    shards: usize,
    precision: Precision,
    rows: Vec<f32>,
}

impl PackedWeight {
    /// Packs `w`: `[n, k]`, f32 or bf16, any strides (so a transpose costs nothing extra).
    ///
    /// # Errors
    /// [`OpError`] if `w` has not two axes or is not of floats.
    pub fn new(w: &View, min_shard: usize, precision: Precision) -> Result<Self, OpError> {
        check_weight(w, None)?;
        let (n, k) = (w.shape()[0], w.shape()[1]);
        let mut packed = PackedWeight { n, k, shards: shard_count(k, min_shard), precision, rows: Vec::new() };
        packed.repack(w)?;
        Ok(packed)
    }

    /// Packs new values of the same weight.
    ///
    /// # Errors
    /// [`OpError`] if `w` differs in shape.
    pub fn repack(&mut self, w: &View) -> Result<(), OpError> {
        check_weight(w, Some((self.n, self.k)))?;
        self.rows = padded(&w.to_f32_vec(), self.k, self.precision);
        Ok(())
    }

    /// Rows of the weight: outputs of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns of the weight: inputs of the product.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How operands are rounded and sums ordered.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        self.rows.len() * 4
    }
}

pub(super) fn linear(x: &View, w: &PackedWeight, bias: Option<&[f32]>, out: &mut ViewMut) {
    let a = padded(&x.to_f32_vec(), w.k, w.precision);
    let (m, n, k) = (x.shape()[0], w.n, w.k.next_multiple_of(K_BLOCK));
    let stride = out.strides()[0];
    let base = threads::SendPtr(out.ptr::<f32>());
    threads::parallel_for(m, |i| {
        let row = &a[i * k..(i + 1) * k];
        for j in 0..n {
            let weight = &w.rows[j * k..(j + 1) * k];
            let cut = k / w.shards;
            let shards = (0..w.shards).map(|s| s * cut..(s + 1) * cut);
            let sums = shards.map(|s| chain(&row[s.clone()], &weight[s], 0.0, w.precision));
            let sum = tree(sums, |a, b| a + b).unwrap_or(0.0);
            // SAFETY: element (i, j) of an [m, n] output; rows are disjoint between tasks.
            unsafe { *base.get().add(i * stride + j) = bias.map_or(sum, |bias| sum + bias[j]) };
        }
    });
}

pub(super) fn linear_weight_grad(
    dy: &View,
    x: &View,
    chains: &TokenChains,
    begin: Begin,
    precision: Precision,
    dw: &mut ViewMut,
) {
    let (n, k) = (dy.shape()[1], x.shape()[1]);
    let (dy, x) = (dy.to_f32_vec(), x.to_f32_vec());
    let stride = dw.strides()[0];
    let base = threads::SendPtr(dw.ptr::<f32>());
    let column = |data: &[f32], width: usize, at: usize, lane: &std::ops::Range<usize>| -> Vec<f32> {
        let grain =
            |g: std::ops::Range<usize>| padded(&g.map(|t| data[t * width + at]).collect::<Vec<_>>(), 0, precision);
        chains.grains(lane).flat_map(grain).collect()
    };
    threads::parallel_for(n, |i| {
        let rows: Vec<Vec<f32>> = chains.lanes.iter().map(|lane| column(&dy, n, i, lane)).collect();
        for j in 0..k {
            // SAFETY: element (i, j) of an [n, k] output; rows are disjoint between tasks.
            let at = unsafe { &mut *base.get().add(i * stride + j) };
            let start = if begin == Begin::Continue { *at } else { 0.0 };
            let sums = chains.lanes.iter().zip(&rows);
            let sums = sums.map(|(lane, row)| chain(row, &column(&x, k, j, lane), start, precision));
            *at = tree(sums, |a, b| a + b).unwrap_or(0.0);
        }
    });
}

/// Rows of `k` (all of it for 0), rounded and padded with zeros to whole blocks.
fn padded(data: &[f32], k: usize, precision: Precision) -> Vec<f32> {
    let k = if k == 0 { data.len().max(1) } else { k };
    let mut rows = Vec::new();
    for row in data.chunks(k) {
        rows.extend(row.iter().map(|&x| match precision {
            Precision::F32 => x,
            Precision::Bf16(_) => widen(round_bf16(x)),
        }));
        rows.resize(rows.len().next_multiple_of(K_BLOCK), 0.0);
    }
    rows
}

fn chain(a: &[f32], b: &[f32], start: f32, precision: Precision) -> f32 {
    let blocks = a.chunks_exact(K_BLOCK).zip(b.chunks_exact(K_BLOCK));
    blocks.fold(start, |sum, (a, b)| match precision {
        Precision::F32 => a.iter().zip(b).fold(sum, |c, (&a, &b)| fma(a, b, c)),
        Precision::Bf16(Bf16Order::Pair) => {
            (0..K_BLOCK).step_by(2).fold(sum, |c, p| fma_flushed(a[p], b[p], fma_flushed(a[p + 1], b[p + 1], c)))
        }
        Precision::Bf16(Bf16Order::Tile) => {
            let lane = |odd| (odd..K_BLOCK).step_by(2).fold(0.0, |c, p| fma_flushed(a[p], b[p], c));
            add_flushed(sum, add_flushed(lane(0), lane(1)))
        }
    })
}
