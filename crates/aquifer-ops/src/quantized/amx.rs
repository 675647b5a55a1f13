//! The kernel by Intel's matrix tiles: `tdpbsud`, signed activations by unsigned weights, 16 rows by 32 columns by 64 of
//! k at once. Integer sums are exact, so the order inside a group is free.

use super::format::QuantBits;
use super::kernel::{Left, MAX_ROWS, Run, Tile};
use super::weight::{PANEL, SCALE_BYTES};
use crate::order::K_BLOCK;
use std::arch::asm;
use std::arch::x86_64::*;

/// The kernel for strips of any height, laid out in rows.
pub(super) fn of(bits: QuantBits) -> Run {
    match bits {
        QuantBits::Int8 => chain::<false>,
        QuantBits::Int4 => chain::<true>,
    }
}

/// Something that begins at a cache line.
#[repr(align(64))]
struct Aligned<T>(T);

/// # Safety
/// `x` is laid out in rows and `w` is the shard of a panel that `x.groups` describes; the CPU has AMX and AVX-512, and
/// the process may use the tiles.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn chain<const FOUR: bool>(x: Left<'_>, mut w: *const u8, tile: *mut Tile) {
    // SAFETY: the caller's own tile.
    let tile = unsafe { &mut *tile };
    let rows = x.scales.len() / (2 * x.groups.len()).max(1);
    tile[..rows].fill([0.0; PANEL]);
    let config = config(rows as u8);
    let depth = x.quads.len() / rows.max(1);
    let mut left = x.quads.as_ptr();
    let mut ints = Aligned([[0_i32; PANEL]; MAX_ROWS]);
    let mut bytes = Aligned([0_u8; 128 * PANEL]);
    // SAFETY: reads stay inside the strip and the panel, by the caller's word. Between the first block and the last
    // nothing panics, so that no thread is left holding tiles; no block trusts what another left in them.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &config.0, options(nostack));
        for (scales, &blocks) in x.scales.chunks_exact(2 * rows).zip(x.groups) {
            let w_scales: [__m512; 2] = [0, 32].map(|at| {
                let halves = _mm256_loadu_si256(w.add(at).cast());
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
            });
            w = w.add(SCALE_BYTES);
            let right = if FOUR {
                unpack(w, blocks, &mut bytes.0);
                bytes.0.as_ptr()
            } else {
                w
            };
            integer_sums(left, depth, right, blocks, &mut ints.0);
            w = w.add(blocks * PANEL * if FOUR { K_BLOCK / 2 } else { K_BLOCK });
            left = left.add(blocks * K_BLOCK);
            for r in 0..rows {
                let (scale, offset) = (_mm512_set1_ps(f32::from_bits(scales[r] as u32)), scales[rows + r]);
                for j in 0..2 {
                    let ints = _mm512_load_si512(ints.0[r].as_ptr().add(16 * j).cast());
                    let ints = _mm512_cvtepi32_ps(_mm512_add_epi32(ints, _mm512_set1_epi32(offset)));
                    let sum = tile[r].as_mut_ptr().add(16 * j);
                    let term = _mm512_mul_ps(_mm512_mul_ps(ints, scale), w_scales[j]);
                    _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), term));
                }
            }
        }
        asm!("tilerelease", options(nomem, nostack));
    }
}

/// Sums in tiles 0 and 1; 64 of k: left in 4, right in 6 and 7; 32 of k: left in 5, right in 2 and 3.
fn config(rows: u8) -> Aligned<[u8; 64]> {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    for (tile, rows, bytes_of_row) in
        [(0, rows, 64), (1, rows, 64), (4, rows, 64), (6, 16, 64), (7, 16, 64), (5, rows, 32), (2, 8, 64), (3, 8, 64)]
    {
        bytes[16 + 2 * tile] = bytes_of_row;
        bytes[48 + tile] = rows;
    }
    Aligned(bytes)
}

/// `out[r][j] = Σ left[r][p] · right[p][j]` over one group.
///
/// # Safety
/// Tiles are configured; there are so many blocks on both sides, `depth` bytes from one row of the left to the next.
unsafe fn integer_sums(
    left: *const u8,
    depth: usize,
    right: *const u8,
    blocks: usize,
    out: &mut [[i32; PANEL]; MAX_ROWS],
) {
    // SAFETY: reads the group, writes the rows that are configured.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "test {n}, {n}",
            "jz 3f",
            "2:",
            "tileloadd tmm4, [{a} + {depth}*1]",
            "tileloadd tmm6, [{b} + {row}*1]",
            "tileloadd tmm7, [{b} + {row}*1 + 64]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tdpbsud tmm1, tmm4, tmm7",
            "add {a}, 64",
            "add {b}, 2048",
            "dec {n}",
            "jnz 2b",
            "3:",
            "test {odd}, {odd}",
            "jz 4f",
            "tileloadd tmm5, [{a} + {depth}*1]",
            "tileloadd tmm2, [{b} + {row}*1]",
            "tileloadd tmm3, [{b} + {row}*1 + 64]",
            "tdpbsud tmm0, tmm5, tmm2",
            "tdpbsud tmm1, tmm5, tmm3",
            "4:",
            "tilestored [{c} + {row}*1], tmm0",
            "tilestored [{c} + {row}*1 + 64], tmm1",
            a = inout(reg) left => _, b = inout(reg) right => _, n = inout(reg) blocks / 2 => _,
            odd = in(reg) blocks % 2, depth = in(reg) depth, row = in(reg) 4 * PANEL, c = in(reg) out.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// Four-bit weights as bytes, in the layout of eight-bit ones.
///
/// # Safety
/// `w` has so many blocks, at most four; the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn unpack(w: *const u8, blocks: usize, out: &mut [u8; 128 * PANEL]) {
    let low = _mm512_set1_epi8(15);
    for (row, out) in out.chunks_exact_mut(8 * PANEL).take(blocks * K_BLOCK / 8).enumerate() {
        for half in [0, 64] {
            // SAFETY: a row of the block is 128 bytes, and becomes two.
            unsafe {
                let both = _mm512_loadu_si512(w.add(row * 4 * PANEL + half).cast());
                let to = out.as_mut_ptr().add(half);
                _mm512_storeu_si512(to.cast(), _mm512_and_si512(both, low));
                let high = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
                _mm512_storeu_si512(to.add(4 * PANEL).cast(), high);
            }
        }
    }
}
