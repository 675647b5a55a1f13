//! The end of a tile: joins with waiting sums, bias, and the edge of the output.

use super::pack::PANEL;
use aquifer_tensor::Isa;

/// Where a tile belongs.
pub(super) struct Region {
    pub(super) ptr: *mut f32,
    /// From one row to the next.
    pub(super) stride: usize,
    pub(super) rows: usize,
    /// At most 32.
    pub(super) columns: usize,
}

impl Region {
    /// Copies the region into a tile, zeros beyond its columns.
    ///
    /// # Safety
    /// The region is readable and the tile has its rows.
    pub(super) unsafe fn load(&self, tile: *mut f32) {
        for row in 0..self.rows {
            for column in 0..PANEL {
                // SAFETY: inside the region; the tile has 32 columns.
                unsafe {
                    let inside = column < self.columns;
                    let x = if inside { *self.ptr.add(row * self.stride + column) } else { 0.0 };
                    *tile.add(row * PANEL + column) = x;
                }
            }
        }
    }
}

/// `target = … (waiting[1] + (waiting[0] + tile)) … + bias`, each addition rounded.
///
/// # Safety
/// `tile` and each of `waiting` hold the target's rows of 32; `bias` its columns; nobody else touches the target
/// or the tile, whose contents are lost.
pub(super) unsafe fn finish(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region, isa: Isa) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has what the caller chose.
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => unsafe { finish_avx512(tile, waiting, bias, target) },
        // SAFETY: the caller's word.
        _ => unsafe { finish_plain(tile, waiting, bias, target) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn finish_avx512(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region) {
    use std::arch::x86_64::*;
    let mask = u32::MAX >> (PANEL - target.columns);
    let (low, high) = (mask as u16, (mask >> 16) as u16);
    // SAFETY: masks keep to the target's columns; the rest is the caller's word.
    unsafe {
        let offsets = bias.map(|bias| {
            let right = bias.as_ptr().wrapping_add(16);
            [_mm512_maskz_loadu_ps(low, bias.as_ptr()), _mm512_maskz_loadu_ps(high, right)]
        });
        for row in 0..target.rows {
            let at = row * PANEL;
            let mut sums = [_mm512_loadu_ps(tile.add(at)), _mm512_loadu_ps(tile.add(at + 16))];
            for &left in waiting {
                sums[0] = _mm512_add_ps(sums[0], _mm512_loadu_ps(left.add(at)));
                sums[1] = _mm512_add_ps(sums[1], _mm512_loadu_ps(left.add(at + 16)));
            }
            if let Some(offsets) = offsets {
                sums = [_mm512_add_ps(sums[0], offsets[0]), _mm512_add_ps(sums[1], offsets[1])];
            }
            let out = target.ptr.add(row * target.stride);
            _mm512_mask_storeu_ps(out, low, sums[0]);
            _mm512_mask_storeu_ps(out.wrapping_add(16), high, sums[1]);
        }
    }
}

unsafe fn finish_plain(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region) {
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
        // SAFETY: inside the target; its columns are at most 32.
        unsafe { target.ptr.add(row * target.stride).copy_from_nonoverlapping(sums.as_ptr(), target.columns) };
    }
}
