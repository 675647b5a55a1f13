//! One product as tasks: a block of rows against a range of panels, shard by shard, joined as it goes.

use super::kernel::{Kernel, MAX_ROWS};
use super::pack::{PANEL, Panels, Source, pack};
use super::store::{Region, finish};
use crate::Precision;
use aquifer_tensor::threads::{self, SendPtr};
use aquifer_tensor::{Isa, Tensor};
use std::ops::Range;

/// The most rows of a block: their packed form stays in L2 while panels pass by.
const BLOCK_ROWS: usize = 192;

/// Rows that are worth a pass over all panels, where smaller blocks keep every thread at work.
const MIN_BLOCK_ROWS: usize = 48;

/// Panels whose shard sums are held at once.
const BLOCK_PANELS: usize = 4;

/// Bytes of a panel read by all strips of a block before the next part: with a strip, they stay in L1.
const PART_BYTES: usize = 32 << 10;

/// `out = left · rightᵀ`, each of `chains` (in blocks) one chain, chain sums joined in a tree.
pub(super) struct Product<'a> {
    pub(super) left: &'a Source,
    pub(super) right: &'a Panels,
    /// Columns of `out`; the right side is padded to panels.
    pub(super) columns: usize,
    pub(super) chains: &'a [Range<usize>],
    pub(super) precision: Precision,
    pub(super) isa: Isa,
    pub(super) bias: Option<&'a [f32]>,
    /// The (only) chain starts from `out`.
    pub(super) go_on: bool,
    pub(super) out: SendPtr<f32>,
    /// From one row of `out` to the next.
    pub(super) stride: usize,
}

impl Product<'_> {
    /// Computes it, on as many threads as there are.
    pub(super) fn run(&self) {
        let kernel = Kernel::of(self.precision, self.isa);
        let strips = self.left.free.div_ceil(kernel.rows);
        let panels = self.columns.div_ceil(PANEL);
        if strips == 0 || panels == 0 {
            return;
        }
        let threads = threads::count();
        if self.left.free <= 2 * MIN_BLOCK_ROWS && threads > 1 && panels > 1 {
            // Few rows: pack them once, share out the columns.
            let packed = self.pack_left(&kernel, 0..strips);
            let pieces = panels.min(threads * if panels >= 16 * threads { 4 } else { 1 });
            threads::parallel_for(pieces, |i| {
                self.block(&kernel, 0..strips, &packed, i * panels / pieces..(i + 1) * panels / pieces);
            });
            return;
        }
        let fewest = strips.div_ceil(BLOCK_ROWS.div_ceil(kernel.rows));
        let most = strips.div_ceil(MIN_BLOCK_ROWS.div_ceil(kernel.rows));
        // Two blocks a thread, so that one held up by another process does not hold up the rest.
        let blocks = fewest.max(most.min(2 * threads)).next_multiple_of(threads).min(strips);
        threads::parallel_for(blocks, |i| {
            let rows = i * strips / blocks..(i + 1) * strips / blocks;
            let packed = self.pack_left(&kernel, rows.clone());
            self.block(&kernel, rows, &packed, 0..panels);
        });
    }

    fn strip_bytes(&self, kernel: &Kernel) -> usize {
        self.left.blocks.len() * kernel.layout.block_bytes(kernel.rows)
    }

    fn pack_left(&self, kernel: &Kernel, strips: Range<usize>) -> Tensor {
        let strip_bytes = self.strip_bytes(kernel);
        let mut packed = Tensor::recycled::<u8>([strips.len() * strip_bytes]);
        let part = Source {
            free: self.left.free.min(strips.end * kernel.rows) - strips.start * kernel.rows,
            ptr: self
                .left
                .ptr
                .wrapping_add(strips.start * kernel.rows * self.left.free_stride * self.left.dtype.size()),
            ..self.left.clone()
        };
        let out = packed.as_mut_slice::<u8>().as_mut_ptr();
        // SAFETY: the tensor has room for these strips, which start where the part does.
        unsafe { pack(&part, kernel.rows, kernel.layout, 0..strips.len(), 0..part.blocks.len(), out, self.isa) };
        packed
    }

    /// The outputs of `strips` (packed in `left`) and `panels`.
    fn block(&self, kernel: &Kernel, strips: Range<usize>, left: &Tensor, panels: Range<usize>) {
        let last = self.chains.len() - 1;
        let tile = kernel.rows * PANEL;
        // Partial sums wait on a stack whose height is the number of ones in the chain's index.
        let levels = (usize::BITS - last.leading_zeros()) as usize;
        let wide = if levels == 0 { panels.len() } else { panels.len().min(BLOCK_PANELS) };
        let level_len = if levels == 0 { 0 } else { wide * strips.len() * tile };
        let mut scratch = Tensor::recycled::<f32>([levels * level_len + strips.len() * tile]);
        let slots = scratch.as_f32_mut().as_mut_ptr();
        let work = slots.wrapping_add(levels * level_len);
        let (left, right) = (left.as_bytes().as_ptr(), self.right.ptr());
        let left_bytes = kernel.layout.block_bytes(kernel.rows);
        let strip_bytes = self.strip_bytes(kernel);
        let part = (PART_BYTES / self.right.block_bytes).max(1);

        for from in panels.clone().step_by(wide.max(1)) {
            let here = from..(from + wide).min(panels.end);
            for (index, chain) in self.chains.iter().enumerate() {
                let waiting = index.count_ones() as usize;
                let joins = if index == last { waiting } else { index.trailing_ones() as usize };
                for panel in here.clone() {
                    let slot = |level: usize, strip: usize| {
                        slots.wrapping_add(level * level_len + ((panel - from) * strips.len() + strip) * tile)
                    };
                    let region = |strip: usize| {
                        let row = (strips.start + strip) * kernel.rows;
                        Region {
                            ptr: self.out.get().wrapping_add(row * self.stride + panel * PANEL),
                            stride: self.stride,
                            rows: kernel.rows.min(self.left.free - row),
                            columns: PANEL.min(self.columns - panel * PANEL),
                        }
                    };
                    // A chain of one part is finished before the next strip begins, and all may use the same tile.
                    let tile_of = |strip: usize| work.wrapping_add(if chain.len() <= part { 0 } else { strip * tile });
                    // Where a chain's sum grows: in the output itself, in its slot, or in a tile to be finished.
                    let direct = |region: &Region| {
                        let whole = region.columns == PANEL && (region.rows == kernel.rows || kernel.exact_rows);
                        index == last && joins == 0 && whole && self.bias.is_none()
                    };
                    let home = |strip: usize, region: &Region| {
                        if direct(region) {
                            (region.ptr, region.stride)
                        } else if index != last && joins == 0 {
                            (slot(waiting, strip), PANEL)
                        } else {
                            (tile_of(strip), PANEL)
                        }
                    };
                    let end = |strip: usize| {
                        let region = region(strip);
                        if direct(&region) || (index != last && joins == 0) {
                            return;
                        }
                        let mut sums = [std::ptr::null::<f32>(); usize::BITS as usize];
                        for join in 0..joins {
                            sums[join] = slot(waiting - 1 - join, strip);
                        }
                        let bias = self.bias.map(|bias| &bias[panel * PANEL..panel * PANEL + region.columns]);
                        let target = if index == last {
                            region
                        } else {
                            let ptr = slot(waiting - joins, strip);
                            Region { ptr, stride: PANEL, rows: region.rows, columns: PANEL }
                        };
                        let bias = bias.filter(|_| index == last);
                        // SAFETY: tiles and slots hold `rows × 32` floats; the target is this task's own.
                        unsafe { finish(tile_of(strip), &sums[..joins], bias, &target, self.isa) };
                    };
                    let mut at = chain.start;
                    loop {
                        let blocks = part.min(chain.end - at);
                        for strip in 0..strips.len() {
                            let region = region(strip);
                            let (c, stride) = home(strip, &region);
                            let first = at == chain.start;
                            let a = left.wrapping_add(strip * strip_bytes + at * left_bytes);
                            let b = right.wrapping_add(panel * self.right.stride + at * self.right.block_bytes);
                            // SAFETY: strip, panel and home are inside their buffers; this task alone writes `c`.
                            unsafe {
                                if first && self.go_on && !direct(&region) {
                                    region.load(c);
                                }
                                (kernel.run)(a, b, blocks, c, stride, !first || self.go_on, region.rows);
                            }
                            if at + blocks >= chain.end {
                                end(strip);
                            }
                        }
                        at += blocks;
                        if at >= chain.end {
                            break;
                        }
                    }
                }
            }
        }
        debug_assert!(kernel.rows <= MAX_ROWS);
    }
}
