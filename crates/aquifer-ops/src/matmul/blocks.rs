//! One product as tasks: a block of rows against a range of panels, shard by shard, joined as it goes.

use super::epilogue::Ending;
use super::exact::Piece;
use super::kernel::{Call, Kernel, MAX_ROWS};
use super::pack::{Chain, PANEL, Panels, Source, pack};
use super::store::{Region, finish, join};
use crate::Precision;
use aquifer_tensor::memory::ALIGN;
use aquifer_tensor::threads::{self, SendPtr};
use aquifer_tensor::{Bf16, DType, Isa, Tensor, ViewMut};
use std::ops::Range;

/// The most rows of a block: their packed form stays in L2 while panels pass by.
const BLOCK_ROWS: usize = 192;

/// Rows that are worth a pass over all panels, where smaller blocks keep every thread at work.
const MIN_BLOCK_ROWS: usize = 48;

/// Panels whose shard sums are held at once.
const BLOCK_PANELS: usize = 4;

/// Bytes of a panel read by all strips of a block before the next part: with a strip, they stay in L1.
const PART_BYTES: usize = 32 << 10;

/// `out = left · rightᵀ` for each of `parts`, each of `chains` one chain, chain sums joined in a tree.
pub(super) struct Product<'a> {
    pub(super) left: &'a Source,
    /// Whose right sides are as deep as the left one.
    pub(super) parts: &'a [Part<'a>],
    pub(super) chains: &'a [Chain],
    pub(super) precision: Precision,
    pub(super) isa: Isa,
    /// The (only) chain starts from `out`, which is f32.
    pub(super) go_on: bool,
}

/// One right side of a product, and what becomes of it. Where two parts are equally wide, the sums of a row and column
/// are finished by the same task, those of the earlier part first.
pub(super) struct Part<'a> {
    pub(super) right: &'a Panels,
    /// Columns of `out`; the right side is padded to panels.
    pub(super) columns: usize,
    pub(super) ending: Ending<'a>,
    pub(super) out: Output,
}

impl Part<'_> {
    fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }
}

/// Where a product goes.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub(super) ptr: SendPtr<u8>,
    /// f32 or bf16.
    pub(super) dtype: DType,
    /// Elements from one row to the next.
    pub(super) stride: usize,
}

impl Output {
    /// The matrix behind `view`, of f32 or bf16.
    pub(super) fn new(view: &mut ViewMut) -> Self {
        let (dtype, stride) = (view.dtype(), view.strides()[0]);
        let ptr = if dtype == DType::F32 { view.ptr::<f32>().cast() } else { view.ptr::<Bf16>().cast() };
        Output { ptr: SendPtr(ptr), dtype, stride }
    }
}

/// One call of a kernel: so many blocks from these bytes of a strip and of a panel on.
#[derive(Clone, Copy)]
struct Step {
    left: usize,
    right: usize,
    blocks: usize,
}

/// The working memory of a block: so many levels of partial sums of `level_len` floats, for `wide` panels at once, and
/// one tile a strip.
struct Scratch {
    levels: usize,
    level_len: usize,
    wide: usize,
    bytes: usize,
}

impl Product<'_> {
    /// Computes it, on as many threads as there are.
    pub(super) fn run(&self) {
        let kernel = Kernel::of(self.precision, self.isa);
        let strips = self.left.free.div_ceil(kernel.rows);
        let panels: usize = self.parts.iter().map(Part::panels).sum();
        if strips == 0 || panels == 0 {
            return;
        }
        let steps: Vec<Vec<Step>> = self.chains.iter().map(|chain| self.steps(&kernel, chain)).collect();
        let threads = threads::count();
        if self.left.free <= 2 * MIN_BLOCK_ROWS && threads > 1 && panels > 1 {
            // Few rows: pack them once, share out the columns.
            let mut held = Tensor::recycled::<u8>([strips * self.strip_bytes(&kernel)]);
            let packed = SendPtr(held.as_mut_slice::<u8>().as_mut_ptr());
            threads::parallel_for(1, |_| self.pack_left(&kernel, 0..strips, packed.get()));
            let pieces = panels.min(threads * if panels >= 16 * threads { 4 } else { 1 });
            let scratch = self.scratch(&kernel, &steps, strips, panels.div_ceil(pieces)).bytes;
            threads::parallel_for_with(pieces, scratch, |i, scratch| {
                for part in self.parts {
                    let cut = i * part.panels() / pieces..(i + 1) * part.panels() / pieces;
                    self.block(part, &kernel, &steps, 0..strips, packed.get(), cut, scratch);
                }
            });
            return;
        }
        let fewest = strips.div_ceil(BLOCK_ROWS.div_ceil(kernel.rows));
        let most = strips.div_ceil(MIN_BLOCK_ROWS.div_ceil(kernel.rows));
        // Two blocks a thread, so that one held up by another process does not hold up the rest.
        let blocks = fewest.max(most.min(2 * threads)).next_multiple_of(threads).min(strips);
        let widest = strips.div_ceil(blocks);
        let packed_bytes = (widest * self.strip_bytes(&kernel)).next_multiple_of(ALIGN);
        let scratch = self.scratch(&kernel, &steps, widest, panels).bytes;
        threads::parallel_for_with(blocks, packed_bytes + scratch, |i, packed| {
            let rows = i * strips / blocks..(i + 1) * strips / blocks;
            self.pack_left(&kernel, rows.clone(), packed);
            for part in self.parts {
                let scratch = packed.wrapping_add(packed_bytes);
                self.block(part, &kernel, &steps, rows.clone(), packed, 0..part.panels(), scratch);
            }
        });
    }

    /// The kernel calls of a chain, in its order: run by run, pass by pass, ascending.
    fn steps(&self, kernel: &Kernel, chain: &Chain) -> Vec<Step> {
        let passes = self.precision.passes();
        let right = self.parts[0].right; // As all of them.
        let most = (PART_BYTES / right.block_bytes).max(1);
        let left_block = kernel.layout.block_bytes(kernel.rows);
        let left_piece = self.left.blocks.len() * left_block;
        let mut steps = Vec::new();
        for run in chain.runs(passes.len() > 1) {
            let parts = run.len().div_ceil(most).max(1);
            let part = run.len().div_ceil(parts).max(1);
            for &(a, b) in passes {
                for at in run.clone().step_by(part) {
                    let blocks = part.min(run.end - at);
                    let left = a * left_piece + at * left_block;
                    steps.push(Step { left, right: right.offset(b, at), blocks });
                }
            }
        }
        if steps.is_empty() {
            steps.push(Step { left: 0, right: 0, blocks: 0 });
        }
        steps
    }

    fn strip_bytes(&self, kernel: &Kernel) -> usize {
        Piece::all(self.precision).len() * self.left.blocks.len() * kernel.layout.block_bytes(kernel.rows)
    }

    /// Lays `strips` out from `out` on, which has room for them.
    fn pack_left(&self, kernel: &Kernel, strips: Range<usize>, out: *mut u8) {
        let part = Source {
            free: self.left.free.min(strips.end * kernel.rows) - strips.start * kernel.rows,
            ptr: self
                .left
                .ptr
                .wrapping_add(strips.start * kernel.rows * self.left.free_stride * self.left.dtype.size()),
            ..self.left.clone()
        };
        let pieces = Piece::all(self.precision);
        // SAFETY: there is room for these strips, which start where the part does.
        unsafe {
            pack(&part, kernel.rows, kernel.layout, pieces, 0..strips.len(), 0..part.blocks.len(), out, self.isa)
        };
    }

    /// How the working memory of a block of so many strips and panels is laid out; more of either never want less.
    fn scratch(&self, kernel: &Kernel, steps: &[Vec<Step>], strips: usize, panels: usize) -> Scratch {
        let tile = kernel.rows * PANEL;
        // Partial sums wait on a stack whose height is the number of ones in the chain's index.
        let levels = (usize::BITS - (steps.len() - 1).leading_zeros()) as usize;
        // A single strip reads each panel once: from one end to the other is fastest.
        let wide = match levels {
            0 => panels,
            _ if strips == 1 => 1,
            _ => panels.min(BLOCK_PANELS),
        };
        let level_len = if levels == 0 { 0 } else { wide * strips * tile };
        let bytes = (levels * level_len + strips * tile) * size_of::<f32>();
        Scratch { levels, level_len, wide, bytes }
    }

    /// The outputs of `strips` (packed in `left`) and `panels` of a part.
    fn block(
        &self,
        part: &Part,
        kernel: &Kernel,
        steps: &[Vec<Step>],
        strips: Range<usize>,
        left: *const u8,
        panels: Range<usize>,
        scratch: *mut u8,
    ) {
        let (last, tile, alone) = (steps.len() - 1, kernel.rows * PANEL, strips.len() == 1);
        let Scratch { levels, level_len, wide, .. } = self.scratch(kernel, steps, strips.len(), panels.len());
        let slots = scratch.cast::<f32>();
        let work = slots.wrapping_add(levels * level_len);
        let right = part.right.ptr();
        let strip_bytes = self.strip_bytes(kernel);

        for from in panels.clone().step_by(wide.max(1)) {
            let here = from..(from + wide).min(panels.end);
            for (index, steps) in steps.iter().enumerate() {
                let waiting = index.count_ones() as usize;
                let joins = if index == last { waiting } else { index.trailing_ones() as usize };
                for panel in here.clone() {
                    let slot = |level: usize, strip: usize| {
                        slots.wrapping_add(level * level_len + ((panel - from) * strips.len() + strip) * tile)
                    };
                    let region = |strip: usize| {
                        let row = (strips.start + strip) * kernel.rows;
                        let columns = PANEL.min(part.columns - panel * PANEL);
                        Region::new(&part.out, [row, panel * PANEL], [kernel.rows.min(self.left.free - row), columns])
                    };
                    // A chain of one step is finished before the next strip begins, and all may use the same tile.
                    let tile_of = |strip: usize| work.wrapping_add(if steps.len() == 1 { 0 } else { strip * tile });
                    // Where a chain's sum grows: in the output itself, in its slot, or in a tile to be finished.
                    let direct = |region: &Region| {
                        let whole = region.columns == PANEL && (region.rows == kernel.rows || kernel.exact_rows);
                        index == last && joins == 0 && whole && part.ending.is_nothing() && part.out.dtype == DType::F32
                    };
                    let home = |strip: usize, region: &Region| {
                        if direct(region) {
                            (region.ptr.cast::<f32>(), part.out.stride)
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
                        let sums = &sums[..joins];
                        // SAFETY: tiles and slots hold `rows × 32` floats; the target is this task's own.
                        unsafe {
                            if index == last {
                                finish(tile_of(strip), sums, &part.ending, &region, self.isa);
                            } else {
                                join(tile_of(strip), sums, slot(waiting - joins, strip), region.rows, self.isa);
                            }
                        }
                    };
                    for (nth, step) in steps.iter().enumerate() {
                        // While the strips pass by this part of a panel, each fetches its share of the next.
                        let (next_panel, next_step) =
                            if nth + 1 < steps.len() { (panel, steps[nth + 1]) } else { (panel + 1, steps[0]) };
                        let next = right.wrapping_add(next_panel * part.right.stride + next_step.right);
                        let share = next_step.blocks * part.right.block_bytes / strips.len();
                        for strip in 0..strips.len() {
                            let region = region(strip);
                            let (c, ldc) = home(strip, &region);
                            let call = Call {
                                a: left.wrapping_add(strip * strip_bytes + step.left),
                                b: right.wrapping_add(panel * part.right.stride + step.right),
                                blocks: step.blocks,
                                c,
                                ldc,
                                go_on: nth > 0 || self.go_on,
                                rows: region.rows,
                                next: if alone { std::ptr::null() } else { next.wrapping_add(strip * share) },
                            };
                            if index == last && nth == steps.len() - 1 {
                                region.expect_write();
                                part.ending.expect(&region);
                            }
                            // SAFETY: strip, panel and home are inside their buffers; this task alone writes `c`.
                            unsafe {
                                if nth == 0 && self.go_on && !direct(&region) {
                                    region.load(c);
                                }
                                (kernel.run)(&call);
                            }
                            if nth == steps.len() - 1 {
                                end(strip);
                            }
                        }
                    }
                }
            }
        }
        debug_assert!(kernel.rows <= MAX_ROWS);
    }
}
