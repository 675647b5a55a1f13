//! What some layers do to scores before the softmax (soft cap, ALiBi) and to probabilities after it (dropout).

use super::lanes::Lanes;
use super::scores::{Band, SCORE_ROW};
use super::{AttentionDropout, AttentionSpec};
use crate::dropout::threshold;
use crate::math::tanh;
use crate::order::ROW_LANES;

/// The query of one row of scores.
#[derive(Clone, Copy)]
pub(super) struct Query {
    /// Its row in the tensors.
    pub row: usize,
    pub head: usize,
    /// Its position in its segment.
    pub position: usize,
}

/// Whether [`bend`] would change anything.
pub(super) fn bends(spec: &AttentionSpec) -> bool {
    spec.soft_cap.is_some() || spec.alibi.is_some()
}

/// One row of scaled scores for the keys from position `base` on: soft cap, then ALiBi, over the sixteens that the
/// band reaches. Where a `slope` row is given it gets the derivative by the scaled score.
///
/// # Safety
/// The rows must hold those sixteens.
#[inline(always)]
pub(super) unsafe fn bend(
    spec: &AttentionSpec,
    query: Query,
    base: usize,
    band: Band,
    scores: *mut f32,
    slope: Option<*mut f32>,
) {
    for x in sixteens(band) {
        // SAFETY: by the caller's word.
        let scores = unsafe { &mut *scores.add(x).cast::<[f32; ROW_LANES]>() };
        if let Some(cap) = spec.soft_cap {
            let inverse = 1.0 / cap;
            let mut bent = [0.0; ROW_LANES];
            for c in 0..ROW_LANES {
                bent[c] = tanh(scores[c] * inverse);
                scores[c] = cap * bent[c];
            }
            if let Some(slope) = slope {
                // SAFETY: as above.
                let slope = unsafe { &mut *slope.add(x).cast::<[f32; ROW_LANES]>() };
                for c in 0..ROW_LANES {
                    slope[c] = 1.0 - bent[c] * bent[c];
                }
            }
        }
        if let Some(slopes) = &spec.alibi {
            let (slope, first) = (slopes[query.head], (base + x) as i32 - query.position as i32);
            for c in 0..ROW_LANES {
                scores[c] -= slope * ((first + c as i32).abs() as f32);
            }
        }
    }
}

/// Random blocks of four words worked out side by side.
const BLOCKS: usize = 16;

/// One row of what probabilities are multiplied by under dropout: 0 or `1 / (1 − p)`, for the keys from position
/// `base` on, over the sixteens that the band reaches.
///
/// # Safety
/// The row must hold a chunk.
#[inline(always)]
pub(super) unsafe fn keep(dropout: &AttentionDropout, query: Query, base: usize, band: Band, to: *mut f32) {
    let (threshold, scale) = (threshold(dropout.p), 1.0 / (1.0 - dropout.p));
    let first = dropout.element(query.row, query.head) + base as u64;
    for x in (band.0 / (4 * BLOCKS) * (4 * BLOCKS)..band.1).step_by(4 * BLOCKS) {
        let block = (first + x as u64) / 4;
        let mut words = [0; 4 * BLOCKS];
        for b in 0..BLOCKS {
            let four = dropout.stream.block(dropout.step, block + b as u64);
            for k in 0..4 {
                words[4 * b + k] = four[k];
            }
        }
        // SAFETY: by the caller's word; a chunk is a whole number of these.
        let to = unsafe { &mut *to.add(x).cast::<[f32; 4 * BLOCKS]>() };
        for (to, word) in to.iter_mut().zip(words) {
            *to = if word >> 8 >= threshold { scale } else { 0.0 };
        }
    }
}

/// Rows of `x` times rows of `by`, over the sixteens that their bands reach.
///
/// # Safety
/// The rows must hold those.
#[inline(always)]
pub(super) unsafe fn multiply<L: Lanes>(x: *mut f32, by: *const f32, bands: &[Band]) {
    for (i, &band) in bands.iter().enumerate() {
        for at in sixteens(band) {
            // SAFETY: by the caller's word.
            unsafe {
                let at = i * SCORE_ROW + at;
                L::load(x.add(at)).mul(L::load(by.add(at))).store(x.add(at));
            }
        }
    }
}

/// The sixteens that a band reaches.
#[inline(always)]
fn sixteens(band: Band) -> impl Iterator<Item = usize> {
    (band.0 / ROW_LANES * ROW_LANES..band.1).step_by(ROW_LANES)
}
