//! The f32 chain in AVX2 with FMA.

use super::kernel::Call;
use super::pack::PANEL;
use crate::order::K_BLOCK;
use std::arch::x86_64::*;

const ROWS: usize = 12;

/// One FMA chain per output, 6 rows by 16 columns in registers at a time. Both sides are `Floats`.
///
/// # Safety
/// See [`Run`](super::kernel::Run); the CPU has AVX2 and FMA.
pub(super) unsafe fn f32_chain(call: &Call) {
    let &Call { a, b, blocks, c, ldc, go_on, rows, .. } = call;
    const BY_ROWS: [unsafe fn(*const f32, *const f32, usize, *mut f32, usize, bool); 6] =
        [part::<1>, part::<2>, part::<3>, part::<4>, part::<5>, part::<6>];
    for row in (0..rows).step_by(6) {
        for column in [0, 16] {
            // SAFETY: parts of the strip, of the panel and of `c`.
            unsafe {
                let (a, b) = (a.cast::<f32>().add(row), b.cast::<f32>().add(column));
                BY_ROWS[(rows - row).min(6) - 1](a, b, blocks, c.add(row * ldc + column), ldc, go_on);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn part<const R: usize>(a: *const f32, b: *const f32, blocks: usize, c: *mut f32, ldc: usize, go_on: bool) {
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    // SAFETY: the strip and the panel hold `blocks` blocks, `c` has R rows of 16 columns.
    unsafe {
        if go_on {
            for r in 0..R {
                let row = c.add(r * ldc);
                sums[r] = [_mm256_loadu_ps(row), _mm256_loadu_ps(row.add(8))];
            }
        }
        for depth in 0..blocks * K_BLOCK {
            let b = b.add(depth * PANEL);
            let b = [_mm256_load_ps(b), _mm256_load_ps(b.add(8))];
            for r in 0..R {
                let a = _mm256_broadcast_ss(&*a.add(depth * ROWS + r));
                sums[r] = [_mm256_fmadd_ps(a, b[0], sums[r][0]), _mm256_fmadd_ps(a, b[1], sums[r][1])];
            }
        }
        for r in 0..R {
            let row = c.add(r * ldc);
            _mm256_storeu_ps(row, sums[r][0]);
            _mm256_storeu_ps(row.add(8), sums[r][1]);
        }
    }
}
