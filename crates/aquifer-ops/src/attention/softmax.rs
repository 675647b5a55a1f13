//! From scores to probabilities, a few rows at once so that their exponentials overlap.

use super::lanes::Lanes;
use super::scores::{Band, SCORE_ROW, hull};
use crate::math::{exp, log};
use crate::order::ROW_LANES;

/// The largest score of a chunk, and the sum of its exponentials.
pub(super) type Part = (f32, f32);

/// R rows of scores become `exp(score - max)`, and +0 outside their bands (within the sixteens that any of them
/// reaches); gives max and sum of each.
///
/// # Safety
/// The rows must hold those sixteens.
#[inline(always)]
pub(super) unsafe fn exponentiate<L: Lanes, const R: usize>(scores: *mut f32, bands: &[Band; R]) -> [Part; R] {
    let mut parts = [(f32::NEG_INFINITY, 0.0); R];
    let Some((lo, hi)) = hull(bands) else { return parts };
    let (from, to) = (lo / ROW_LANES * ROW_LANES, hi.next_multiple_of(ROW_LANES));
    let mut lanes = [[f32::NEG_INFINITY; ROW_LANES]; R];
    // SAFETY: by the caller's word, and bands lie between `from` and `to`.
    unsafe {
        let mut largest = [L::splat(f32::NEG_INFINITY); R];
        for r in 0..R {
            let row = scores.add(r * SCORE_ROW);
            let (lo, hi) = if bands[r].0 < bands[r].1 { bands[r] } else { (from, from) };
            std::slice::from_raw_parts_mut(row.add(from), lo - from).fill(f32::NEG_INFINITY);
            std::slice::from_raw_parts_mut(row.add(hi), to - hi).fill(f32::NEG_INFINITY);
        }
        for x in (from..to).step_by(ROW_LANES) {
            for r in 0..R {
                largest[r] = L::load(scores.add(r * SCORE_ROW + x)).max(largest[r]);
            }
        }
        let mut from_max = [L::splat(0.0); R];
        for r in 0..R {
            largest[r].store(lanes[r].as_mut_ptr());
            parts[r].0 = lanes[r].into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
            from_max[r] = L::splat(-finite_or_zero(parts[r].0));
        }
        let mut sums = [L::splat(0.0); R];
        for x in (from..to).step_by(ROW_LANES) {
            for r in 0..R {
                L::load(scores.add(r * SCORE_ROW + x)).add(from_max[r]).store(lanes[r].as_mut_ptr());
            }
            for x in lanes.as_flattened_mut() {
                *x = exp(*x);
            }
            for r in 0..R {
                let p = L::load(lanes[r].as_ptr());
                sums[r] = sums[r].add(p);
                p.store(scores.add(r * SCORE_ROW + x));
            }
        }
        for r in 0..R {
            sums[r].store(lanes[r].as_mut_ptr());
            parts[r].1 = tree_of_lanes(lanes[r]);
        }
    }
    parts
}

/// R rows of scores become probabilities `p = exp(score - lse)`, and R rows of `dp` become `ds = p · (dp - mean)`,
/// over the sixteens that any of their bands reaches.
///
/// # Safety
/// The rows of both must hold these.
#[inline(always)]
pub(super) unsafe fn differentiate<L: Lanes, const R: usize>(
    scores: *mut f32,
    dp: *mut f32,
    bands: &[Band],
    lse: &[f32],
    mean: &[f32],
) {
    let Some((lo, hi)) = hull(bands) else { return };
    let mut lanes = [[0.0; ROW_LANES]; R];
    for x in (lo / ROW_LANES * ROW_LANES..hi).step_by(ROW_LANES) {
        // SAFETY: by the caller's word.
        unsafe {
            for r in 0..R {
                L::load(scores.add(r * SCORE_ROW + x)).add(L::splat(-lse[r])).store(lanes[r].as_mut_ptr());
            }
            for x in lanes.as_flattened_mut() {
                *x = exp(*x);
            }
            for r in 0..R {
                let (p, at) = (L::load(lanes[r].as_ptr()), r * SCORE_ROW + x);
                p.store(scores.add(at));
                L::load(dp.add(at)).add(L::splat(-mean[r])).mul(p).store(dp.add(at));
            }
        }
    }
}

/// Two partial softmaxes become one: `out` and `state` of what came before, `o` and `part` of the next chunk.
#[inline(always)]
pub(super) fn fold(state: Part, part: Part, out: &mut [f32], o: &[f32]) -> Part {
    let max = if part.0 > state.0 { part.0 } else { state.0 };
    let from_max = finite_or_zero(max);
    let (before, after) = (exp(state.0 - from_max), exp(part.0 - from_max));
    for (out, &o) in out.iter_mut().zip(o) {
        *out = *out * before + o * after;
    }
    (max, state.1 * before + part.1 * after)
}

/// A row's output is divided by its sum; gives the log-sum-exp.
#[inline(always)]
pub(super) fn finish((max, sum): Part, out: &mut [f32]) -> f32 {
    let inverse = 1.0 / sum;
    out.iter_mut().for_each(|x| *x *= inverse);
    max + log(sum)
}

/// What scores are exponentiated relative to: their maximum, unless all are -inf.
#[inline(always)]
fn finite_or_zero(max: f32) -> f32 {
    if max == f32::NEG_INFINITY { 0.0 } else { max }
}

/// The neighbour tree over sixteen lanes: [`crate::order::tree`] without its vectors.
#[inline(always)]
pub(super) fn tree_of_lanes(mut lanes: [f32; ROW_LANES]) -> f32 {
    let mut n = ROW_LANES;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            lanes[i] = lanes[2 * i] + lanes[2 * i + 1];
        }
    }
    lanes[0]
}
