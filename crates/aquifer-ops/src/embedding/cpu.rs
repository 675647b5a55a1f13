//! Copies forward; backward, every row that occurs is summed by one task.

use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, RowsMut, each_row};
use crate::simd::simd;
use aquifer_tensor::threads::parallel_for_with;
use aquifer_tensor::{Isa, Tensor, isa};
use std::ops::Range;

pub(super) fn forward(ids: &[u32], table: &Rows, out: &RowsMut) {
    // SAFETY: every row is one task's.
    each_row(ids.len(), table.cols, |t| unsafe { out.row(t) }.copy_from_slice(table.row(ids[t] as usize)));
}

pub(super) fn backward(ids: &[u32], dy: &Rows, chains: &TokenChains, begin: Begin, dtable: &RowsMut, rows: usize) {
    if begin == Begin::Fresh {
        // SAFETY: every row is one task's.
        each_row(rows, dy.cols, |row| unsafe { dtable.row(row) }.fill(0.0));
    }
    // Tokens grouped by id, ascending inside a group: each group is one row's sum, in the order of its chain.
    let mut places = Tensor::recycled::<u32>([2, ids.len()]);
    let (order, starts) = places.as_mut_slice::<u32>().split_at_mut(ids.len());
    order.iter_mut().zip(0..).for_each(|(place, t)| *place = t);
    order.sort_unstable_by_key(|&t| (ids[t as usize], t));
    let (order, count) = (&*order, groups(order, ids, starts));
    let group = |i: usize| starts[i] as usize..starts[..count].get(i + 1).map_or(ids.len(), |&start| start as usize);
    let (isa, cols, lanes) = (isa::active(), dy.cols, &chains.lanes[..]);
    let waiting = if lanes.len() > 1 { lanes.len().ilog2() as usize + 1 } else { 0 };
    const GROUPS: usize = 16;
    parallel_for_with(count.div_ceil(GROUPS), waiting * cols * size_of::<f32>(), |i, scratch| {
        for i in i * GROUPS..((i + 1) * GROUPS).min(count) {
            let tokens = &order[group(i)];
            // SAFETY: ids of groups differ, so every row is one task's; so is the working memory.
            let (sum, partials) = unsafe {
                let partials = std::slice::from_raw_parts_mut(scratch.cast::<f32>(), waiting * cols);
                (dtable.row(ids[tokens[0] as usize] as usize), partials)
            };
            match lanes {
                [_] => tokens.iter().for_each(|&t| add_on(isa, sum, dy.row(t as usize))),
                lanes => sum_lanes(isa, tokens, dy, lanes, partials, sum),
            }
        }
    });
}

/// Writes where in `order` each group of equal ids starts; their number.
fn groups(order: &[u32], ids: &[u32], starts: &mut [u32]) -> usize {
    let (mut count, mut at) = (0, 0);
    for group in order.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]) {
        starts[count] = at;
        count += 1;
        at += group.len() as u32;
    }
    count
}

/// One partial sum a lane, joined in the tree; those that wait for their neighbour lie in `partials`, one after the other.
fn sum_lanes(isa: Isa, tokens: &[u32], dy: &Rows, lanes: &[Range<usize>], partials: &mut [f32], sum: &mut [f32]) {
    let cols = sum.len();
    let mut waiting = 0;
    let join_top = |partials: &mut [f32], waiting: &mut usize| {
        *waiting -= 1;
        let (left, right) = partials.split_at_mut(*waiting * cols);
        add_on(isa, &mut left[(*waiting - 1) * cols..], &right[..cols]);
    };
    for (i, lane) in lanes.iter().enumerate() {
        let partial = &mut partials[waiting * cols..][..cols];
        partial.fill(0.0);
        let inside = tokens.iter().map(|&t| t as usize).filter(|t| lane.contains(t));
        inside.for_each(|t| add_on(isa, partial, dy.row(t)));
        waiting += 1;
        for _ in 0..(i + 1).trailing_zeros() {
            join_top(partials, &mut waiting);
        }
    }
    while waiting > 1 {
        join_top(partials, &mut waiting);
    }
    if waiting == 1 {
        sum.copy_from_slice(&partials[..cols]);
    }
}

simd! {
    fn add_on(isa: Isa, sum: &mut [f32], term: &[f32]) {
        for (sum, term) in sum.iter_mut().zip(term) {
            *sum += term;
        }
    }
}
