//! Which kernel runs, and what all of them compute: one shard's chain of a strip of rows against a panel.

use super::format::QuantBits;
use super::portable;
use super::weight::PANEL;
use aquifer_tensor::Isa;

#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, vnni};

/// The most rows of a strip.
pub(super) const MAX_ROWS: usize = 16;

/// Rows of a strip of quads; the last of a product may have fewer.
pub(super) const QUAD_ROWS: usize = 12;

/// The fewest rows of a product that matrix tiles take: with fewer, reading the weight is what takes the time, and the
/// vector kernel asks for it ahead. (From the instructions' stated rates; not measured.)
const TILED_ROWS: usize = 8;

/// The sums of one strip and panel.
pub(super) type Tile = [[f32; PANEL]; MAX_ROWS];

/// How the left side is laid out, which the kernel decides. `r` is the number of rows of a strip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Strips {
    /// Of 12 rows: `[k / 4][r][4]`.
    Quads,
    /// Of 16 rows: shard by shard, `[r][k of a shard]`, which is what matrix tiles load.
    Rows,
}

impl Strips {
    /// For a product of `rows` rows on this instruction set.
    pub(super) fn of(isa: Isa, rows: usize) -> Self {
        if isa == Isa::Amx && rows >= TILED_ROWS { Strips::Rows } else { Strips::Quads }
    }

    /// Rows of a strip.
    pub(super) fn height(self) -> usize {
        match self {
            Strips::Quads => QUAD_ROWS,
            Strips::Rows => MAX_ROWS,
        }
    }
}

/// One shard of a strip: where its quads, its scales and its groups begin.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    /// As [`Strips`] says.
    pub(super) quads: &'a [u8],
    /// Per group, `rows` scales (bits of f32) and `rows` offsets.
    pub(super) scales: &'a [i32],
    /// Blocks of each group.
    pub(super) groups: &'a [usize],
}

/// `tile[r][j] = Σ over groups, ascending, of (Σ q_x · q_w) · scale_x · scale_w`: the inner sum exact, then converted
/// (|sum| < 2²⁴), two multiplications and an addition, each rounded.
pub(super) type Run = unsafe fn(Left<'_>, *const u8, *mut Tile);

/// The kernel for strips of `rows` rows, laid out as `strips`, on this instruction set.
pub(super) fn of(bits: QuantBits, isa: Isa, strips: Strips, rows: usize) -> Run {
    #[cfg(target_arch = "x86_64")]
    {
        if strips == Strips::Rows {
            return amx::of(bits);
        }
        if isa >= Isa::Avx512 && is_x86_feature_detected!("avx512vnni") {
            return vnni::of(bits, rows);
        }
        if isa >= Isa::Avx2 {
            return avx2::of(bits, rows);
        }
    }
    let _ = (isa, strips);
    portable::of(bits, rows)
}

/// A table of one kernel's copies: by bits, then by rows.
macro_rules! by_rows {
    ($kernel:ident) => {
        pub(super) fn of(bits: super::format::QuantBits, rows: usize) -> super::kernel::Run {
            macro_rules! copies {
                ($four:literal) => {
                    [
                        $kernel::<1, $four>,
                        $kernel::<2, $four>,
                        $kernel::<3, $four>,
                        $kernel::<4, $four>,
                        $kernel::<5, $four>,
                        $kernel::<6, $four>,
                        $kernel::<7, $four>,
                        $kernel::<8, $four>,
                        $kernel::<9, $four>,
                        $kernel::<10, $four>,
                        $kernel::<11, $four>,
                        $kernel::<12, $four>,
                    ]
                };
            }
            const EIGHT: [super::kernel::Run; super::kernel::QUAD_ROWS] = copies!(false);
            const FOUR: [super::kernel::Run; super::kernel::QUAD_ROWS] = copies!(true);
            match bits {
                super::format::QuantBits::Int8 => EIGHT[rows - 1],
                super::format::QuantBits::Int4 => FOUR[rows - 1],
            }
        }
    };
}
pub(super) use by_rows;
