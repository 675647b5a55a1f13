//! Kernels in plain Rust: the same bits as everywhere, at whatever speed the compiler finds.

use super::exact::{add_flushed, fma, fma_flushed, widen};
use super::kernel::Call;
use super::pack::PANEL;
use crate::order::K_BLOCK;

const ROWS: usize = 4;

/// One FMA chain per output. The left side is `Floats`, the right `Floats`.
///
/// # Safety
/// See [`Run`](super::kernel::Run), with at most 4 rows.
pub(super) unsafe fn f32_chain(call: &Call) {
    // SAFETY: the caller's word.
    let (a, b) =
        unsafe { (floats(call.a, call.blocks * K_BLOCK * ROWS), floats(call.b, call.blocks * K_BLOCK * PANEL)) };
    // SAFETY: as above.
    unsafe {
        each_row(call, |row, sums| {
            for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(PANEL)) {
                for j in 0..PANEL {
                    sums[j] = fma(a[row], b[j], sums[j]);
                }
            }
        });
    }
}

/// `C ← fma(even, fma(odd, C))`. The left side is `RoundedFloats`, the right `Pairs`.
///
/// # Safety
/// As [`f32_chain`].
pub(super) unsafe fn pair(call: &Call) {
    // SAFETY: the caller's word.
    let (a, b) = unsafe { (floats(call.a, call.blocks * K_BLOCK * ROWS), pairs(call.b, call.blocks)) };
    // SAFETY: as above.
    unsafe {
        each_row(call, |row, sums| {
            for (a, b) in a.chunks_exact(2 * ROWS).zip(b.chunks_exact(PANEL)) {
                for j in 0..PANEL {
                    let [even, odd] = b[j].map(widen);
                    sums[j] = fma_flushed(a[row], even, fma_flushed(a[ROWS + row], odd, sums[j]));
                }
            }
        });
    }
}

/// Per 32 of k: even and odd chains from +0, then `C ← C + (e + o)`. Sides as in [`pair`].
///
/// # Safety
/// As [`f32_chain`].
pub(super) unsafe fn tile(call: &Call) {
    // SAFETY: the caller's word.
    let (a, b) = unsafe { (floats(call.a, call.blocks * K_BLOCK * ROWS), pairs(call.b, call.blocks)) };
    // SAFETY: as above.
    unsafe {
        each_row(call, |row, sums| {
            for (a, b) in a.chunks_exact(K_BLOCK * ROWS).zip(b.chunks_exact(K_BLOCK / 2 * PANEL)) {
                let (mut e, mut o) = ([0.0; PANEL], [0.0; PANEL]);
                for (a, b) in a.chunks_exact(2 * ROWS).zip(b.chunks_exact(PANEL)) {
                    for j in 0..PANEL {
                        let [even, odd] = b[j].map(widen);
                        e[j] = fma_flushed(a[row], even, e[j]);
                        o[j] = fma_flushed(a[ROWS + row], odd, o[j]);
                    }
                }
                for j in 0..PANEL {
                    sums[j] = add_flushed(sums[j], add_flushed(e[j], o[j]));
                }
            }
        });
    }
}

unsafe fn floats<'a>(ptr: *const u8, len: usize) -> &'a [f32] {
    // SAFETY: packed operands are aligned to 64 and as long as the caller says.
    unsafe { std::slice::from_raw_parts(ptr.cast(), len) }
}

unsafe fn pairs<'a>(ptr: *const u8, blocks: usize) -> &'a [[u16; 2]] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(ptr.cast(), blocks * K_BLOCK / 2 * PANEL) }
}

unsafe fn each_row(call: &Call, mut chain: impl FnMut(usize, &mut [f32; PANEL])) {
    for row in 0..call.rows {
        // SAFETY: `c` has `rows` rows of 32, by the word of the kernel's caller; f32 arrays need only f32's alignment.
        let out = unsafe { &mut *call.c.add(row * call.ldc).cast::<[f32; PANEL]>() };
        let mut sums = if call.go_on { *out } else { [0.0; PANEL] };
        chain(row, &mut sums);
        *out = sums;
    }
}
