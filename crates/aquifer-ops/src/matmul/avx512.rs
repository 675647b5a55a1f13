//! Kernels in AVX-512: the f32 chain, and the `pair` order where `vdpbf16ps` is native.
//!
//! A strip of 12 rows against 32 columns keeps 24 sums in registers: enough to hide the latency of two FMA
//! pipes, at 14 loads for 24 products.

use super::kernel::{Call, Run};
use super::pack::PANEL;
use crate::order::K_BLOCK;
use std::arch::x86_64::*;

const ROWS: usize = 12;

/// How far ahead a panel that is read only once is fetched, in bytes. On an AMD EPYC (Zen 5) three times 8 KiB gave one row
/// through bf16 weights 3 % (one thread) to 10 % (two).
const AHEAD: usize = 24 << 10;

macro_rules! by_rows {
    ($kernel:ident: $($rows:literal)*) => { [$($kernel::<$rows>),*] };
}

/// One FMA chain per output. Both sides are `Floats`.
///
/// # Safety
/// See [`Run`]; the CPU has AVX-512.
pub(super) unsafe fn f32_chain(call: &Call) {
    const BY_ROWS: [Run; ROWS] = by_rows!(f32_rows: 1 2 3 4 5 6 7 8 9 10 11 12);
    // SAFETY: the caller's word.
    unsafe { BY_ROWS[call.rows - 1](call) }
}

/// `C ← fma(even, fma(odd, C))` by `vdpbf16ps`. Both sides are `Pairs`.
///
/// # Safety
/// See [`Run`]; the CPU has AVX-512 with bf16.
pub(super) unsafe fn pair_native(call: &Call) {
    const BY_ROWS: [Run; ROWS] = by_rows!(pair_rows: 1 2 3 4 5 6 7 8 9 10 11 12);
    // SAFETY: the caller's word.
    unsafe { BY_ROWS[call.rows - 1](call) }
}

macro_rules! rows_kernel {
    ($name:ident, $features:literal, $steps:expr, |$a:ident, $b:ident, $sum:ident| $step:expr) => {
        #[target_feature(enable = $features)]
        unsafe fn $name<const R: usize>(&Call { a, b, blocks, c, ldc, go_on, next, .. }: &Call) {
            let (mut a, mut b, mut next) = (a.cast::<f32>(), b.cast::<f32>(), next);
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            // SAFETY: the strip and the panel hold `blocks` blocks, `c` has R rows of 32 columns.
            unsafe {
                if go_on {
                    for r in 0..R {
                        let row = c.add(r * ldc);
                        sums[r] = [_mm512_loadu_ps(row), _mm512_loadu_ps(row.add(16))];
                    }
                }
                for _ in 0..blocks * $steps / 4 {
                    if next.is_null() {
                        for line in 0..4 * PANEL * size_of::<f32>() / 64 {
                            _mm_prefetch::<_MM_HINT_T0>(b.cast::<i8>().wrapping_add(AHEAD + 64 * line));
                        }
                    } else {
                        // One line at a time: many at once would hold up the loads of this call.
                        _mm_prefetch::<_MM_HINT_T1>(next.cast());
                        next = next.wrapping_add(64);
                    }
                    for step in 0..4 {
                        let $b = [_mm512_load_ps(b.add(step * PANEL)), _mm512_load_ps(b.add(step * PANEL + 16))];
                        for r in 0..R {
                            let $a = _mm512_set1_ps(*a.add(step * ROWS + r));
                            let $sum = sums[r];
                            sums[r] = $step;
                        }
                    }
                    a = a.add(4 * ROWS);
                    b = b.add(4 * PANEL);
                }
                for r in 0..R {
                    let row = c.add(r * ldc);
                    _mm512_storeu_ps(row, sums[r][0]);
                    _mm512_storeu_ps(row.add(16), sums[r][1]);
                }
            }
        }
    };
}

rows_kernel!(f32_rows, "avx512f", K_BLOCK, |a, b, sum| {
    [_mm512_fmadd_ps(a, b[0], sum[0]), _mm512_fmadd_ps(a, b[1], sum[1])]
});
rows_kernel!(pair_rows, "avx512f,avx512bf16", K_BLOCK / 2, |a, b, sum| {
    [dot(sum[0], a, b[0]), dot(sum[1], a, b[1])]
});

/// `vdpbf16ps` of registers that hold bf16 pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot(sum: __m512, a: __m512, b: __m512) -> __m512 {
    // SAFETY: the same 512 bits under another name.
    unsafe {
        _mm512_dpbf16_ps(sum, std::mem::transmute::<__m512, __m512bh>(a), std::mem::transmute::<__m512, __m512bh>(b))
    }
}
