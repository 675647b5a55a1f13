//! The orders of summation, one scalar at a time: the oracle the kernels must equal bit for bit.

use super::exact::{add_flushed, fma, fma_flushed, round_bf16, widen};
use crate::order::{K_BLOCK, tree};
use crate::{Begin, Bf16Order, Precision, TokenChains, shard_count};

/// `x [m, k] · w [n, k]ᵀ`.
pub(super) fn linear(
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    [m, n, k]: [usize; 3],
    min_shard: usize,
    precision: Precision,
) -> Vec<f32> {
    let shards = shard_count(k, min_shard);
    let cut = k.next_multiple_of(K_BLOCK) / shards;
    let row = |data: &[f32], i: usize| padded(data[i * k..(i + 1) * k].iter().copied(), precision);
    let (a, b): (Vec<_>, Vec<_>) = ((0..m).map(|i| row(x, i)).collect(), (0..n).map(|j| row(w, j)).collect());
    let mut out = Vec::new();
    for i in 0..m {
        for j in 0..n {
            let sums = (0..shards).map(|s| s * cut..(s + 1) * cut);
            let sums = sums.map(|s| chain(&a[i][s.clone()], &b[j][s], 0.0, precision));
            let sum = tree(sums, |a, b| a + b).unwrap();
            out.push(bias.map_or(sum, |bias| sum + bias[j]));
        }
    }
    out
}

/// `dy [t, n]ᵀ · x [t, k]`, over `dw`.
pub(super) fn weight_grad(
    dy: &[f32],
    x: &[f32],
    [n, k]: [usize; 2],
    chains: &TokenChains,
    begin: Begin,
    precision: Precision,
    dw: &mut [f32],
) {
    let columns = |data: &[f32], width: usize| -> Vec<Vec<Vec<f32>>> {
        let lane = |lane: &std::ops::Range<usize>, at: usize| -> Vec<f32> {
            chains.grains(lane).flat_map(|g| padded(g.map(|t| data[t * width + at]), precision)).collect()
        };
        (0..width).map(|at| chains.lanes.iter().map(|l| lane(l, at)).collect()).collect()
    };
    let (left, right) = (columns(dy, n), columns(x, k));
    for i in 0..n {
        for j in 0..k {
            let start = if begin == Begin::Continue { dw[i * k + j] } else { 0.0 };
            let sums = left[i].iter().zip(&right[j]).map(|(a, b)| chain(a, b, start, precision));
            dw[i * k + j] = tree(sums, |a, b| a + b).unwrap();
        }
    }
}

fn padded(row: impl Iterator<Item = f32>, precision: Precision) -> Vec<f32> {
    let mut row: Vec<f32> = match precision {
        Precision::F32 => row.collect(),
        Precision::Bf16(_) => row.map(|x| widen(round_bf16(x))).collect(),
    };
    row.resize(row.len().next_multiple_of(K_BLOCK), 0.0);
    row
}

fn chain(a: &[f32], b: &[f32], start: f32, precision: Precision) -> f32 {
    let blocks = a.chunks_exact(K_BLOCK).zip(b.chunks_exact(K_BLOCK));
    blocks.fold(start, |sum, (a, b)| match precision {
        Precision::F32 => a.iter().zip(b).fold(sum, |c, (&a, &b)| fma(a, b, c)),
        Precision::Bf16(Bf16Order::Pair) => {
            (0..K_BLOCK).step_by(2).fold(sum, |c, p| fma_flushed(a[p], b[p], fma_flushed(a[p + 1], b[p + 1], c)))
        }
        Precision::Bf16(Bf16Order::Tile) => {
            let lane = |odd: usize| (odd..K_BLOCK).step_by(2).fold(0.0, |c, p| fma_flushed(a[p], b[p], c));
            add_flushed(sum, add_flushed(lane(0), lane(1)))
        }
    })
}
