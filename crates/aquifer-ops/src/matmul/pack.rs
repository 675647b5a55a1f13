//! Laying operands out for the kernels.
//!
//! An operand is a matrix with a *free* axis (rows of the left side, columns of the right) and a *depth* axis,
//! along which products are summed. Packed, it is panels of a few free elements; a panel is one 32-deep block
//! after the other, zeros where the operand ends. Kernels then walk both sides linearly.

use super::exact::{Piece, narrow, round_bf16, widen};
use super::{check_weight, shard_count};
use crate::order::K_BLOCK;
use crate::{OpError, Precision, TokenChains};
use aquifer_tensor::{Bf16, DType, Isa, Tensor, View, isa, threads};
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::pack_avx512;

/// Columns of a panel of the right side.
pub(super) const PANEL: usize = 32;

/// How one 32-deep block of a panel lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    /// `[depth][free]`, f32 as they are.
    Floats,
    /// `[depth][free]`, f32 rounded to bf16.
    RoundedFloats,
    /// `[depth / 2][free][2]`, bf16.
    Pairs,
    /// `[free / 16][16 free][depth]`, bf16: rows of AMX tiles.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only AMX asks for it"))]
    Tiles,
}

impl Layout {
    /// The layout of the right side.
    pub(super) fn of_panels(precision: Precision) -> Self {
        if precision.order().is_some() { Layout::Pairs } else { Layout::Floats }
    }

    /// Bytes of one block of a panel `width` wide.
    pub(super) fn block_bytes(self, width: usize) -> usize {
        match self {
            Layout::Floats | Layout::RoundedFloats => width * K_BLOCK * 4,
            Layout::Pairs | Layout::Tiles => width * K_BLOCK * 2,
        }
    }
}

/// An operand before packing.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) ptr: *const u8,
    pub(super) dtype: DType,
    pub(super) free: usize,
    pub(super) free_stride: usize,
    pub(super) depth_stride: usize,
    /// Where each block starts along the depth axis, and how many of its 32 are there.
    pub(super) blocks: Vec<(usize, usize)>,
}

// SAFETY: a source is a shared borrow of plain data, and lives only inside the operator's call.
unsafe impl Sync for Source {}
// SAFETY: as above.
unsafe impl Send for Source {}

impl Source {
    /// The operand whose depth is axis `depth` of a matrix, cut into `blocks`.
    pub(super) fn new(view: &View, depth: usize, blocks: Vec<(usize, usize)>) -> Self {
        let ptr = match view.dtype() {
            DType::F32 => view.ptr::<f32>().cast(),
            _ => view.ptr::<Bf16>().cast(),
        };
        Source {
            ptr,
            dtype: view.dtype(),
            free: view.shape()[1 - depth],
            free_stride: view.strides()[1 - depth],
            depth_stride: view.strides()[depth],
            blocks,
        }
    }

    /// The element at (`free`, `depth`), widened.
    ///
    /// # Safety
    /// Both lie inside the operand.
    pub(super) unsafe fn at(&self, free: usize, depth: usize) -> f32 {
        let offset = free * self.free_stride + depth * self.depth_stride;
        match self.dtype {
            // SAFETY: in bounds by the caller's word.
            DType::F32 => unsafe { *self.ptr.cast::<f32>().add(offset) },
            // SAFETY: as above.
            _ => unsafe { (*self.ptr.cast::<Bf16>().add(offset)).to_f32() },
        }
    }
}

/// The blocks of one chain. The passes of a split rung are made run by run: a shard is one run, a lane has one for
/// each grain, so that cutting it into micro-batches changes nothing.
pub(super) struct Chain(Vec<Range<usize>>);

impl Chain {
    /// The chain whose runs follow each other.
    pub(super) fn new(runs: Vec<Range<usize>>) -> Self {
        debug_assert!(runs.windows(2).all(|pair| pair[0].end == pair[1].start));
        Chain(runs)
    }

    /// Its runs in order, or all of it as one where there is a single pass.
    pub(super) fn runs(&self, split: bool) -> impl Iterator<Item = Range<usize>> {
        let whole = self.0.first().zip(self.0.last()).map(|(first, last)| first.start..last.end);
        self.0.iter().filter(move |_| split).cloned().chain(whole.filter(|_| !split))
    }
}

/// Blocks of an unbroken depth of `k`.
pub(super) fn whole_blocks(k: usize) -> Vec<(usize, usize)> {
    (0..k).step_by(K_BLOCK).map(|at| (at, K_BLOCK.min(k - at))).collect()
}

/// Blocks of tokens, and which of them each lane owns: every grain starts a fresh one.
pub(super) fn token_blocks(chains: &TokenChains) -> (Vec<(usize, usize)>, Vec<Chain>) {
    let mut blocks = Vec::new();
    let lanes = chains.lanes.iter().map(|lane| {
        let grains = chains.grains(lane).map(|grain| {
            let start = blocks.len();
            blocks.extend(whole_blocks(grain.len()).into_iter().map(|(at, len)| (grain.start + at, len)));
            start..blocks.len()
        });
        Chain::new(grains.collect())
    });
    let lanes = lanes.collect();
    (blocks, lanes)
}

/// Packs panels `panels` of blocks `blocks` of `source`, a panel one piece after the other; `out` is where panel 0,
/// block 0 would lie.
///
/// # Safety
/// `out` leaves room for the whole packed operand from panel `panels.start` on, and nobody else touches the
/// blocks written.
pub(super) unsafe fn pack(
    source: &Source,
    width: usize,
    layout: Layout,
    pieces: &[Piece],
    panels: Range<usize>,
    blocks: Range<usize>,
    out: *mut u8,
    isa: Isa,
) {
    let block_bytes = layout.block_bytes(width);
    let piece_bytes = source.blocks.len() * block_bytes;
    let pack_block = block_packer(isa);
    let one = |panel: usize, block: usize| {
        for (nth, &piece) in pieces.iter().enumerate() {
            // SAFETY: the room is promised by the caller; free elements and depths are inside the operand.
            unsafe {
                let at = out.add((panel * pieces.len() + nth) * piece_bytes + block * block_bytes);
                let free = panel * width..((panel + 1) * width).min(source.free);
                pack_block(source, width, layout, piece, free, block, at);
            }
        }
    };
    // Read along memory, write in as many streams as there are panels: few enough that the next block's rows,
    // fetched ahead, still lie in L2 when they are wanted.
    if source.free_stride == 1 && source.depth_stride != 1 {
        let group = (1024 / width).max(1);
        for from in panels.clone().step_by(group) {
            for block in blocks.clone() {
                (from..(from + group).min(panels.end)).for_each(|panel| one(panel, block));
            }
        }
    } else {
        panels.for_each(|panel| blocks.clone().for_each(|block| one(panel, block)));
    }
}

/// Packs one piece of one block of one panel: `(source, width, layout, piece, free, block, out)`.
type PackBlock = unsafe fn(&Source, usize, Layout, Piece, Range<usize>, usize, *mut u8);

fn block_packer(isa: Isa) -> PackBlock {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 | Isa::Amx if Isa::Avx512Bf16.available() => pack_avx512::native,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => pack_avx512::plain,
        _ => plain,
    }
}

/// One block of one panel, element by element.
///
/// # Safety
/// `free` and the block lie inside the operand; `out` has room for the block.
pub(super) unsafe fn plain(
    source: &Source,
    width: usize,
    layout: Layout,
    piece: Piece,
    free: Range<usize>,
    block: usize,
    out: *mut u8,
) {
    let (start, len) = source.blocks[block];
    for depth in 0..K_BLOCK {
        for lane in 0..width {
            let inside = depth < len && free.start + lane < free.end;
            // SAFETY: tested just now.
            let x = if inside { piece.of(unsafe { source.at(free.start + lane, start + depth) }) } else { 0.0 };
            // What is bf16 already goes as it is: kernels read subnormals as zeros.
            let round = if source.dtype == DType::Bf16 && piece == Piece::Whole { narrow } else { round_bf16 };
            // SAFETY: `out` has room for one block of this layout.
            unsafe {
                match layout {
                    Layout::Floats => *out.cast::<f32>().add(depth * width + lane) = x,
                    Layout::RoundedFloats => *out.cast::<f32>().add(depth * width + lane) = widen(round(x)),
                    Layout::Pairs => {
                        *out.cast::<u16>().add((depth / 2 * width + lane) * 2 + depth % 2) = round(x);
                    }
                    Layout::Tiles => *out.cast::<u16>().add(lane * K_BLOCK + depth) = round(x),
                }
            }
        }
    }
}

/// The right side of a product, packed.
#[derive(Clone, Debug)]
pub(super) struct Panels {
    data: Tensor,
    /// Bytes from one panel to the next.
    pub(super) stride: usize,
    /// Bytes from one piece of a panel to the next.
    piece_stride: usize,
    pub(super) block_bytes: usize,
}

impl Panels {
    pub(super) fn new(free: usize, blocks: usize, precision: Precision) -> Self {
        let block_bytes = Layout::of_panels(precision).block_bytes(PANEL);
        let piece_stride = blocks * block_bytes;
        let stride = Piece::all(precision).len() * piece_stride;
        Panels { data: Tensor::recycled::<u8>([free.div_ceil(PANEL) * stride]), stride, piece_stride, block_bytes }
    }

    /// Where block `block` of piece `piece` lies in a panel.
    pub(super) fn offset(&self, piece: usize, block: usize) -> usize {
        piece * self.piece_stride + block * self.block_bytes
    }

    pub(super) fn ptr(&self) -> *const u8 {
        self.data.as_bytes().as_ptr()
    }

    pub(super) fn bytes(&self) -> usize {
        self.data.numel()
    }

    /// Packs the whole operand, in parallel.
    pub(super) fn fill(&mut self, source: &Source, precision: Precision, isa: Isa) {
        let layout = Layout::of_panels(precision);
        let (panels, blocks) = (source.free.div_ceil(PANEL), source.blocks.len());
        let out = threads::SendPtr(self.data.as_mut_slice::<u8>().as_mut_ptr());
        let pieces = (panels * blocks).div_ceil(64).clamp(1, 4 * threads::count());
        // Cut across the axis that memory does not run along, so that each piece reads long runs.
        let along_free = source.free_stride == 1 && source.depth_stride != 1;
        let pieces = pieces.min(if along_free { blocks } else { panels });
        threads::parallel_for(pieces, |i| {
            let cut = |n: usize| i * n / pieces..(i + 1) * n / pieces;
            let (p, b) = if along_free { (0..panels, cut(blocks)) } else { (cut(panels), 0..blocks) };
            // SAFETY: pieces are disjoint, and `new` made room for all of them.
            unsafe { pack(source, PANEL, layout, Piece::all(precision), p, b, out.get(), isa) };
        });
    }
}

/// A weight `W [n, k]` laid out as the right-hand side of `x · Wᵀ`: the same bytes for every instruction set.
#[derive(Clone, Debug)]
pub struct PackedWeight {
    n: usize,
    k: usize,
    shards: usize,
    precision: Precision,
    panels: Panels,
}

impl PackedWeight {
    /// Packs `w`: `[n, k]`, f32 or bf16, any strides (so that a transpose costs nothing extra). `min_shard` is
    /// the model's shortest shard, by default [`MIN_SHARD`](crate::order::MIN_SHARD).
    ///
    /// # Errors
    /// [`OpError`] if `w` has not two axes or is not of floats.
    pub fn new(w: &View, min_shard: usize, precision: Precision) -> Result<Self, OpError> {
        PackedWeight::with_shards(w, shard_count(w.shape().get(1).copied().unwrap_or(0), min_shard), precision)
    }

    /// Packs `w`, its columns in so many equal shards.
    pub(super) fn with_shards(w: &View, shards: usize, precision: Precision) -> Result<Self, OpError> {
        check_weight(w, None)?;
        let (n, k) = (w.shape()[0], w.shape()[1]);
        let panels = Panels::new(n, k.div_ceil(K_BLOCK), precision);
        let mut packed = PackedWeight { n, k, shards, precision, panels };
        packed.repack(w)?;
        Ok(packed)
    }

    /// Packs new values of the same weight into the same memory.
    ///
    /// # Errors
    /// [`OpError`] if `w` differs in shape or is not of floats.
    pub fn repack(&mut self, w: &View) -> Result<(), OpError> {
        check_weight(w, Some((self.n, self.k)))?;
        let source = Source::new(w, 1, whole_blocks(self.k));
        self.panels.fill(&source, self.precision, isa::active());
        Ok(())
    }

    /// Rows of the weight: outputs of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns of the weight: inputs of the product.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How operands are rounded and sums ordered.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Memory held by the packed form.
    pub fn bytes(&self) -> usize {
        self.panels.bytes()
    }

    /// Equal cuts of k, each one chain.
    pub fn shards(&self) -> usize {
        self.shards
    }

    pub(super) fn panels(&self) -> &Panels {
        &self.panels
    }

    /// The blocks of each shard.
    pub(super) fn chains(&self) -> Vec<Chain> {
        let each = self.k.div_ceil(K_BLOCK) / self.shards;
        (0..self.shards).map(|s| Chain::new(vec![s * each..(s + 1) * each])).collect()
    }
}
