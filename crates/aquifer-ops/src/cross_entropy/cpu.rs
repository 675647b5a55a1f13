//! Losses, and losses with gradients in place, one body over the instruction sets.

use super::IGNORE;
use crate::math::{exp, log};
use crate::rows::{Rows, RowsMut, each_row, row_map_sum_in_place, row_max, row_sum};
use crate::simd::simd;
use aquifer_tensor::isa;
use aquifer_tensor::threads::SendPtr;

/// Every row's loss.
pub(crate) fn losses(logits: &Rows, vocab: usize, targets: &[u32], losses: &mut [f32]) {
    let (isa, slots) = (isa::active(), SendPtr(losses.as_mut_ptr()));
    each_row(logits.rows, vocab, |i| {
        let loss = if targets[i] == IGNORE { 0.0 } else { loss_row(isa, logits.span(i, 0..vocab), targets[i]) };
        // SAFETY: one slot a row, and every row is one task's.
        unsafe { *slots.get().add(i) = loss };
    });
}

/// Every row's loss; the logits are replaced by `scale` times their gradient, padding by zeros.
pub(crate) fn losses_and_gradients(
    logits: &RowsMut,
    rows: usize,
    vocab: usize,
    targets: &[u32],
    scale: f32,
    losses: &mut [f32],
) {
    let (isa, slots) = (isa::active(), SendPtr(losses.as_mut_ptr()));
    each_row(rows, vocab, |i| {
        // SAFETY: every row, and its slot, is one task's.
        let (row, slot) = unsafe { (logits.row(i), &mut *slots.get().add(i)) };
        if targets[i] == IGNORE {
            row.fill(0.0);
            *slot = 0.0;
        } else {
            let (real, padding) = row.split_at_mut(vocab);
            *slot = gradient_row(isa, real, targets[i], scale);
            padding.fill(0.0);
        }
    });
}

simd! {
    fn loss_row(isa: Isa, logits: &[f32], target: u32) -> f32 {
        let max = row_max(logits);
        log(row_sum(logits, |x| exp(x - max))) - (logits[target as usize] - max)
    }

    fn gradient_row(isa: Isa, logits: &mut [f32], target: u32, scale: f32) -> f32 {
        let max = row_max(logits);
        let right = logits[target as usize] - max;
        let sum = row_map_sum_in_place(logits, |x| exp(x - max));
        let factor = scale / sum;
        for x in logits.iter_mut() {
            *x *= factor;
        }
        logits[target as usize] -= scale;
        log(sum) - right
    }
}
