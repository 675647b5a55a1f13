//! The kernel in plain Rust: what the others must equal.

use super::kernel::{Left, Tile, by_rows};
use super::weight::{PANEL, SCALE_BYTES};
use aquifer_tensor::Bf16;

by_rows!(chain);

/// # Safety
/// `w` is the shard of a panel that `x.groups` describes.
unsafe fn chain<const R: usize, const FOUR: bool>(x: Left<'_>, mut w: *const u8, tile: *mut Tile) {
    let mut quads = x.quads.as_chunks::<4>().0;
    let mut take = |n: usize| {
        // SAFETY: the caller's word.
        let bytes = unsafe { std::slice::from_raw_parts(w, n) };
        w = w.wrapping_add(n);
        bytes
    };
    // SAFETY: the caller's own tile.
    let tile = unsafe { &mut *tile };
    tile[..R].fill([0.0; PANEL]);
    for (scales, &blocks) in x.scales.chunks_exact(2 * R).zip(x.groups) {
        let w_scales = take(SCALE_BYTES);
        let mut sums = [[0_i32; PANEL]; R];
        (0..R).for_each(|r| sums[r].fill(scales[R + r]));
        for row in take(blocks * PANEL * if FOUR { 16 } else { 32 }).chunks_exact(4 * PANEL) {
            let halves: &[(u32, u8)] = if FOUR { &[(0, 15), (4, 15)] } else { &[(0, 255)] };
            for &(shift, mask) in halves {
                for r in 0..R {
                    for (sum, w) in sums[r].iter_mut().zip(row.as_chunks::<4>().0) {
                        *sum +=
                            (0..4).map(|i| i32::from(w[i] >> shift & mask) * i32::from(quads[r][i] as i8)).sum::<i32>();
                    }
                }
                quads = &quads[R..];
            }
        }
        for r in 0..R {
            let scale = f32::from_bits(scales[r] as u32);
            for j in 0..PANEL {
                let w_scale = Bf16::from_le_bytes([w_scales[2 * j], w_scales[2 * j + 1]]).to_f32();
                tile[r][j] += sums[r][j] as f32 * scale * w_scale;
            }
        }
    }
}
