//! What the forward and the backward pass share: which keys a block of queries sees, and its scores.

use super::CHUNK;
use super::lanes::Lanes;
use super::product::{Left, Right, Sums};
use super::spec::Reach;
use crate::order::ROW_LANES;

/// Queries that a kernel holds the scores of at once.
pub(super) const BLOCK: usize = 32;

/// From one row of scores to the next: a chunk, and a little more so that rows do not fall on the same cache sets.
pub(super) const SCORE_ROW: usize = CHUNK + ROW_LANES;

/// Scores, a row for each query.
pub(super) type Scores = Left<SCORE_ROW, 1>;

/// Scores, a row for each key.
pub(super) type ScoresByKey = Left<1, SCORE_ROW>;

/// Cells of a block of scores.
pub(super) const SCORES: usize = BLOCK * SCORE_ROW;

/// The keys of a chunk that one query sees: first and one past the last, counted from the chunk's first.
pub(super) type Band = (usize, usize);

/// The bands of a block of queries.
pub(super) type Bands = [Band; BLOCK];

/// What each of `n` queries of a segment of `len`, whose positions `position` gives, sees of the chunk that begins at
/// position `base`; (0, 0) if nothing.
#[inline(always)]
pub(super) fn bands(reach: Reach, n: usize, position: impl Fn(usize) -> usize, len: usize, base: usize) -> Bands {
    let mut bands = [(0, 0); BLOCK];
    for i in 0..n {
        let visible = reach.keys(position(i), len);
        let (lo, hi) = (visible.start.max(base), visible.end.min(base + CHUNK));
        if lo < hi {
            bands[i] = (lo - base, hi - base);
        }
    }
    bands
}

/// The least and the largest key of any band; `None` if all are empty.
#[inline(always)]
pub(super) fn hull(bands: &[Band]) -> Option<Band> {
    let some = bands.iter().filter(|band| band.0 < band.1);
    some.copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Rows `0..bands.len()` of `scores` become `scale · (q kᵀ)` wherever a band reaches, and hold anything elsewhere.
///
/// # Safety
/// `queries` must hold panels of sixteen queries with one for each band, `keys` the panels that the bands reach.
#[inline(always)]
pub(super) unsafe fn score<L: Lanes, const R: usize, const N: usize, const M: usize>(
    queries: *const f32,
    keys: Right,
    depth: usize,
    scale: f32,
    bands: &[Band],
    scores: *mut f32,
) {
    let whole = bands.len() / R * R;
    // SAFETY: by the caller's word; a row's bands end within its chunk.
    unsafe {
        for r in (0..whole).step_by(R) {
            let q = Left(queries.add(r / ROW_LANES * ROW_LANES * depth + r % ROW_LANES));
            score_rows::<L, R, N>(q, keys, depth, scale, &bands[r..r + R], scores.add(r * SCORE_ROW));
        }
        for r in whole..bands.len() {
            let q = Left(queries.add(r / ROW_LANES * ROW_LANES * depth + r % ROW_LANES));
            score_rows::<L, 1, M>(q, keys, depth, scale, &bands[r..r + 1], scores.add(r * SCORE_ROW));
        }
    }
}

/// [`score`] of the second of two pieces, by way of `other`: what its bands reach is put beside the scores of the first.
///
/// # Safety
/// As [`score`], and `other` as `scores`.
#[inline(always)]
pub(super) unsafe fn score_beside<L: Lanes, const R: usize, const N: usize, const M: usize>(
    queries: *const f32,
    keys: Right,
    depth: usize,
    scale: f32,
    bands: &[Band],
    scores: *mut f32,
    other: *mut f32,
) {
    // SAFETY: by the caller's word.
    unsafe {
        score::<L, R, N, M>(queries, keys, depth, scale, bands, other);
        for (i, &(lo, hi)) in bands.iter().enumerate() {
            let at = i * SCORE_ROW + lo;
            std::ptr::copy_nonoverlapping(other.add(at), scores.add(at), hi - lo);
        }
    }
}

#[inline(always)]
unsafe fn score_rows<L: Lanes, const R: usize, const N: usize>(
    q: Left<1, ROW_LANES>,
    keys: Right,
    depth: usize,
    scale: f32,
    bands: &[Band],
    scores: *mut f32,
) {
    let Some((lo, hi)) = hull(bands) else { return };
    let (mut unit, end) = (lo / ROW_LANES, hi.div_ceil(ROW_LANES));
    // SAFETY: by the word of `score`'s caller.
    unsafe {
        while unit + N <= end {
            let mut sums = Sums::<L, R, N>::zero();
            sums.take(q, keys.unit(unit), 0, depth);
            sums.scaled(scale).store(scores.add(unit * ROW_LANES), SCORE_ROW);
            unit += N;
        }
        while unit < end {
            let mut sums = Sums::<L, R, 1>::zero();
            sums.take(q, keys.unit(unit), 0, depth);
            sums.scaled(scale).store(scores.add(unit * ROW_LANES), SCORE_ROW);
            unit += 1;
        }
    }
}

/// R rows of `out` (`width` apart) become, or go on with, their chains over the depths of their bands.
///
/// # Safety
/// `left` and `right` must be readable over the bands, `out` writable for R rows of `width`.
#[inline(always)]
pub(super) unsafe fn accumulate<L: Lanes, const R: usize, const N: usize, const ROW: usize, const STEP: usize>(
    left: Left<ROW, STEP>,
    right: Right,
    bands: &[Band; R],
    fresh: bool,
    out: *mut f32,
    width: usize,
) {
    let (mut unit, end) = (0, width / ROW_LANES);
    // SAFETY: by the caller's word.
    unsafe {
        while unit + N <= end {
            let at = out.add(unit * ROW_LANES);
            let mut sums = if fresh { Sums::<L, R, N>::zero() } else { Sums::load(at, width) };
            sums.take_bands(left, right.unit(unit), bands);
            sums.store(at, width);
            unit += N;
        }
        while unit < end {
            let at = out.add(unit * ROW_LANES);
            let mut sums = if fresh { Sums::<L, R, 1>::zero() } else { Sums::load(at, width) };
            sums.take_bands(left, right.unit(unit), bands);
            sums.store(at, width);
            unit += 1;
        }
    }
}

/// [`accumulate`] for as many rows as there are bands.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
pub(super) unsafe fn accumulate_all<
    L: Lanes,
    const R: usize,
    const N: usize,
    const M: usize,
    const ROW: usize,
    const STEP: usize,
>(
    left: Left<ROW, STEP>,
    right: Right,
    bands: &[Band],
    fresh: bool,
    out: *mut f32,
    width: usize,
) {
    let (rows, rest) = bands.as_chunks::<R>();
    // SAFETY: by the caller's word.
    unsafe {
        for (i, bands) in rows.iter().enumerate() {
            let left = left.row(i * R);
            accumulate::<L, R, N, ROW, STEP>(left, right, bands, fresh, out.add(i * R * width), width);
        }
        for (i, &band) in rest.iter().enumerate() {
            let r = rows.len() * R + i;
            let left = left.row(r);
            accumulate::<L, 1, M, ROW, STEP>(left, right, &[band], fresh, out.add(r * width), width);
        }
    }
}

/// Compiles `kernel::<Lanes, R, N, M>` for each instruction set (R rows by N sixteens fill the registers, and so
/// do M sixteens of a single row) and calls the one that `isa` allows.
macro_rules! on_isa {
    ($vis:vis unsafe fn $name:ident($($arg:ident: $ty:ty),*) = $kernel:ident) => {
        /// # Safety
        /// As the kernel.
        $vis unsafe fn $name(isa: aquifer_tensor::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use crate::attention::lanes::{Avx2, Avx512};
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                unsafe fn avx512($($arg: $ty),*) {
                    // SAFETY: by the caller's word.
                    unsafe { $kernel::<Avx512, 8, 2, 4>($($arg),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2($($arg: $ty),*) {
                    // SAFETY: by the caller's word.
                    unsafe { $kernel::<Avx2, 4, 1, 4>($($arg),*) }
                }
                if isa >= aquifer_tensor::Isa::Avx512 {
                    // SAFETY: an `Isa` in hand was found on this machine; the rest by the caller's word.
                    return unsafe { avx512($($arg),*) };
                }
                if isa >= aquifer_tensor::Isa::Avx2 {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            let _ = isa;
            // SAFETY: by the caller's word.
            unsafe { $kernel::<crate::attention::lanes::Portable, 4, 1, 1>($($arg),*) }
        }
    };
}
pub(super) use on_isa;
