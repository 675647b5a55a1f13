//! The kernel in AVX2: bytes widened to 16 bits and multiplied by `vpmaddwd`, which cannot saturate here
//! (`vpmaddubsw` could).

use super::kernel::{Left, Tile, by_rows};
use super::weight::{PANEL, SCALE_BYTES};
use crate::order::K_BLOCK;
use std::arch::x86_64::*;

by_rows!(chain);

/// # Safety
/// `w` is the shard of a panel that `x.groups` describes; the CPU has AVX2.
#[target_feature(enable = "avx2")]
unsafe fn chain<const R: usize, const FOUR: bool>(x: Left<'_>, w: *const u8, tile: *mut Tile) {
    // Sixteen columns at a time: what the registers hold.
    for half in [0, 1] {
        // SAFETY: the caller's word.
        unsafe { columns::<R, FOUR>(x, w, half, tile) };
    }
}

/// # Safety
/// As [`chain`]; `half` is 0 or 1.
#[target_feature(enable = "avx2")]
unsafe fn columns<const R: usize, const FOUR: bool>(x: Left<'_>, mut w: *const u8, half: usize, tile: *mut Tile) {
    let (mut quads, mut scales) = (x.quads.as_ptr().cast::<i32>(), x.scales.as_ptr());
    let (bytes, low) = (_mm256_set1_epi16(255), _mm256_set1_epi8(15));
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    // SAFETY: reads stay inside the strip and the panel, by the caller's word.
    unsafe {
        for &blocks in x.groups {
            let w_scales = [0, 16].map(|at| {
                let halves = _mm_load_si128(w.add(32 * half + at).cast());
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
            });
            w = w.add(SCALE_BYTES);
            let mut ints = [[_mm256_setzero_si256(); 2]; R];
            for r in 0..R {
                ints[r] = [_mm256_set1_epi32(*scales.add(R + r)); 2];
            }
            // Of four neighbours along k, the 16-bit lanes take 0 and 2, then 1 and 3.
            let mut step = |w: [__m256i; 2]| {
                let even = w.map(|w| _mm256_and_si256(w, bytes));
                let odd = w.map(|w| _mm256_srli_epi16::<8>(w));
                for r in 0..R {
                    let x = _mm256_set1_epi32(quads.add(r).read_unaligned());
                    let (x_even, x_odd) =
                        (_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x)), _mm256_srai_epi16::<8>(x));
                    for j in 0..2 {
                        let sum = _mm256_add_epi32(ints[r][j], _mm256_madd_epi16(even[j], x_even));
                        ints[r][j] = _mm256_add_epi32(sum, _mm256_madd_epi16(odd[j], x_odd));
                    }
                }
                quads = quads.add(R);
            };
            for _ in 0..blocks * if FOUR { K_BLOCK / 8 } else { K_BLOCK / 4 } {
                let both = [0, 32].map(|at| _mm256_load_si256(w.add(64 * half + at).cast()));
                if FOUR {
                    step(both.map(|w| _mm256_and_si256(w, low)));
                    step(both.map(|w| _mm256_and_si256(_mm256_srli_epi16::<4>(w), low)));
                } else {
                    step(both);
                }
                w = w.add(4 * PANEL);
            }
            for r in 0..R {
                let scale = _mm256_set1_ps(f32::from_bits(*scales.add(r) as u32));
                for j in 0..2 {
                    let term = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(ints[r][j]), scale), w_scales[j]);
                    sums[r][j] = _mm256_add_ps(sums[r][j], term);
                }
            }
            scales = scales.add(2 * R);
        }
        for r in 0..R {
            let row = (&raw mut (*tile)[r]).cast::<f32>().add(16 * half);
            _mm256_storeu_ps(row, sums[r][0]);
            _mm256_storeu_ps(row.add(8), sums[r][1]);
        }
    }
}
