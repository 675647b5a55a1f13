//! Which kernel runs, and what all of them compute: one shard's chain of a strip of rows against a panel.

use super::activations::ROWS;
use super::format::QuantBits;
use super::portable;
use super::weight::PANEL;
use aquifer_tensor::Isa;

#[cfg(target_arch = "x86_64")]
use super::{avx2, vnni};

/// The sums of one strip and panel.
pub(super) type Tile = [[f32; PANEL]; ROWS];

/// One shard of a strip: where its quads, its scales and its groups begin.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    /// `[k / 4][rows][4]`.
    pub(super) quads: &'a [u8],
    /// Per group, `rows` scales (bits of f32) and `rows` offsets.
    pub(super) scales: &'a [i32],
    /// Blocks of each group.
    pub(super) groups: &'a [usize],
}

/// `tile[r][j] = Σ over groups, ascending, of (Σ q_x · q_w) · scale_x · scale_w`: the inner sum exact, then converted
/// (|sum| < 2²⁴), two multiplications and an addition, each rounded.
pub(super) type Run = unsafe fn(Left<'_>, *const u8, *mut Tile);

/// The kernel for strips of `rows` rows on this instruction set.
pub(super) fn of(bits: QuantBits, isa: Isa, rows: usize) -> Run {
    #[cfg(target_arch = "x86_64")]
    {
        if isa >= Isa::Avx512 && is_x86_feature_detected!("avx512vnni") {
            return vnni::of(bits, rows);
        }
        if isa >= Isa::Avx2 {
            return avx2::of(bits, rows);
        }
    }
    let _ = isa;
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
            const EIGHT: [super::kernel::Run; super::activations::ROWS] = copies!(false);
            const FOUR: [super::kernel::Run; super::activations::ROWS] = copies!(true);
            match bits {
                super::format::QuantBits::Int8 => EIGHT[rows - 1],
                super::format::QuantBits::Int4 => FOUR[rows - 1],
            }
        }
    };
}
pub(super) use by_rows;
