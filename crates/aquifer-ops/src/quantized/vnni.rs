//! The kernel in AVX-512 with `vpdpbusd`: weights are its unsigned side, so that one offset a row and group undoes
//! what was added to them. Twelve rows by 32 columns keep 24 integer sums in registers.

use super::kernel::{Left, Tile, by_rows};
use super::weight::{PANEL, SCALE_BYTES};
use crate::order::K_BLOCK;
use std::arch::x86_64::*;
use std::sync::atomic::{Ordering, compiler_fence};

/// How far ahead weights are asked for. The processor's own prefetching falls behind as rows are added: on an AMD EPYC
/// (Zen 5) this took int8 weights and four rows from 72 to 87 % of the read bandwidth, int4 and one row from 68 to 83 %.
const AHEAD: usize = 8 << 10;

by_rows!(chain);

/// # Safety
/// `w` is the shard of a panel that `x.groups` describes; the CPU has AVX-512 with VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn chain<const R: usize, const FOUR: bool>(x: Left<'_>, mut w: *const u8, tile: *mut Tile) {
    let (mut quads, mut scales) = (x.quads.as_ptr().cast::<i32>(), x.scales.as_ptr());
    let low = _mm512_set1_epi8(15);
    // SAFETY: reads stay inside the strip and the panel, by the caller's word.
    unsafe {
        (0..R).for_each(|r| (*tile)[r] = [0.0; PANEL]);
        // Two lines, of what comes behind this panel too: the next panel of the same task, mostly.
        let fetch = |at: *const u8| {
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD).cast());
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD + 64).cast());
        };
        let load = |at: *const u8| _mm512_load_si512(at.cast());
        for &blocks in x.groups {
            let w_scales: [__m512; 2] = [0, 32].map(|at| {
                let halves = _mm256_load_si256(w.add(at).cast());
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
            });
            w = w.add(SCALE_BYTES);
            let mut ints = [[_mm512_setzero_si512(); 2]; R];
            for r in 0..R {
                ints[r] = [_mm512_set1_epi32(*scales.add(R + r)); 2];
            }
            // A macro and no closure, which might not be inlined, and then its sums live in memory.
            macro_rules! step {
                ($w:expr) => {
                    let w = $w;
                    for r in 0..R {
                        let x = _mm512_set1_epi32(quads.add(r).read_unaligned());
                        ints[r] = [_mm512_dpbusd_epi32(ints[r][0], w[0], x), _mm512_dpbusd_epi32(ints[r][1], w[1], x)];
                    }
                    quads = quads.add(R);
                };
            }
            for _ in 0..blocks {
                if FOUR {
                    for pair in 0..K_BLOCK / 8 {
                        fetch(w.wrapping_add(pair * 4 * PANEL));
                        let both = [load(w.add(pair * 4 * PANEL)), load(w.add(pair * 4 * PANEL + 64))];
                        step!(both.map(|w| _mm512_and_si512(w, low)));
                        step!(both.map(|w| _mm512_and_si512(_mm512_srli_epi16::<4>(w), low)));
                    }
                    w = w.add(PANEL * K_BLOCK / 2);
                } else {
                    for quad in 0..K_BLOCK / 4 {
                        fetch(w.wrapping_add(quad * 4 * PANEL));
                        step!([load(w.add(quad * 4 * PANEL)), load(w.add(quad * 4 * PANEL + 64))]);
                    }
                    w = w.add(PANEL * K_BLOCK);
                }
            }
            // Beside this many integer sums, float sums would be kept in registers only to be spilled.
            if R > 6 {
                compiler_fence(Ordering::SeqCst);
            }
            for r in 0..R {
                let scale = _mm512_set1_ps(f32::from_bits(*scales.add(r) as u32));
                for j in 0..2 {
                    let term = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(ints[r][j]), scale), w_scales[j]);
                    let sum = (&raw mut (*tile)[r]).cast::<f32>().add(16 * j);
                    _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), term));
                }
            }
            scales = scales.add(2 * R);
        }
    }
}
