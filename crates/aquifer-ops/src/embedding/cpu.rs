//! Copies forward; backward, every row that occurs is summed by one task.

use crate::order::{Begin, TokenChains, tree};
use crate::rows::{Rows, RowsMut, each_row};
use crate::simd::simd;
use aquifer_tensor::isa;
use aquifer_tensor::threads::parallel_for;
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
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&t| ids[t as usize]);
    let groups: Vec<Range<usize>> = groups_of(&order, ids);
    let isa = isa::active();
    const GROUPS: usize = 16;
    parallel_for(groups.len().div_ceil(GROUPS), |i| {
        for group in &groups[i * GROUPS..((i + 1) * GROUPS).min(groups.len())] {
            let tokens = &order[group.clone()];
            // SAFETY: ids of groups differ, so every row is one task's.
            let sum = unsafe { dtable.row(ids[tokens[0] as usize] as usize) };
            match &chains.lanes[..] {
                [_] => tokens.iter().for_each(|&t| add_on(isa, sum, dy.row(t as usize))),
                lanes => sum_lanes(isa, tokens, dy, lanes, sum),
            }
        }
    });
}

fn groups_of(order: &[u32], ids: &[u32]) -> Vec<Range<usize>> {
    let mut start = 0;
    order
        .chunk_by(|&a, &b| ids[a as usize] == ids[b as usize])
        .map(|group| {
            start += group.len();
            start - group.len()..start
        })
        .collect()
}

/// One chain a lane, then the tree; a lane without such a token is a sum of +0, which changes nothing.
fn sum_lanes(isa: aquifer_tensor::Isa, tokens: &[u32], dy: &Rows, lanes: &[Range<usize>], sum: &mut [f32]) {
    let partials = lanes.iter().map(|lane| {
        let mut partial = vec![0.0; sum.len()];
        let inside = tokens.iter().map(|&t| t as usize).filter(|t| lane.contains(t));
        inside.for_each(|t| add_on(isa, &mut partial, dy.row(t)));
        partial
    });
    let joined = tree(partials, |mut a, b| {
        add_on(isa, &mut a, &b);
        a
    });
    if let Some(joined) = joined {
        sum.copy_from_slice(&joined);
    }
}

simd! {
    fn add_on(isa: Isa, sum: &mut [f32], term: &[f32]) {
        for (sum, term) in sum.iter_mut().zip(term) {
            *sum += term;
        }
    }
}
