//! Packing one block of a panel with AVX-512: rounding, pairing and transposing in registers.

use super::exact::{LARGEST_BF16, Piece};
use super::pack::{Layout, Source};
use super::store::expect_write;
use aquifer_tensor::DType;
use std::arch::x86_64::*;
use std::ops::Range;

/// The piece of sixteen elements from element `at` on, in f32; zeros where `mask` has none.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load<const HALF: bool, const SPLIT: bool>(base: *const u8, at: usize, mask: u16, piece: Piece) -> __m512 {
    // SAFETY: masked lanes are not touched; the caller's mask covers only elements of the operand.
    let x = unsafe {
        if HALF {
            let half = _mm256_maskz_loadu_epi16(mask, base.cast::<i16>().wrapping_add(at));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)))
        } else {
            _mm512_maskz_loadu_ps(mask, base.cast::<f32>().wrapping_add(at))
        }
    };
    if SPLIT { piece_of(piece, x) } else { x }
}

/// The first `n` of sixteen.
fn first(n: usize) -> u16 {
    if n >= 16 { 0xFFFF } else { (1 << n) - 1 }
}

/// Rounds to bf16 in the upper half of each lane; the lower half is left over. Subnormals stay.
#[inline]
#[target_feature(enable = "avx512f")]
fn narrow_high(x: __m512) -> __m512i {
    let bits = _mm512_castps_si512(x);
    let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
    let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
    _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x40_0000))
}

/// [`narrow`](super::exact::narrow) in the lower half of each lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn narrow(x: __m512) -> __m512i {
    _mm512_srli_epi32::<16>(narrow_high(x))
}

/// [`round_bf16`](super::exact::round_bf16) in the upper half of each lane; the lower half is left over.
#[inline]
#[target_feature(enable = "avx512f")]
fn round_high(x: __m512) -> __m512i {
    let bits = _mm512_castps_si512(x);
    let no_exponent = _mm512_testn_epi32_mask(bits, _mm512_set1_epi32(0x7F80_0000));
    _mm512_mask_and_epi32(narrow_high(x), no_exponent, bits, _mm512_set1_epi32(i32::MIN))
}

/// [`round_bf16`](super::exact::round_bf16) in the lower half of each lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn round(x: __m512) -> __m512i {
    _mm512_srli_epi32::<16>(round_high(x))
}

/// The upper half of each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn upper(x: __m512i) -> __m512i {
    _mm512_and_si512(x, _mm512_set1_epi32(0xFFFF_0000_u32 as i32))
}

/// [`Piece::of`].
#[inline]
#[target_feature(enable = "avx512f")]
fn piece_of(piece: Piece, x: __m512) -> __m512 {
    let rest = |x: __m512, taken: __m512| _mm512_sub_ps(x, _mm512_castsi512_ps(upper(round_high(taken))));
    let first = || {
        let (bits, size) = (_mm512_castps_si512(x), _mm512_abs_ps(x));
        let beyond = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(size, _mm512_set1_ps(LARGEST_BF16));
        let clamped = _mm512_mask_cmp_ps_mask::<_CMP_LT_OQ>(beyond, size, _mm512_set1_ps(f32::INFINITY));
        // Towards zero, the largest bf16 is the next.
        _mm512_castsi512_ps(_mm512_mask_mov_epi32(bits, clamped, upper(bits)))
    };
    match piece {
        Piece::Whole => x,
        Piece::First => first(),
        Piece::Second => rest(x, first()),
        Piece::Third => {
            let left = rest(x, first());
            rest(left, left)
        }
    }
}

/// Sixteen pairs from their even and their odd members.
#[inline]
#[target_feature(enable = "avx512f")]
fn pair_plain(even: __m512, odd: __m512) -> __m512i {
    let upper = _mm512_set1_epi32(0xFFFF_0000_u32 as i32);
    let low = _mm512_srli_epi32::<16>(round_high(even));
    // low | (odd & upper)
    _mm512_ternarylogic_epi32::<0xF8>(low, round_high(odd), upper)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pair_native(even: __m512, odd: __m512) -> __m512i {
    // SAFETY: the same 512 bits under another name.
    let halves: __m512i = unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(odd, even)) };
    let low = _mm512_set_epi64(
        0x1F_000F_001E_000E,
        0x1D_000D_001C_000C,
        0x1B_000B_001A_000A,
        0x19_0009_0018_0008,
        0x17_0007_0016_0006,
        0x15_0005_0014_0004,
        0x13_0003_0012_0002,
        0x11_0001_0010_0000,
    );
    _mm512_permutexvar_epi16(low, halves)
}

/// Sixteen pairs from 32 consecutive elements.
#[inline]
#[target_feature(enable = "avx512f")]
fn run_plain(low: __m512, high: __m512) -> __m512i {
    let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    pair_plain(_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn run_native(low: __m512, high: __m512) -> __m512i {
    // SAFETY: the same 512 bits under another name.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) }
}

/// `rows[i][j]` becomes `rows[j][i]`.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
    let mut a = rows;
    for i in 0..8 {
        a[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut b = a;
    for i in 0..4 {
        b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    // b[4 g + c], 128-bit lane l: column 4 l + c of rows 4 g .. 4 g + 4.
    let mut out = b;
    for c in 0..4 {
        let low = _mm512_shuffle_i32x4::<0x88>(b[c], b[4 + c]);
        let high = _mm512_shuffle_i32x4::<0xDD>(b[c], b[4 + c]);
        let low_2 = _mm512_shuffle_i32x4::<0x88>(b[8 + c], b[12 + c]);
        let high_2 = _mm512_shuffle_i32x4::<0xDD>(b[8 + c], b[12 + c]);
        out[c] = _mm512_shuffle_i32x4::<0x88>(low, low_2);
        out[8 + c] = _mm512_shuffle_i32x4::<0xDD>(low, low_2);
        out[4 + c] = _mm512_shuffle_i32x4::<0x88>(high, high_2);
        out[12 + c] = _mm512_shuffle_i32x4::<0xDD>(high, high_2);
    }
    out
}

/// How far ahead of the block being packed its rows are fetched, in elements.
const AHEAD: usize = 128;

macro_rules! packer {
    ($name:ident, $along_free:ident, $along_depth:ident, $features:literal, $pair:ident, $run:ident) => {
        /// One block of one panel. Whichever axis is contiguous is the one loaded along.
        ///
        /// # Safety
        /// The CPU has the features; `free` and the block lie inside the operand; `out` has room for the block.
        pub(super) unsafe fn $name(
            source: &Source,
            width: usize,
            layout: Layout,
            piece: Piece,
            free: Range<usize>,
            block: usize,
            out: *mut u8,
        ) {
            let out = out.cast::<i32>();
            let (half, split) = (source.dtype == DType::Bf16, piece != Piece::Whole);
            let pack = match (source.free_stride == 1, source.depth_stride == 1, half, split) {
                (_, true, false, false) => $along_depth::<false, false>,
                (_, true, false, true) => $along_depth::<false, true>,
                (_, true, true, false) => $along_depth::<true, false>,
                (_, true, true, true) => $along_depth::<true, true>,
                (true, _, false, false) => $along_free::<false, false>,
                (true, _, false, true) => $along_free::<false, true>,
                (true, _, true, false) => $along_free::<true, false>,
                (true, _, true, true) => $along_free::<true, true>,
                // SAFETY: the caller's word.
                _ => return unsafe { super::pack::plain(source, width, layout, piece, free, block, out.cast()) },
            };
            // Where the next block of the same panel will go.
            let bytes = layout.block_bytes(width);
            expect_write(out.cast::<u8>().wrapping_add(bytes), bytes);
            // SAFETY: the caller's word.
            unsafe { pack(source, width, layout, piece, free, block, out) };
        }

        #[target_feature(enable = $features)]
        unsafe fn $along_free<const HALF: bool, const SPLIT: bool>(
            source: &Source,
            width: usize,
            layout: Layout,
            piece: Piece,
            free: Range<usize>,
            block: usize,
            out: *mut i32,
        ) {
            let (start, len) = source.blocks[block];
            for group in (0..width).step_by(16) {
                let lanes = (width - group).min(16);
                let (inside, store) = (first(free.len().saturating_sub(group).min(lanes)), first(lanes));
                let base = free.start + group + start * source.depth_stride;
                macro_rules! row {
                    ($depth:expr) => {{
                        let depth = $depth;
                        let mask = if depth < len { inside } else { 0 };
                        load::<HALF, SPLIT>(source.ptr, base + depth * source.depth_stride, mask, piece)
                    }};
                }
                // Pair `p` of sixteen lanes. What is bf16 already goes as it is: kernels read subnormals as zeros.
                macro_rules! pair {
                    ($p:expr) => {{
                        let p = $p;
                        if HALF && !SPLIT {
                            let (even, odd) = (row!(2 * p), row!(2 * p + 1));
                            let low = _mm512_srli_epi32::<16>(_mm512_castps_si512(even));
                            _mm512_or_si512(low, _mm512_castps_si512(odd))
                        } else {
                            $pair(row!(2 * p), row!(2 * p + 1))
                        }
                    }};
                }
                // SAFETY: masks keep to the operand, stores to the block; tiles come in whole groups; a prefetch of
                // any address is harmless.
                unsafe {
                    // The next block's rows: they lie far apart, and no hardware guesses them.
                    for depth in 32..64 {
                        let at = base + depth * source.depth_stride;
                        _mm_prefetch::<_MM_HINT_T1>(source.ptr.wrapping_add(at * source.dtype.size()).cast());
                    }
                    match layout {
                        Layout::Floats => {
                            for depth in 0..32 {
                                let x = row!(depth);
                                _mm512_mask_storeu_ps(out.add(depth * width + group).cast(), store, x);
                            }
                        }
                        Layout::RoundedFloats => {
                            for depth in 0..32 {
                                let x = upper(round_high(row!(depth)));
                                _mm512_mask_storeu_epi32(out.add(depth * width + group), store, x);
                            }
                        }
                        Layout::Pairs => {
                            for p in 0..16 {
                                _mm512_mask_storeu_epi32(out.add(p * width + group), store, pair!(p));
                            }
                        }
                        Layout::Tiles => {
                            let mut pairs = [_mm512_setzero_si512(); 16];
                            for p in 0..16 {
                                pairs[p] = pair!(p);
                            }
                            let lanes = transpose(pairs);
                            for lane in 0..16 {
                                _mm512_storeu_epi32(out.add((group + lane) * 16), lanes[lane]);
                            }
                        }
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        unsafe fn $along_depth<const HALF: bool, const SPLIT: bool>(
            source: &Source,
            width: usize,
            layout: Layout,
            piece: Piece,
            free: Range<usize>,
            block: usize,
            out: *mut i32,
        ) {
            let (start, len) = source.blocks[block];
            let (low, high) = (first(len), first(len.saturating_sub(16)));
            for group in (0..width).step_by(16) {
                let lanes = (width - group).min(16);
                let (here, store) = (free.len().saturating_sub(group).min(lanes), first(lanes));
                let base = (free.start + group) * source.free_stride + start;
                // Sixteen consecutive depths of one free element that is there: a load of nothing from a page that is not
                // is no fault, but takes as long as one, and made a product of one row a third slower.
                macro_rules! run {
                    ($lane:expr, $depth:expr, $mask:expr) => {
                        load::<HALF, SPLIT>(source.ptr, base + $lane * source.free_stride + $depth, $mask, piece)
                    };
                }
                // SAFETY: masks keep to the operand, stores to the block; tiles come in whole groups; a prefetch
                // of any address is harmless.
                unsafe {
                    if layout == Layout::Floats || layout == Layout::RoundedFloats {
                        for (depth, mask) in [(0, low), (16, high)] {
                            let mut rows = [_mm512_setzero_si512(); 16];
                            for lane in 0..16 {
                                if lane < here {
                                    rows[lane] = _mm512_castps_si512(run!(lane, depth, mask));
                                }
                            }
                            if layout == Layout::RoundedFloats {
                                for lane in 0..16 {
                                    rows[lane] = upper(round_high(_mm512_castsi512_ps(rows[lane])));
                                }
                            }
                            let columns = transpose(rows);
                            for i in 0..16 {
                                _mm512_mask_storeu_epi32(out.add((depth + i) * width + group), store, columns[i]);
                            }
                        }
                        continue;
                    }
                    let mut rows = [_mm512_setzero_si512(); 16];
                    for lane in 0..16 {
                        if lane >= here {
                            continue;
                        }
                        let at = base + lane * source.free_stride;
                        let ahead = source.ptr.wrapping_add((at + AHEAD) * source.dtype.size());
                        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                        rows[lane] = if HALF && !SPLIT {
                            let mask = u32::from(low) | u32::from(high) << 16;
                            _mm512_maskz_loadu_epi16(mask, source.ptr.cast::<i16>().wrapping_add(at))
                        } else {
                            _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64).cast());
                            $run(run!(lane, 0, low), run!(lane, 16, high))
                        };
                    }
                    if layout == Layout::Tiles {
                        for lane in 0..16 {
                            _mm512_storeu_epi32(out.add((group + lane) * 16), rows[lane]);
                        }
                        continue;
                    }
                    let pairs = transpose(rows);
                    for p in 0..16 {
                        _mm512_mask_storeu_epi32(out.add(p * width + group), store, pairs[p]);
                    }
                }
            }
        }
    };
}

packer!(plain, free_plain, depth_plain, "avx512f,avx512bw,avx512dq,avx512vl", pair_plain, run_plain);
packer!(native, free_native, depth_native, "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16", pair_native, run_native);
