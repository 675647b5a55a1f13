//! The bf16 orders by FMA, bit for bit what `vdpbf16ps` and `tdpbf16ps` give.
//!
//! Those instructions flush subnormals whatever the control register says; FMA obeys it. So each loop below sets
//! flush-to-zero and denormals-are-zero, runs, and restores what was there, all in one `asm!` block: the
//! compiler may not be shown another rounding mode than its own.
//!
//! The left side is `RoundedFloats` in strips of 12 rows, the right `Pairs`: a pair's even member is its lower
//! half shifted up, its odd member the upper half with the lower masked away.

use super::kernel::Call;
use super::pack::PANEL;
use std::arch::asm;

const ROWS: usize = 12;

/// All exceptions masked, round to nearest even, FTZ and DAZ.
static FLUSH: u32 = 0x9FC0;

/// The odd half of each pair.
static ODD: u32 = 0xFFFF_0000;

/// `(a, b, blocks, c, bytes between rows of c)`: some rows and columns, going on from `c`.
type Part = unsafe fn(*const f32, *const f32, usize, *mut f32, usize);

/// `pair` order, 12 rows by 32 columns at a time.
///
/// # Safety
/// See [`Run`](super::kernel::Run), with room in `c` for 12 rows; the CPU has AVX-512.
pub(super) unsafe fn pair_avx512(call: &Call) {
    let (part, height): (Part, usize) = match call.rows {
        1 => (pair_512_1, 1),
        2..=4 => (pair_512_4, 4),
        _ => (pair_512_12, 12),
    };
    // SAFETY: the caller's word.
    unsafe { in_parts(part, [height, PANEL], call) }
}

/// `tile` order, 6 rows by 32 columns at a time.
///
/// # Safety
/// As [`pair_avx512`].
pub(super) unsafe fn tile_avx512(call: &Call) {
    let (part, height): (Part, usize) = match call.rows {
        1 => (tile_512_1, 1),
        2 => (tile_512_2, 2),
        _ => (tile_512_6, 6),
    };
    // SAFETY: the caller's word.
    unsafe { in_parts(part, [height, PANEL], call) }
}

/// `pair` order, 6 rows by 16 columns at a time.
///
/// # Safety
/// As [`pair_avx512`], with AVX2 and FMA.
pub(super) unsafe fn pair_avx2(call: &Call) {
    let (part, height): (Part, usize) = if call.rows == 1 { (pair_256_1, 1) } else { (pair_256_6, 6) };
    // SAFETY: the caller's word.
    unsafe { in_parts(part, [height, 16], call) }
}

/// `tile` order, 3 rows by 16 columns at a time.
///
/// # Safety
/// As [`pair_avx2`].
pub(super) unsafe fn tile_avx2(call: &Call) {
    let (part, height): (Part, usize) = if call.rows == 1 { (tile_256_1, 1) } else { (tile_256_3, 3) };
    // SAFETY: the caller's word.
    unsafe { in_parts(part, [height, 16], call) }
}

/// Covers `rows` rows and 32 columns with parts of one size.
unsafe fn in_parts(part: Part, [height, width]: [usize; 2], call: &Call) {
    let &Call { blocks, c, ldc, go_on, rows, .. } = call;
    let (a, b) = (call.a.cast::<f32>(), call.b.cast::<f32>());
    let covered = rows.next_multiple_of(height);
    debug_assert!(covered <= ROWS);
    // SAFETY: strips have 12 rows whatever `rows` is, and so has `c`.
    unsafe {
        if !go_on {
            for row in 0..covered {
                std::slice::from_raw_parts_mut(c.add(row * ldc), PANEL).fill(0.0);
            }
        }
        if blocks == 0 {
            return;
        }
        for row in (0..covered).step_by(height) {
            for column in (0..PANEL).step_by(width) {
                part(a.add(row), b.add(column), blocks, c.add(row * ldc + column), ldc * 4);
            }
        }
    }
}

/// Runs `$code` in flushing mode; it may use every vector register named.
macro_rules! flushed {
    ([$($register:tt)*] $code:expr, $a:ident, $b:ident, $n:ident, $c:ident, $step:ident) => {{
        let mut saved = 0_u32;
        // SAFETY: reads the strip and the panel, reads and writes the part of `c`, restores the control register.
        unsafe {
            asm!(
                concat!("stmxcsr [{saved}]\n ldmxcsr [{flush}]\n", $code, "ldmxcsr [{saved}]"),
                a = inout(reg) $a => _, b = inout(reg) $b => _, n = inout(reg) $n => _, i = out(reg) _,
                c = inout(reg) $c => _, t = out(reg) _, step = in(reg) $step,
                flush = in(reg) &FLUSH, odd = in(reg) &ODD, saved = in(reg) &mut saved,
                $(out($register) _,)*
                options(nostack),
            );
        }
    }};
}

macro_rules! zmm_block {
    ($($call:tt)*) => {
        flushed!([
            "zmm0" "zmm1" "zmm2" "zmm3" "zmm4" "zmm5" "zmm6" "zmm7" "zmm8" "zmm9" "zmm10" "zmm11"
            "zmm12" "zmm13" "zmm14" "zmm15" "zmm16" "zmm17" "zmm18" "zmm19" "zmm20" "zmm21" "zmm22"
            "zmm23" "zmm24" "zmm25" "zmm26" "zmm27" "zmm28" "zmm29" "zmm30" "zmm31"
        ] $($call)*)
    };
}

macro_rules! ymm_block {
    ($($call:tt)*) => {
        flushed!([
            "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm9" "ymm10" "ymm11"
            "ymm12" "ymm13" "ymm14" "ymm15"
        ] $($call)*)
    };
}

/// One row: its number, then the registers of its two sums.
macro_rules! pair_512 {
    ($name:ident: $($r:literal $x:literal $y:literal),*) => {
        #[target_feature(enable = "avx512f")]
        unsafe fn $name(a: *const f32, b: *const f32, blocks: usize, c: *mut f32, step: usize) {
            let pairs = blocks * 16;
            zmm_block!(
                concat!(
                    "vpbroadcastd zmm6, [{odd}]\n mov {t}, {c}\n xor {i:e}, {i:e}\n",
                    $("vmovups zmm", $x, ", [{t}]\n vmovups zmm", $y, ", [{t} + 64]\n add {t}, {step}\n",)*
                    "2:\n",
                    "vmovups zmm0, [{b}]\n vmovups zmm1, [{b} + 64]\n",
                    "vpandd zmm2, zmm0, zmm6\n vpandd zmm3, zmm1, zmm6\n",
                    "vpslld zmm0, zmm0, 16\n vpslld zmm1, zmm1, 16\n",
                    $("vbroadcastss zmm4, [{a} + 48 + 4*", $r, "]\n",
                      "vfmadd231ps zmm", $x, ", zmm4, zmm2\n vfmadd231ps zmm", $y, ", zmm4, zmm3\n",)*
                    $("vbroadcastss zmm5, [{a} + 4*", $r, "]\n",
                      "vfmadd231ps zmm", $x, ", zmm5, zmm0\n vfmadd231ps zmm", $y, ", zmm5, zmm1\n",)*
                    "add {a}, 96\n add {b}, 128\n dec {n}\n jnz 2b\n",
                    $("vmovups [{c}], zmm", $x, "\n vmovups [{c} + 64], zmm", $y, "\n add {c}, {step}\n",)*
                ),
                a, b, pairs, c, step
            );
        }
    };
}
pair_512!(pair_512_12: 0 8 9, 1 10 11, 2 12 13, 3 14 15, 4 16 17, 5 18 19, 6 20 21, 7 22 23, 8 24 25, 9 26 27, 10 28 29, 11 30 31);
pair_512!(pair_512_4: 0 8 9, 1 10 11, 2 12 13, 3 14 15);
pair_512!(pair_512_1: 0 8 9);

/// One row: its number, then the registers of its even and its odd sums.
macro_rules! tile_512 {
    ($name:ident: $($r:literal $e:literal $f:literal $o:literal $p:literal),*) => {
        #[target_feature(enable = "avx512f")]
        unsafe fn $name(a: *const f32, b: *const f32, blocks: usize, c: *mut f32, step: usize) {
            zmm_block!(
                concat!(
                    "vpbroadcastd zmm6, [{odd}]\n",
                    "2:\n",
                    $("vpxord zmm", $e, ", zmm", $e, ", zmm", $e, "\n vpxord zmm", $f, ", zmm", $f, ", zmm", $f, "\n",
                      "vpxord zmm", $o, ", zmm", $o, ", zmm", $o, "\n vpxord zmm", $p, ", zmm", $p, ", zmm", $p, "\n",)*
                    "mov {i:e}, 16\n",
                    "3:\n",
                    "vmovups zmm0, [{b}]\n vmovups zmm1, [{b} + 64]\n",
                    "vpandd zmm2, zmm0, zmm6\n vpandd zmm3, zmm1, zmm6\n",
                    "vpslld zmm0, zmm0, 16\n vpslld zmm1, zmm1, 16\n",
                    $("vbroadcastss zmm4, [{a} + 4*", $r, "]\n vbroadcastss zmm5, [{a} + 48 + 4*", $r, "]\n",
                      "vfmadd231ps zmm", $e, ", zmm4, zmm0\n vfmadd231ps zmm", $f, ", zmm4, zmm1\n",
                      "vfmadd231ps zmm", $o, ", zmm5, zmm2\n vfmadd231ps zmm", $p, ", zmm5, zmm3\n",)*
                    "add {a}, 96\n add {b}, 128\n dec {i:e}\n jnz 3b\n",
                    "mov {t}, {c}\n",
                    $("vaddps zmm", $e, ", zmm", $e, ", zmm", $o, "\n vaddps zmm", $f, ", zmm", $f, ", zmm", $p, "\n",
                      "vaddps zmm", $e, ", zmm", $e, ", [{t}]\n vaddps zmm", $f, ", zmm", $f, ", [{t} + 64]\n",
                      "vmovups [{t}], zmm", $e, "\n vmovups [{t} + 64], zmm", $f, "\n add {t}, {step}\n",)*
                    "dec {n}\n jnz 2b\n",
                ),
                a, b, blocks, c, step
            );
        }
    };
}
tile_512!(tile_512_6: 0 8 9 10 11, 1 12 13 14 15, 2 16 17 18 19, 3 20 21 22 23, 4 24 25 26 27, 5 28 29 30 31);
tile_512!(tile_512_2: 0 8 9 10 11, 1 12 13 14 15);
tile_512!(tile_512_1: 0 8 9 10 11);

/// One row: its number, then the registers of its two sums.
macro_rules! pair_256 {
    ($name:ident: $($r:literal $x:literal $y:literal),*) => {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $name(a: *const f32, b: *const f32, blocks: usize, c: *mut f32, step: usize) {
            let pairs = blocks * 16;
            ymm_block!(
                concat!(
                    "vbroadcastss ymm15, [{odd}]\n mov {t}, {c}\n xor {i:e}, {i:e}\n",
                    $("vmovups ymm", $x, ", [{t}]\n vmovups ymm", $y, ", [{t} + 32]\n add {t}, {step}\n",)*
                    "2:\n",
                    "vandps ymm12, ymm15, [{b}]\n vandps ymm13, ymm15, [{b} + 32]\n",
                    $("vbroadcastss ymm14, [{a} + 48 + 4*", $r, "]\n",
                      "vfmadd231ps ymm", $x, ", ymm14, ymm12\n vfmadd231ps ymm", $y, ", ymm14, ymm13\n",)*
                    "vmovups ymm12, [{b}]\n vmovups ymm13, [{b} + 32]\n",
                    "vpslld ymm12, ymm12, 16\n vpslld ymm13, ymm13, 16\n",
                    $("vbroadcastss ymm14, [{a} + 4*", $r, "]\n",
                      "vfmadd231ps ymm", $x, ", ymm14, ymm12\n vfmadd231ps ymm", $y, ", ymm14, ymm13\n",)*
                    "add {a}, 96\n add {b}, 128\n dec {n}\n jnz 2b\n",
                    $("vmovups [{c}], ymm", $x, "\n vmovups [{c} + 32], ymm", $y, "\n add {c}, {step}\n",)*
                ),
                a, b, pairs, c, step
            );
        }
    };
}
pair_256!(pair_256_6: 0 0 1, 1 2 3, 2 4 5, 3 6 7, 4 8 9, 5 10 11);
pair_256!(pair_256_1: 0 0 1);

/// One row: its number, then the registers of its even and its odd sums.
macro_rules! tile_256 {
    ($name:ident: $($r:literal $e:literal $f:literal $o:literal $p:literal),*) => {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $name(a: *const f32, b: *const f32, blocks: usize, c: *mut f32, step: usize) {
            ymm_block!(
                concat!(
                    "vbroadcastss ymm15, [{odd}]\n",
                    "2:\n",
                    $("vxorps ymm", $e, ", ymm", $e, ", ymm", $e, "\n vxorps ymm", $f, ", ymm", $f, ", ymm", $f, "\n",
                      "vxorps ymm", $o, ", ymm", $o, ", ymm", $o, "\n vxorps ymm", $p, ", ymm", $p, ", ymm", $p, "\n",)*
                    "mov {i:e}, 16\n",
                    "3:\n",
                    "vandps ymm12, ymm15, [{b}]\n vandps ymm13, ymm15, [{b} + 32]\n",
                    $("vbroadcastss ymm14, [{a} + 48 + 4*", $r, "]\n",
                      "vfmadd231ps ymm", $o, ", ymm14, ymm12\n vfmadd231ps ymm", $p, ", ymm14, ymm13\n",)*
                    "vmovups ymm12, [{b}]\n vmovups ymm13, [{b} + 32]\n",
                    "vpslld ymm12, ymm12, 16\n vpslld ymm13, ymm13, 16\n",
                    $("vbroadcastss ymm14, [{a} + 4*", $r, "]\n",
                      "vfmadd231ps ymm", $e, ", ymm14, ymm12\n vfmadd231ps ymm", $f, ", ymm14, ymm13\n",)*
                    "add {a}, 96\n add {b}, 128\n dec {i:e}\n jnz 3b\n",
                    "mov {t}, {c}\n",
                    $("vaddps ymm", $e, ", ymm", $e, ", ymm", $o, "\n vaddps ymm", $f, ", ymm", $f, ", ymm", $p, "\n",
                      "vaddps ymm", $e, ", ymm", $e, ", [{t}]\n vaddps ymm", $f, ", ymm", $f, ", [{t} + 32]\n",
                      "vmovups [{t}], ymm", $e, "\n vmovups [{t} + 32], ymm", $f, "\n add {t}, {step}\n",)*
                    "dec {n}\n jnz 2b\n",
                ),
                a, b, blocks, c, step
            );
        }
    };
}
tile_256!(tile_256_3: 0 0 1 2 3, 1 4 5 6 7, 2 8 9 10 11);
tile_256!(tile_256_1: 0 0 1 2 3);
