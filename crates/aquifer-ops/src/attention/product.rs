//! The one matrix product behind every pass of attention: a few rows by a few sixteens of columns, held in
//! registers, each element one FMA chain over the depth, ascending.

use super::lanes::Lanes;
use crate::order::ROW_LANES;

/// The left operand: element (r, x) at `0 + r · ROW + x · STEP`. Known steps become displacements of the loads;
/// worked out in registers they cost more than the products.
#[derive(Clone, Copy)]
pub(super) struct Left<const ROW: usize, const STEP: usize>(pub *const f32);

impl<const ROW: usize, const STEP: usize> Left<ROW, STEP> {
    /// From row `row` on.
    ///
    /// # Safety
    /// It must exist.
    #[inline(always)]
    pub(super) unsafe fn row(self, row: usize) -> Self {
        // SAFETY: by the caller's word.
        Left(unsafe { self.0.add(row * ROW) })
    }
}

/// The right operand in sixteens of columns: sixteen u at depth x lies at `ptr + u · unit + x · step`.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub ptr: *const f32,
    pub unit: usize,
    pub step: usize,
}

impl Right {
    /// A row-major matrix of `width` columns, a multiple of sixteen.
    pub(super) fn row_major(ptr: *const f32, width: usize) -> Self {
        Right { ptr, unit: ROW_LANES, step: width }
    }

    /// Panels of sixteen columns by `depth`, one after another: what [`transpose`] writes.
    pub(super) fn panels(ptr: *const f32, depth: usize) -> Self {
        Right { ptr, unit: depth * ROW_LANES, step: ROW_LANES }
    }

    /// From sixteen `unit` on.
    ///
    /// # Safety
    /// It must exist.
    #[inline(always)]
    pub(super) unsafe fn unit(self, unit: usize) -> Self {
        // SAFETY: by the caller's word.
        Right { ptr: unsafe { self.ptr.add(unit * self.unit) }, ..self }
    }
}

/// R rows by N sixteens of sums.
#[derive(Clone, Copy)]
pub(super) struct Sums<L, const R: usize, const N: usize>([[L; N]; R]);

impl<L: Lanes, const R: usize, const N: usize> Sums<L, R, N> {
    /// Chains that start at +0.
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Sums([[L::splat(0.0); N]; R])
    }

    /// Chains that go on from memory.
    ///
    /// # Safety
    /// R rows of N sixteens must be readable.
    #[inline(always)]
    pub(super) unsafe fn load(from: *const f32, row: usize) -> Self {
        let mut sums = Self::zero();
        for r in 0..R {
            for n in 0..N {
                // SAFETY: by the caller's word.
                sums.0[r][n] = unsafe { L::load(from.add(r * row + n * ROW_LANES)) };
            }
        }
        sums
    }

    /// # Safety
    /// R rows of N sixteens must be writable.
    #[inline(always)]
    pub(super) unsafe fn store(self, to: *mut f32, row: usize) {
        for r in 0..R {
            for n in 0..N {
                // SAFETY: by the caller's word.
                unsafe { self.0[r][n].store(to.add(r * row + n * ROW_LANES)) };
            }
        }
    }

    /// Every sum times `by`.
    #[inline(always)]
    pub(super) fn scaled(mut self, by: f32) -> Self {
        let by = L::splat(by);
        for r in 0..R {
            for n in 0..N {
                self.0[r][n] = self.0[r][n].mul(by);
            }
        }
        self
    }

    /// Depths `from..to` for every row.
    ///
    /// # Safety
    /// Both operands must be readable there.
    #[inline(always)]
    pub(super) unsafe fn take<const ROW: usize, const STEP: usize>(
        &mut self,
        a: Left<ROW, STEP>,
        b: Right,
        from: usize,
        to: usize,
    ) {
        for x in from..to {
            // SAFETY: by the caller's word.
            unsafe {
                let columns = row_of::<L, N>(b, x);
                for r in 0..R {
                    let left = L::splat(*a.0.add(r * ROW + x * STEP));
                    for n in 0..N {
                        self.0[r][n] = left.fma(columns[n], self.0[r][n]);
                    }
                }
            }
        }
    }

    /// Of depths `from..to`, for each row r those in `bands[r]`.
    ///
    /// # Safety
    /// As [`Sums::take`].
    #[inline(always)]
    unsafe fn take_where<const ROW: usize, const STEP: usize>(
        &mut self,
        a: Left<ROW, STEP>,
        b: Right,
        from: usize,
        to: usize,
        bands: &[(usize, usize); R],
    ) {
        for x in from..to {
            // SAFETY: by the caller's word.
            unsafe {
                let columns = row_of::<L, N>(b, x);
                for r in 0..R {
                    let active = bands[r].0 <= x && x < bands[r].1;
                    let left = L::splat(*a.0.add(r * ROW + x * STEP));
                    for n in 0..N {
                        self.0[r][n] = left.fma_where(active, columns[n], self.0[r][n]);
                    }
                }
            }
        }
    }

    /// For each row r the depths `bands[r].0..bands[r].1`: what lies outside takes no part.
    ///
    /// # Safety
    /// Both operands must be readable from the least to the largest of these depths.
    #[inline(always)]
    pub(super) unsafe fn take_bands<const ROW: usize, const STEP: usize>(
        &mut self,
        a: Left<ROW, STEP>,
        b: Right,
        bands: &[(usize, usize); R],
    ) {
        let (mut first, mut end) = (usize::MAX, 0);
        let (mut all_from, mut all_to) = (0, usize::MAX);
        for &(lo, hi) in bands {
            if lo < hi {
                (first, end) = (first.min(lo), end.max(hi));
            }
            (all_from, all_to) = (all_from.max(lo), all_to.min(hi));
        }
        // SAFETY: by the caller's word.
        unsafe {
            if all_from < all_to {
                self.take_where(a, b, first, all_from, bands);
                self.take(a, b, all_from, all_to);
                self.take_where(a, b, all_to, end, bands);
            } else if first < end {
                self.take_where(a, b, first, end, bands);
            }
        }
    }
}

/// N sixteens of `b` at one depth.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn row_of<L: Lanes, const N: usize>(b: Right, x: usize) -> [L; N] {
    // No closures where lanes are: one would be compiled for no instruction set in particular.
    let mut row = [L::splat(0.0); N];
    for n in 0..N {
        // SAFETY: by the caller's word.
        row[n] = unsafe { L::load(b.ptr.add(n * b.unit + x * b.step)) };
    }
    row
}

/// Writes `rows` rows of `depth` elements as panels of sixteen rows by depth (see [`Right::panels`]); rows missing
/// in the last panel are left as they were.
///
/// # Safety
/// The rows must be readable, and `rows` rounded up to sixteens times `depth` elements writable.
#[inline(always)]
pub(super) unsafe fn transpose<L: Lanes>(from: *const f32, row: usize, rows: usize, depth: usize, to: *mut f32) {
    let whole = depth / ROW_LANES * ROW_LANES;
    for first in (0..rows).step_by(ROW_LANES) {
        let n = ROW_LANES.min(rows - first);
        let done = if n == ROW_LANES { whole } else { 0 };
        // SAFETY: by the caller's word.
        unsafe {
            let (from, to) = (from.add(first * row), to.add(first * depth));
            for c in (0..done).step_by(ROW_LANES) {
                L::transpose(from.add(c), row, to.add(c * ROW_LANES), ROW_LANES);
            }
            for i in 0..n {
                for c in done..depth {
                    *to.add(c * ROW_LANES + i) = *from.add(i * row + c);
                }
            }
        }
    }
}

/// Copies `rows` rows of `depth` elements to rows of `width`, the rest of which is zero.
///
/// # Safety
/// The rows must be readable and writable, and `width` no less than `depth`.
#[inline(always)]
pub(super) unsafe fn gather(from: *const f32, row: usize, rows: usize, depth: usize, to: *mut f32, width: usize) {
    for i in 0..rows {
        // SAFETY: by the caller's word.
        unsafe {
            std::ptr::copy_nonoverlapping(from.add(i * row), to.add(i * width), depth);
            std::ptr::write_bytes(to.add(i * width + depth), 0, width - depth);
        }
    }
}
