//! Which kernel runs: a strip of rows against one panel of 32 columns, along part of a chain.

use super::pack::Layout;
use super::portable;
use crate::{Bf16Order, Precision};
use aquifer_tensor::Isa;

#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512, flushed};

/// What a kernel is called with: `c[0..rows][0..32]` takes `blocks` blocks of the strip at `a` and of the panel at
/// `b`.
pub(super) struct Call {
    pub(super) a: *const u8,
    pub(super) b: *const u8,
    pub(super) blocks: usize,
    pub(super) c: *mut f32,
    /// Elements from one row of `c` to the next.
    pub(super) ldc: usize,
    /// Start from what `c` holds, not from zero.
    pub(super) go_on: bool,
    pub(super) rows: usize,
    /// Memory that later calls will read: the call may fetch as much of it as it reads of `b`, and need not. Null
    /// where this call alone reads its part of a panel, and the next part lies behind it.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "the portable kernels fetch nothing ahead"))]
    pub(super) next: *const u8,
}

/// # Safety
/// The strip and the panel hold as many blocks; `c` has the rows asked for, or all of a strip's where the kernel
/// does not keep to them.
pub(super) type Run = unsafe fn(&Call);

/// The most rows any kernel takes at once.
pub(super) const MAX_ROWS: usize = 32;

/// A kernel and what it wants to be fed with.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    /// Rows of a strip.
    pub(super) rows: usize,
    /// Layout of the left side.
    pub(super) layout: Layout,
    /// Whether it writes no more than the rows asked for.
    pub(super) exact_rows: bool,
    pub(super) run: Run,
}

impl Kernel {
    /// The kernel of this precision on this instruction set, which the machine must have.
    pub(super) fn of(precision: Precision, isa: Isa) -> Self {
        use Bf16Order::{Pair, Tile};
        let kernel = |rows, layout, exact_rows, run| Kernel { rows, layout, exact_rows, run };
        match (precision.order(), isa) {
            #[cfg(target_arch = "x86_64")]
            (None, Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx) => kernel(12, Layout::Floats, true, avx512::f32_chain),
            #[cfg(target_arch = "x86_64")]
            (None, Isa::Avx2) => kernel(12, Layout::Floats, true, avx2::f32_chain),
            #[cfg(target_arch = "x86_64")]
            (Some(Pair), Isa::Avx512Bf16 | Isa::Amx) if Isa::Avx512Bf16.available() => {
                kernel(12, Layout::Pairs, true, avx512::pair_native)
            }
            #[cfg(target_arch = "x86_64")]
            (Some(Tile), Isa::Amx) => kernel(32, Layout::Tiles, false, amx::tile_native),
            #[cfg(target_arch = "x86_64")]
            (Some(Pair), Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx) => {
                kernel(12, Layout::RoundedFloats, false, flushed::pair_avx512)
            }
            #[cfg(target_arch = "x86_64")]
            (Some(Tile), Isa::Avx512 | Isa::Avx512Bf16) => {
                kernel(12, Layout::RoundedFloats, false, flushed::tile_avx512)
            }
            #[cfg(target_arch = "x86_64")]
            (Some(Pair), Isa::Avx2) => kernel(12, Layout::RoundedFloats, false, flushed::pair_avx2),
            #[cfg(target_arch = "x86_64")]
            (Some(Tile), Isa::Avx2) => kernel(12, Layout::RoundedFloats, false, flushed::tile_avx2),
            (None, _) => kernel(4, Layout::Floats, true, portable::f32_chain),
            (Some(Pair), _) => kernel(4, Layout::RoundedFloats, true, portable::pair),
            (Some(Tile), _) => kernel(4, Layout::RoundedFloats, true, portable::tile),
        }
    }
}
