//! Sixteen `f32` side by side, on each instruction set.
//!
//! Kernels are written once over [`Lanes`] and compiled for each; lanes lie along keys, queries or the width of
//! a head, never along a summed axis, so the width of a register never shows in a result.

use crate::order::ROW_LANES;

/// Sixteen `f32`.
pub(super) trait Lanes: Copy {
    /// Sixteen times `x`.
    fn splat(x: f32) -> Self;
    /// # Safety
    /// Sixteen elements must be readable, and the instruction set must be there (as for all below).
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// Sixteen elements must be writable.
    unsafe fn store(self, to: *mut f32);
    /// `self · b + c`, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// `self · b + c`, rounded once, or `c` untouched.
    fn fma_where(self, active: bool, b: Self, c: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn add(self, b: Self) -> Self;
    /// The larger; `b` where `self` is NaN.
    fn max(self, b: Self) -> Self;
    /// Writes the transpose of 16×16 elements.
    ///
    /// # Safety
    /// Sixteen rows of sixteen must be readable and writable.
    unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        for i in 0..ROW_LANES {
            for j in 0..ROW_LANES {
                // SAFETY: by the caller's word.
                unsafe { *to.add(j * to_row + i) = *from.add(i * from_row + j) };
            }
        }
    }
}

/// No vector instructions beyond what the compiler assumes.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; ROW_LANES]);

impl Portable {
    #[inline(always)]
    fn map(f: impl Fn(usize) -> f32) -> Self {
        Portable(std::array::from_fn(f))
    }
}

impl Lanes for Portable {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        Portable([x; ROW_LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: by the caller's word.
        unsafe { Portable(from.cast::<[f32; ROW_LANES]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: by the caller's word.
        unsafe { to.cast::<[f32; ROW_LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Self::map(|i| self.0[i].mul_add(b.0[i], c.0[i]))
    }
    #[inline(always)]
    fn fma_where(self, active: bool, b: Self, c: Self) -> Self {
        if active { self.fma(b, c) } else { c }
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self::map(|i| self.0[i] * b.0[i])
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self::map(|i| self.0[i] + b.0[i])
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Self::map(|i| if self.0[i] > b.0[i] { self.0[i] } else { b.0[i] })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

// SAFETY (of every block below): values of these types are made only inside kernels compiled for, and called
// after finding, their instruction set; memory is as the caller of the method promises.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks)]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    /// AVX2 with FMA: two registers.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256, __m256);

    impl Lanes for Avx512 {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { Avx512(_mm512_set1_ps(x)) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Avx512(_mm512_loadu_ps(from)) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        fn fma(self, b: Self, c: Self) -> Self {
            unsafe { Avx512(_mm512_fmadd_ps(self.0, b.0, c.0)) }
        }
        #[inline(always)]
        fn fma_where(self, active: bool, b: Self, c: Self) -> Self {
            unsafe { Avx512(_mm512_mask3_fmadd_ps(self.0, b.0, c.0, (active as u16).wrapping_neg())) }
        }
        #[inline(always)]
        fn mul(self, b: Self) -> Self {
            unsafe { Avx512(_mm512_mul_ps(self.0, b.0)) }
        }
        #[inline(always)]
        fn add(self, b: Self) -> Self {
            unsafe { Avx512(_mm512_add_ps(self.0, b.0)) }
        }
        #[inline(always)]
        fn max(self, b: Self) -> Self {
            unsafe { Avx512(_mm512_max_ps(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
            unsafe {
                let zero = _mm512_setzero_ps();
                let (mut pairs, mut fours) = ([_mm512_castps_pd(zero); 16], [zero; 16]);
                // Within each quarter: pairs of rows, then pairs of pairs.
                for i in (0..16).step_by(2) {
                    let a = _mm512_loadu_ps(from.add(i * from_row));
                    let b = _mm512_loadu_ps(from.add((i + 1) * from_row));
                    pairs[i] = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
                    pairs[i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
                }
                // fours[4·g + c]: column c of each quarter, of rows 4g..4g+4.
                for g in (0..16).step_by(4) {
                    for half in 0..2 {
                        let (a, b) = (pairs[g + half], pairs[g + 2 + half]);
                        fours[g + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                        fours[g + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                    }
                }
                for c in 0..4 {
                    let (f0, f1, f2, f3) = (fours[c], fours[4 + c], fours[8 + c], fours[12 + c]);
                    let (low01, high01) = (_mm512_shuffle_f32x4(f0, f1, 0x44), _mm512_shuffle_f32x4(f0, f1, 0xEE));
                    let (low23, high23) = (_mm512_shuffle_f32x4(f2, f3, 0x44), _mm512_shuffle_f32x4(f2, f3, 0xEE));
                    _mm512_storeu_ps(to.add(c * to_row), _mm512_shuffle_f32x4(low01, low23, 0x88));
                    _mm512_storeu_ps(to.add((4 + c) * to_row), _mm512_shuffle_f32x4(low01, low23, 0xDD));
                    _mm512_storeu_ps(to.add((8 + c) * to_row), _mm512_shuffle_f32x4(high01, high23, 0x88));
                    _mm512_storeu_ps(to.add((12 + c) * to_row), _mm512_shuffle_f32x4(high01, high23, 0xDD));
                }
            }
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }
        #[inline(always)]
        fn fma(self, b: Self, c: Self) -> Self {
            unsafe { Avx2(_mm256_fmadd_ps(self.0, b.0, c.0), _mm256_fmadd_ps(self.1, b.1, c.1)) }
        }
        #[inline(always)]
        fn fma_where(self, active: bool, b: Self, c: Self) -> Self {
            if active { self.fma(b, c) } else { c }
        }
        #[inline(always)]
        fn mul(self, b: Self) -> Self {
            unsafe { Avx2(_mm256_mul_ps(self.0, b.0), _mm256_mul_ps(self.1, b.1)) }
        }
        #[inline(always)]
        fn add(self, b: Self) -> Self {
            unsafe { Avx2(_mm256_add_ps(self.0, b.0), _mm256_add_ps(self.1, b.1)) }
        }
        #[inline(always)]
        fn max(self, b: Self) -> Self {
            unsafe { Avx2(_mm256_max_ps(self.0, b.0), _mm256_max_ps(self.1, b.1)) }
        }
    }
}
