//! Blocks of rows: logits, their losses and gradients in place, and both products of the gradients.

use crate::cross_entropy::cpu;
use crate::matmul::{PackedWeight, linear, linear_weight_grad};
use crate::order::{Begin, K_BLOCK, TokenChains};
use crate::rows::{Rows, RowsMut};
use crate::{OpError, Precision};
use aquifer_tensor::{Tensor, View, ViewMut};
use std::ops::Range;

/// The most rows whose logits are held at once. Each block reads and writes the whole weight gradient once, so
/// more rows mean less traffic and more memory.
const MAX_BLOCK: usize = 512;

/// Logits held at once take no more than this, so that a large vocabulary does not.
const MAX_BYTES: usize = 64 << 20;

/// Rows of a block: a multiple of [`K_BLOCK`], so that a chain cut between blocks goes on unchanged.
pub(super) fn block_rows(padded_vocab: usize) -> usize {
    (MAX_BYTES / (4 * padded_vocab.max(1)) / K_BLOCK * K_BLOCK).clamp(K_BLOCK, MAX_BLOCK)
}

const OP: &str = "linear_cross_entropy";

pub(super) fn forward(
    x: &View,
    w: &PackedWeight,
    vocab: usize,
    targets: &[u32],
    losses: &mut [f32],
) -> Result<(), OpError> {
    let (rows, block) = (x.shape()[0], block_rows(w.n()));
    let mut held = Tensor::recycled::<f32>([rows.min(block), w.n()]);
    for start in (0..rows).step_by(block) {
        let len = block.min(rows - start);
        let mut logits = held.view_mut().narrow(0, 0, len);
        linear(&x.narrow(0, start, len), w, None, &mut logits)?;
        let part = start..start + len;
        cpu::losses(&Rows::new(OP, "logits", &logits.as_view())?, vocab, &targets[part.clone()], &mut losses[part]);
    }
    Ok(())
}

pub(super) fn backward(
    x: &View,
    w: &PackedWeight,
    w_t: &PackedWeight,
    vocab: usize,
    targets: &[u32],
    scale: f32,
    chains: &TokenChains,
    begin: Begin,
    precision: Precision,
    losses: &mut [f32],
    dx: &mut ViewMut,
    dw: &mut ViewMut,
) -> Result<(), OpError> {
    let (rows, block) = (x.shape()[0], block_rows(w.n()));
    let mut held = Tensor::recycled::<f32>([rows.min(block), w.n()]);
    let mut piece = |part: Range<usize>, grain: usize, begin: Begin, dw: &mut ViewMut| -> Result<(), OpError> {
        let x = x.narrow(0, part.start, part.len());
        let mut logits = held.view_mut().narrow(0, 0, part.len());
        linear(&x, w, None, &mut logits)?;
        let shape = [part.len(), w.n()];
        let rows = RowsMut::like(OP, "logits", &mut logits, "a block", &shape)?;
        cpu::losses_and_gradients(&rows, part.len(), vocab, &targets[part.clone()], scale, &mut losses[part.clone()]);
        linear(&logits.as_view(), w_t, None, &mut dx.reborrow().narrow(0, part.start, part.len()))?;
        linear_weight_grad(&logits.as_view(), &x, &TokenChains::single(part.len(), grain), begin, precision, dw)
    };
    let mut lane_sum = |lane: &Range<usize>, begin: Begin, dw: &mut ViewMut| -> Result<(), OpError> {
        if lane.is_empty() && begin == Begin::Fresh {
            crate::elementwise::fill(dw, 0.0)?;
        }
        let mut begin = begin;
        for (part, grain) in pieces(lane, chains.grain, block) {
            piece(part, grain, begin, dw)?;
            begin = Begin::Continue;
        }
        Ok(())
    };

    // The tree over lanes as a stack of partial sums of doubling size; its bottom, the leftmost, is `dw` itself.
    let mut above: Vec<Tensor> = Vec::new();
    let nothing = 0..0;
    let lanes = if chains.lanes.is_empty() { std::slice::from_ref(&nothing) } else { &chains.lanes[..] };
    for (i, lane) in lanes.iter().enumerate() {
        if i == 0 {
            lane_sum(lane, begin, dw)?;
            continue;
        }
        let mut partial = Tensor::recycled::<f32>([w.n(), w.k()]);
        lane_sum(lane, Begin::Fresh, &mut partial.view_mut())?;
        above.push(partial);
        for _ in 0..(i + 1).trailing_zeros() {
            join_top(&mut above, dw)?;
        }
    }
    while !above.is_empty() {
        join_top(&mut above, dw)?;
    }
    Ok(())
}

/// The sum on top joins the one beneath it, which may be `dw`.
fn join_top(above: &mut Vec<Tensor>, dw: &mut ViewMut) -> Result<(), OpError> {
    if let Some(right) = above.pop() {
        match above.last_mut() {
            Some(left) => crate::add_assign(&mut left.view_mut(), &right.view())?,
            None => crate::add_assign(dw, &right.view())?,
        }
    }
    Ok(())
}

/// Cuts a lane into pieces of at most `block` rows, each with the grain length it is to be summed with: whole
/// grains where they fit, else parts of one grain, cut at whole blocks of 32 rows so that its chain goes on unchanged.
fn pieces(lane: &Range<usize>, grain: usize, block: usize) -> Vec<(Range<usize>, usize)> {
    if grain <= block {
        let step = block / grain * grain;
        return lane.clone().step_by(step).map(|start| (start..(start + step).min(lane.end), grain)).collect();
    }
    let grains = lane.clone().step_by(grain).map(|start| start..(start + grain).min(lane.end));
    let cut = |g: Range<usize>| g.clone().step_by(block).map(move |start| (start..(start + block).min(g.end), block));
    grains.flat_map(cut).collect()
}
