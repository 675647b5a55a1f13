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
/// `tile` and each of `waiting` hold the target's rows of 32; `bias` its columns; nobody else touches the target.
pub(super) unsafe fn finish(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region, isa: Isa) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has what the caller chose.
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => unsafe { finish_avx512(tile, waiting, bias, target) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { finish_avx2(tile, waiting, bias, target) },
        // SAFETY: the caller's word.
        _ => unsafe { body(tile, waiting, bias, target) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn finish_avx512(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region) {
    // SAFETY: the caller's word.
    unsafe { body(tile, waiting, bias, target) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn finish_avx2(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region) {
    // SAFETY: the caller's word.
    unsafe { body(tile, waiting, bias, target) }
}

#[inline(always)]
unsafe fn body(tile: *mut f32, waiting: &[*const f32], bias: Option<&[f32]>, target: &Region) {
    let mut offset = [0.0; PANEL];
    if let Some(bias) = bias {
        offset[..bias.len()].copy_from_slice(bias);
    }
    for row in 0..target.rows {
        // SAFETY: the tile has this row.
        let mut sums = unsafe { *tile.add(row * PANEL).cast::<[f32; PANEL]>() };
        for &left in waiting {
            // SAFETY: every waiting tile has this row.
            let left = unsafe { &*left.add(row * PANEL).cast::<[f32; PANEL]>() };
            for column in 0..PANEL {
                sums[column] += left[column];
            }
        }
        if bias.is_some() {
            for column in 0..PANEL {
                sums[column] += offset[column];
            }
        }
        // SAFETY: inside the target; its columns are at most 32.
        unsafe {
            let out = target.ptr.add(row * target.stride);
            if target.columns == PANEL {
                *out.cast::<[f32; PANEL]>() = sums;
            } else {
                std::ptr::copy_nonoverlapping(sums.as_ptr(), out, target.columns);
            }
        }
    }
}
