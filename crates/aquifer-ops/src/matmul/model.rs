//! The orders of summation, one scalar at a time: the oracle the kernels must equal bit for bit.

use super::exact::{Piece, add_flushed, fma, fma_flushed, round_bf16, widen};
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
    let rows = |data: &[f32], count: usize| -> Vec<Vec<Run>> {
        let shard = |i: usize, s: usize| (s * cut..((s + 1) * cut).min(k)).map(move |p| data[i * k + p]);
        (0..count).map(|i| (0..shards).map(|s| run(shard(i, s), precision)).collect()).collect()
    };
    let (a, b) = (rows(x, m), rows(w, n));
    let mut out = Vec::new();
    for i in 0..m {
        for j in 0..n {
            let sums = a[i].iter().zip(&b[j]).map(|(a, b)| chain(a, b, 0.0, precision));
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
    // For each column, for each lane, a run for each grain.
    let columns = |data: &[f32], width: usize| -> Vec<Vec<Vec<Run>>> {
        let lane = |lane: &std::ops::Range<usize>, at: usize| -> Vec<Run> {
            chains.grains(lane).map(|g| run(g.map(|t| data[t * width + at]), precision)).collect()
        };
        (0..width).map(|at| chains.lanes.iter().map(|l| lane(l, at)).collect()).collect()
    };
    let (left, right) = (columns(dy, n), columns(x, k));
    for i in 0..n {
        for j in 0..k {
            let start = if begin == Begin::Continue { dw[i * k + j] } else { 0.0 };
            let lane =
                |(a, b): (&Vec<Run>, &Vec<Run>)| a.iter().zip(b).fold(start, |sum, (a, b)| chain(a, b, sum, precision));
            let sums = left[i].iter().zip(&right[j]).map(lane);
            dw[i * k + j] = tree(sums, |a, b| a + b).unwrap();
        }
    }
}

/// The pieces of consecutive elements, padded to whole blocks.
type Run = Vec<Vec<f32>>;

fn run(elements: impl Iterator<Item = f32> + Clone, precision: Precision) -> Run {
    let piece = |piece: &Piece| {
        let mut values: Vec<f32> = match precision {
            Precision::F32 => elements.clone().collect(),
            _ => elements.clone().map(|x| widen(round_bf16(piece.of(x)))).collect(),
        };
        values.resize(values.len().next_multiple_of(K_BLOCK), 0.0);
        values
    };
    Piece::all(precision).iter().map(piece).collect()
}

fn chain(a: &Run, b: &Run, start: f32, precision: Precision) -> f32 {
    let passes = precision.passes().iter().map(|&(i, j)| (&a[i], &b[j]));
    let blocks = passes.flat_map(|(a, b)| a.chunks_exact(K_BLOCK).zip(b.chunks_exact(K_BLOCK)));
    blocks.fold(start, |sum, (a, b)| match precision.order() {
        None => a.iter().zip(b).fold(sum, |c, (&a, &b)| fma(a, b, c)),
        Some(Bf16Order::Pair) => {
            (0..K_BLOCK).step_by(2).fold(sum, |c, p| fma_flushed(a[p], b[p], fma_flushed(a[p + 1], b[p + 1], c)))
        }
        Some(Bf16Order::Tile) => {
            let lane = |odd: usize| (odd..K_BLOCK).step_by(2).fold(0.0, |c, p| fma_flushed(a[p], b[p], c));
            add_flushed(sum, add_flushed(lane(0), lane(1)))
        }
    })
}
