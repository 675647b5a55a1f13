//! The end of a tile: joins with waiting sums, the steps of the epilogue, and the edge and the element type of the
//! output.

use super::blocks::Output;
use super::epilogue::Ending;
use super::exact::{narrow, round_bf16};
use super::pack::PANEL;
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{DType, Isa};

/// Where a tile belongs in the output.
pub(super) struct Region {
    pub(super) ptr: *mut u8,
    dtype: DType,
    /// Elements from one row to the next.
    stride: usize,
    /// Its first row and column in the output.
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) rows: usize,
    /// At most 32.
    pub(super) columns: usize,
}

impl Region {
    /// The part of `out` from (`row`, `column`) on.
    pub(super) fn new(out: &Output, [row, column]: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        let Output { ptr, dtype, stride } = *out;
        Region {
            ptr: ptr.get().wrapping_add((row * stride + column) * dtype.size()),
            dtype,
            stride,
            row,
            column,
            rows,
            columns,
        }
    }

    /// Asks for its cache lines ahead of the stores: see [`expect_write`].
    pub(super) fn expect_write(&self) {
        for row in 0..self.rows {
            let row = self.ptr.wrapping_add(row * self.stride * self.dtype.size());
            expect_write(row, self.columns * self.dtype.size());
        }
    }

    /// Copies the region, of f32, into a tile, zeros beyond its columns.
    ///
    /// # Safety
    /// The region is readable and the tile has its rows.
    pub(super) unsafe fn load(&self, tile: *mut f32) {
        for row in 0..self.rows {
            // SAFETY: inside the region, which is of f32; the tile has 32 columns.
            let (from, to) = unsafe {
                let from = self.ptr.cast::<f32>().add(row * self.stride);
                (
                    std::slice::from_raw_parts(from, self.columns),
                    std::slice::from_raw_parts_mut(tile.add(row * PANEL), PANEL),
                )
            };
            to[..self.columns].copy_from_slice(from);
            to[self.columns..].fill(0.0);
        }
    }
}

/// Asks for the cache lines of `bytes` bytes from `at` on ahead of stores, which otherwise wait for them one after
/// the other: up to a fifth of a product with a short k.
#[inline(always)]
pub(super) fn expect_write(at: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        // SAFETY: a hint, which faults on no address and changes no memory.
        unsafe { std::arch::asm!("prefetchw [{}]", in(reg) at.wrapping_add(line), options(nostack, preserves_flags)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, bytes);
}

/// [`expect_write`] ahead of loads.
#[inline(always)]
pub(super) fn expect_read(at: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, bytes);
}

/// `slot = … (waiting[1] + (waiting[0] + tile)) …`.
///
/// # Safety
/// `tile`, `slot` and each of `waiting` hold `rows` rows of 32; nobody else touches the tile, whose contents are
/// lost, or the slot, which may be the last of `waiting`.
pub(super) unsafe fn join(tile: *mut f32, waiting: &[*const f32], slot: *mut f32, rows: usize, isa: Isa) {
    let out = Output { ptr: SendPtr(slot.cast()), dtype: DType::F32, stride: PANEL };
    let region = Region::new(&out, [0, 0], [rows, PANEL]);
    // SAFETY: the caller's word.
    unsafe { finish(tile, waiting, &Ending::default(), &region, isa) };
}

/// `target = ending(… (waiting[1] + (waiting[0] + tile)) …)`, each addition rounded.
///
/// # Safety
/// `tile` and each of `waiting` hold the target's rows of 32; nobody else touches the target, what the ending keeps
/// of it, or the tile, whose contents are lost.
pub(super) unsafe fn finish(tile: *mut f32, waiting: &[*const f32], ending: &Ending, target: &Region, isa: Isa) {
    if ending.is_plain() {
        // SAFETY: the caller's word.
        return unsafe { store(tile, waiting, ending, target, isa) };
    }
    // The sums and their bias, back in the tile.
    let home = Region { ptr: tile.cast(), dtype: DType::F32, stride: PANEL, ..*target };
    // SAFETY: the caller's word.
    unsafe {
        if ending.bias.is_some() || !waiting.is_empty() {
            store(tile, waiting, ending, &home, isa);
        }
        if let Some(keep) = &ending.keep {
            let kept = Region::new(keep, [target.row, target.column], [target.rows, target.columns]);
            store(tile, &[], &Ending::default(), &kept, isa);
        }
        ending.apply(std::slice::from_raw_parts_mut(tile, target.rows * PANEL), target, isa);
        store(tile, &[], &ending.rounding(), target, isa);
    }
}

/// `target = … (waiting[1] + (waiting[0] + tile)) … + bias`, rounded as the ending says; the rest of it waits.
///
/// # Safety
/// As [`finish`].
unsafe fn store(tile: *mut f32, waiting: &[*const f32], ending: &Ending, target: &Region, isa: Isa) {
    let bias = ending.bias.map(|bias| &bias[target.column..target.column + target.columns]);
    let operand = ending.operand;
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has what the caller chose.
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => unsafe { store_avx512(tile, waiting, bias, operand, target) },
        // SAFETY: the caller's word.
        _ => unsafe { store_plain(tile, waiting, bias, operand, target) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn store_avx512(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, operand: bool, target: &Region) {
    use super::pack_avx512;
    use std::arch::x86_64::*;
    let mask = u32::MAX >> (PANEL - target.columns);
    let masks = [mask as u16, (mask >> 16) as u16];
    // SAFETY: masks keep to the target's columns; the rest is the caller's word.
    unsafe {
        let offsets = bias
            .map(|bias| [0, 1].map(|half| _mm512_maskz_loadu_ps(masks[half], bias.as_ptr().wrapping_add(16 * half))));
        for row in 0..target.rows {
            for half in [0, 1] {
                let at = row * PANEL + 16 * half;
                let mut sum = _mm512_loadu_ps(tile.add(at));
                for &left in waiting {
                    sum = _mm512_add_ps(sum, _mm512_loadu_ps(left.add(at)));
                }
                if let Some(offsets) = offsets {
                    sum = _mm512_add_ps(sum, offsets[half]);
                }
                let out = row * target.stride + 16 * half;
                if target.dtype == DType::F32 {
                    _mm512_mask_storeu_ps(target.ptr.cast::<f32>().wrapping_add(out), masks[half], sum);
                } else {
                    let rounded = if operand { pack_avx512::round(sum) } else { pack_avx512::narrow(sum) };
                    let rounded = _mm512_cvtepi32_epi16(rounded);
                    _mm256_mask_storeu_epi16(target.ptr.cast::<i16>().wrapping_add(out), masks[half], rounded);
                }
            }
        }
    }
}

unsafe fn store_plain(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, operand: bool, target: &Region) {
    let len = target.rows * PANEL;
    // SAFETY: the caller's word.
    let sums = unsafe { std::slice::from_raw_parts_mut(tile, len) };
    for &left in waiting {
        // SAFETY: as above.
        let left = unsafe { std::slice::from_raw_parts(left, len) };
        sums.iter_mut().zip(left).for_each(|(sum, left)| *sum += left);
    }
    for (row, sums) in sums.chunks_exact_mut(PANEL).enumerate() {
        if let Some(bias) = bias {
            sums.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
        }
        let sums = &sums[..target.columns];
        let at = row * target.stride;
        // SAFETY: inside the target.
        unsafe {
            if target.dtype == DType::F32 {
                // The target may be the tile itself.
                target.ptr.cast::<f32>().add(at).copy_from(sums.as_ptr(), sums.len());
            } else {
                let out = std::slice::from_raw_parts_mut(target.ptr.cast::<u16>().add(at), sums.len());
                let round = if operand { round_bf16 } else { narrow };
                out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = round(sum));
            }
        }
    }
}
