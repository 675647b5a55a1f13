//! The `tile` order by Intel's matrix tiles: `tdpbf16ps` on a 2 by 2 square of tiles, 32 rows by 32 columns.
//!
//! Tiles are configured and released inside the block that uses them, so that no thread is left holding tile
//! state (it costs every context switch 8 KiB) and nothing has to be undone when a task panics.

use super::kernel::Call;
use super::pack::PANEL;
use std::arch::asm;

/// Palette 1, every tile 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config([u8; 64]);

static CONFIG: Config = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Config(bytes)
};

/// The left side is `Tiles` in strips of 32 rows, the right `Pairs`.
///
/// # Safety
/// See [`Run`](super::kernel::Run), with room in `c` for 32 rows; the CPU has AMX and the process may use it.
pub(super) unsafe fn tile_native(call: &Call) {
    let &Call { a, b, blocks, c, ldc, go_on, rows, .. } = call;
    // SAFETY: the caller's word.
    unsafe {
        if !go_on {
            for row in 0..32 {
                std::slice::from_raw_parts_mut(c.add(row * ldc), PANEL).fill(0.0);
            }
        }
        if blocks == 0 {
            return;
        }
        if rows <= 16 { half(a, b, blocks, c, ldc * 4) } else { whole(a, b, blocks, c, ldc * 4) }
    }
}

/// 32 rows: sums in tiles 0 to 3, left in 4 and 5, right in 6 and 7.
unsafe fn whole(a: *const u8, b: *const u8, blocks: usize, c: *mut f32, step: usize) {
    // SAFETY: reads the strip and the panel, reads and writes 32 rows of `c`, releases the tiles.
    unsafe {
        asm!(
            "ldtilecfg [{config}]",
            "tileloadd tmm0, [{c} + {step}*1]",
            "tileloadd tmm1, [{c} + {step}*1 + 64]",
            "tileloadd tmm2, [{d} + {step}*1]",
            "tileloadd tmm3, [{d} + {step}*1 + 64]",
            "2:",
            "tileloadd tmm4, [{a} + {row}*1]",
            "tileloadd tmm6, [{b} + {pair}*1]",
            "tileloadd tmm7, [{b} + {pair}*1 + 64]",
            "tileloadd tmm5, [{a} + {row}*1 + 1024]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a}, 2048",
            "add {b}, 2048",
            "dec {n}",
            "jnz 2b",
            "tilestored [{c} + {step}*1], tmm0",
            "tilestored [{c} + {step}*1 + 64], tmm1",
            "tilestored [{d} + {step}*1], tmm2",
            "tilestored [{d} + {step}*1 + 64], tmm3",
            "tilerelease",
            config = in(reg) &CONFIG.0,
            a = inout(reg) a => _, b = inout(reg) b => _, n = inout(reg) blocks => _,
            c = in(reg) c, d = in(reg) c.byte_add(16 * step), step = in(reg) step,
            row = in(reg) 64_usize, pair = in(reg) 128_usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// The first 16 rows alone.
unsafe fn half(a: *const u8, b: *const u8, blocks: usize, c: *mut f32, step: usize) {
    // SAFETY: as `whole`, for 16 rows.
    unsafe {
        asm!(
            "ldtilecfg [{config}]",
            "tileloadd tmm0, [{c} + {step}*1]",
            "tileloadd tmm1, [{c} + {step}*1 + 64]",
            "2:",
            "tileloadd tmm4, [{a} + {row}*1]",
            "tileloadd tmm6, [{b} + {pair}*1]",
            "tileloadd tmm7, [{b} + {pair}*1 + 64]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "add {a}, 2048",
            "add {b}, 2048",
            "dec {n}",
            "jnz 2b",
            "tilestored [{c} + {step}*1], tmm0",
            "tilestored [{c} + {step}*1 + 64], tmm1",
            "tilerelease",
            config = in(reg) &CONFIG.0,
            a = inout(reg) a => _, b = inout(reg) b => _, n = inout(reg) blocks => _,
            c = in(reg) c, step = in(reg) step, row = in(reg) 64_usize, pair = in(reg) 128_usize,
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
