//! Rows of views: the checks every operator makes, row access for parallel tasks, and the fixed order in which
//! a row, or a column of tokens, is summed.

use crate::OpError;
use crate::order::{Begin, ROW_BLOCK, ROW_LANES, TokenChains};
use aquifer_tensor::threads::{SendPtr, parallel_for};
use aquifer_tensor::{DType, Tensor, View, ViewMut};
use std::marker::PhantomData;
use std::ops::Range;

/// Elements one task handles: enough to pay for handing it out, little enough to stay in the first-level cache.
const TASK: usize = 8192;

/// A view seen as rows of its last axis.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    ptr: SendPtr<f32>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    stride: usize,
    life: PhantomData<&'a [f32]>,
}

/// [`Rows`] that parallel tasks may write, each row (or part of one) by one task.
#[derive(Clone, Copy)]
pub(crate) struct RowsMut<'a> {
    rows: Rows<'a>,
    life: PhantomData<&'a mut [f32]>,
}

impl<'a> Rows<'a> {
    /// Any contiguous view of at least one axis, or a matrix whose rows are contiguous.
    pub(crate) fn new(op: &'static str, arg: &'static str, view: &View<'a>) -> Result<Self, OpError> {
        let (rows, cols, stride) = layout(op, arg, view)?;
        Ok(Rows { ptr: SendPtr(view.ptr::<f32>().cast_mut()), rows, cols, stride, life: PhantomData })
    }

    /// [`Rows::new`] that must have the extents of `shape`.
    pub(crate) fn like(
        op: &'static str,
        arg: &'static str,
        view: &View<'a>,
        other: &'static str,
        shape: &[usize],
    ) -> Result<Self, OpError> {
        expect_shape(op, arg, view.shape(), other, shape)?;
        Rows::new(op, arg, view)
    }

    pub(crate) fn row(&self, i: usize) -> &'a [f32] {
        self.span(i, 0..self.cols)
    }

    /// Part of row `i`; for a dense block of rows, `range` may run on into the rows after it.
    pub(crate) fn span(&self, i: usize, range: Range<usize>) -> &'a [f32] {
        debug_assert!(i * self.stride + range.end <= self.extent());
        // SAFETY: callers stay inside the view (asserted above in debug builds), which is borrowed for 'a.
        unsafe { std::slice::from_raw_parts(self.ptr.get().add(i * self.stride + range.start), range.len()) }
    }

    pub(crate) fn dense(&self) -> bool {
        self.stride == self.cols || self.rows <= 1
    }

    fn extent(&self) -> usize {
        self.rows.saturating_sub(1) * self.stride + self.cols
    }
}

impl<'a> RowsMut<'a> {
    pub(crate) fn like(
        op: &'static str,
        arg: &'static str,
        view: &'a mut ViewMut<'_>,
        other: &'static str,
        shape: &[usize],
    ) -> Result<Self, OpError> {
        expect_shape(op, arg, view.shape(), other, shape)?;
        let (rows, cols, stride) = layout(op, arg, &view.as_view())?;
        let rows = Rows { ptr: SendPtr(view.ptr::<f32>()), rows, cols, stride, life: PhantomData };
        Ok(RowsMut { rows, life: PhantomData })
    }

    /// # Safety
    /// No other task holds any of this row.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn row(&self, i: usize) -> &mut [f32] {
        // SAFETY: passed on to the caller.
        unsafe { self.span(i, 0..self.rows.cols) }
    }

    /// # Safety
    /// No other task holds any of this part.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn span(&self, i: usize, range: Range<usize>) -> &mut [f32] {
        debug_assert!(i * self.rows.stride + range.end <= self.rows.extent());
        // SAFETY: inside the view, which is borrowed exclusively for 'a; disjointness is the caller's word.
        unsafe {
            let start = self.rows.ptr.get().add(i * self.rows.stride + range.start);
            std::slice::from_raw_parts_mut(start, range.len())
        }
    }

    pub(crate) fn dense(&self) -> bool {
        self.rows.dense()
    }
}

fn layout(op: &'static str, arg: &'static str, view: &View) -> Result<(usize, usize, usize), OpError> {
    if view.dtype() != DType::F32 {
        return Err(OpError::DType { op, arg, want: "f32", got: view.dtype() });
    }
    let (shape, strides) = (view.shape(), view.strides());
    let Some(&cols) = shape.last() else {
        return Err(OpError::Shape { op, arg, want: "of at least one axis".into(), got: shape.to_vec() });
    };
    if view.is_contiguous() {
        let rows = shape[..shape.len() - 1].iter().product();
        return Ok((rows, cols, cols));
    }
    if shape.len() == 2 && (strides[1] == 1 || cols == 1) {
        return Ok((shape[0], cols, strides[0]));
    }
    Err(OpError::Layout { op, arg, want: "contiguous, or a matrix of contiguous rows", got: strides.to_vec() })
}

/// Refuses `got` unless it is the shape of the argument called `other`.
pub(crate) fn expect_shape(
    op: &'static str,
    arg: &'static str,
    got: &[usize],
    other: &'static str,
    shape: &[usize],
) -> Result<(), OpError> {
    if got == shape {
        return Ok(());
    }
    Err(OpError::Shape { op, arg, want: format!("{shape:?}, {other}"), got: got.to_vec() })
}

/// Refuses a vector of another length.
pub(crate) fn expect_len(
    op: &'static str,
    arg: &'static str,
    got: usize,
    other: &'static str,
    len: usize,
) -> Result<(), OpError> {
    expect_shape(op, arg, &[got], other, &[len])
}

/// Refuses chains that are none, do not cover exactly `rows` rows, are out of order, or go on from several lanes at once.
pub(crate) fn expect_chains(op: &'static str, chains: &TokenChains, begin: Begin, rows: usize) -> Result<(), OpError> {
    let wrong = |want: String| OpError::Value { op, arg: "chains", want, got: format!("{chains:?}") };
    let lanes = &chains.lanes;
    let joined = lanes.windows(2).all(|pair| pair[0].end == pair[1].start);
    let forward = lanes.iter().all(|lane| lane.start <= lane.end);
    if lanes.is_empty() || chains.grain == 0 || !joined || !forward || chains.rows() != (0..rows) {
        return Err(wrong(format!("consecutive lanes of whole grains that cover rows 0..{rows}")));
    }
    if begin == Begin::Continue && lanes.len() > 1 {
        return Err(wrong("a single lane, because the call goes on from an earlier value".to_owned()));
    }
    Ok(())
}

/// Calls `task(row, columns)` over disjoint parts that cover `rows × cols`; dense blocks are cut as one long row.
pub(crate) fn each_span(rows: usize, cols: usize, dense: bool, task: impl Fn(usize, Range<usize>) + Sync) {
    if dense {
        let total = rows * cols;
        parallel_for(total.div_ceil(TASK), |i| task(0, i * TASK..((i + 1) * TASK).min(total)));
    } else {
        each_row(rows, cols, |row| task(row, 0..cols));
    }
}

/// Rows one task handles at least, where there are enough of them: long runs of memory for each thread.
const TASK_ROWS: usize = 8;

/// Calls `task(row)` for every row, several rows to a parallel task.
pub(crate) fn each_row(rows: usize, cols: usize, task: impl Fn(usize) + Sync) {
    let group = (TASK / cols.max(1)).clamp(1, rows.max(1)).max(TASK_ROWS.min(rows / 64));
    parallel_for(rows.div_ceil(group), |i| (i * group..((i + 1) * group).min(rows)).for_each(&task));
}

/// A binary tree over neighbours, fed one leaf after another; an odd last one moves up unchanged.
/// Adds what [`crate::order::tree`] adds, without a heap.
pub(crate) struct TreeSum<T> {
    stack: [T; 40],
    pushed: usize,
    depth: usize,
}

impl<T: Copy + Default + std::ops::Add<Output = T>> TreeSum<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        TreeSum { stack: [T::default(); 40], pushed: 0, depth: 0 }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, leaf: T) {
        let mut sum = leaf;
        let mut full = self.pushed;
        while full & 1 == 1 {
            self.depth -= 1;
            sum = self.stack[self.depth] + sum;
            full >>= 1;
        }
        self.stack[self.depth] = sum;
        self.depth += 1;
        self.pushed += 1;
    }

    /// The sum; zero without leaves.
    #[inline(always)]
    pub(crate) fn finish(&self) -> T {
        if self.depth == 0 {
            return T::default();
        }
        let mut sum = self.stack[self.depth - 1];
        for i in (0..self.depth - 1).rev() {
            sum = self.stack[i] + sum;
        }
        sum
    }
}

/// Joins the interleaved lanes of a block: neighbours first.
///
/// Every lane computes every sum it is part of, so that each level is one shuffle and one addition; addition
/// commutes, so all lanes end with the same bits.
#[inline(always)]
pub(crate) fn join_lanes<T: Copy + std::ops::Add<Output = T>>(lanes: [T; ROW_LANES]) -> T {
    // Hides where the lanes come from: LLVM otherwise lays out the loop that filled them for this join, in pairs
    // instead of whole vectors, at a third of the speed.
    let lanes = std::hint::black_box(lanes);
    let pairs: [T; ROW_LANES] = std::array::from_fn(|l| lanes[l] + lanes[l ^ 1]);
    let fours: [T; ROW_LANES] = std::array::from_fn(|l| pairs[l] + pairs[l ^ 2]);
    let eights: [T; ROW_LANES] = std::array::from_fn(|l| fours[l] + fours[l ^ 4]);
    eights[0] + eights[8]
}

/// Σ `term(a[i], b[i])` in the order of a row: blocks of [`ROW_BLOCK`], each of [`ROW_LANES`] interleaved
/// lanes that start at +0, joined by trees.
#[inline(always)]
pub(crate) fn row_sum2<T>(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> T) -> T
where
    T: Copy + Default + std::ops::Add<Output = T>,
{
    let b = &b[..a.len()];
    let mut blocks = TreeSum::new();
    for (a, b) in a.chunks(ROW_BLOCK).zip(b.chunks(ROW_BLOCK)) {
        let mut lanes = [T::default(); ROW_LANES];
        let (a_full, b_full) = (a.chunks_exact(ROW_LANES), b.chunks_exact(ROW_LANES));
        let (a_rest, b_rest) = (a_full.remainder(), b_full.remainder());
        for (a, b) in a_full.zip(b_full) {
            for l in 0..ROW_LANES {
                lanes[l] = lanes[l] + term(a[l], b[l]);
            }
        }
        for l in 0..a_rest.len() {
            lanes[l] = lanes[l] + term(a_rest[l], b_rest[l]);
        }
        blocks.push(join_lanes(lanes));
    }
    blocks.finish()
}

/// [`row_sum2`] of one row.
#[inline(always)]
pub(crate) fn row_sum<T>(a: &[f32], term: impl Fn(f32) -> T) -> T
where
    T: Copy + Default + std::ops::Add<Output = T>,
{
    row_sum2(a, a, |x, _| term(x))
}

/// [`row_sum2`] of three rows.
#[inline(always)]
pub(crate) fn row_sum3(a: &[f32], b: &[f32], c: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let [sum] = row_sums3(a, b, c, |a, b, c| [term(a, b, c)]);
    sum
}

/// Several sums over three rows in one pass, each in the order of a row.
#[inline(always)]
pub(crate) fn row_sums3<const K: usize>(
    a: &[f32],
    b: &[f32],
    c: &[f32],
    term: impl Fn(f32, f32, f32) -> [f32; K],
) -> [f32; K] {
    let (b, c) = (&b[..a.len()], &c[..a.len()]);
    let mut blocks: [TreeSum<f32>; K] = std::array::from_fn(|_| TreeSum::new());
    for ((a, b), c) in a.chunks(ROW_BLOCK).zip(b.chunks(ROW_BLOCK)).zip(c.chunks(ROW_BLOCK)) {
        let mut lanes = [[0.0; ROW_LANES]; K];
        let ((a, a_rest), (b, b_rest), (c, c_rest)) =
            (a.as_chunks::<ROW_LANES>(), b.as_chunks::<ROW_LANES>(), c.as_chunks::<ROW_LANES>());
        for ((a, b), c) in a.iter().zip(b).zip(c) {
            for l in 0..ROW_LANES {
                let terms = term(a[l], b[l], c[l]);
                for k in 0..K {
                    lanes[k][l] += terms[k];
                }
            }
        }
        if !a_rest.is_empty() {
            // As in `join_lanes`.
            lanes = std::hint::black_box(lanes);
            for l in 0..a_rest.len() {
                let terms = term(a_rest[l], b_rest[l], c_rest[l]);
                for k in 0..K {
                    lanes[k][l] += terms[k];
                }
            }
        }
        for (blocks, lanes) in blocks.iter_mut().zip(lanes) {
            blocks.push(join_lanes(lanes));
        }
    }
    blocks.map(|blocks| blocks.finish())
}

/// Writes `f` of every element and returns the sum of the results in the order of a row.
#[inline(always)]
pub(crate) fn row_map_sum(row: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut blocks = TreeSum::new();
    for (block, out) in row.chunks(ROW_BLOCK).zip(out.chunks_mut(ROW_BLOCK)) {
        blocks.push(block_map_sum(block, out, &f));
    }
    blocks.finish()
}

/// [`row_map_sum`] in place.
#[inline(always)]
pub(crate) fn row_map_sum_in_place(row: &mut [f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut blocks = TreeSum::new();
    let mut held = [0.0; ROW_BLOCK];
    for block in row.chunks_mut(ROW_BLOCK) {
        let held = &mut held[..block.len()];
        held.copy_from_slice(block);
        blocks.push(block_map_sum(held, block, &f));
    }
    blocks.finish()
}

#[inline(always)]
fn block_map_sum(block: &[f32], out: &mut [f32], f: &impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; ROW_LANES];
    let ((full, rest), (out, out_rest)) = (block.as_chunks::<ROW_LANES>(), out.as_chunks_mut::<ROW_LANES>());
    for (xs, out) in full.iter().zip(out) {
        for l in 0..ROW_LANES {
            let y = f(xs[l]);
            out[l] = y;
            lanes[l] += y;
        }
    }
    for ((l, x), out) in rest.iter().enumerate().zip(out_rest) {
        *out = f(*x);
        lanes[l] += *out;
    }
    join_lanes(lanes)
}

/// The largest element, −∞ without any; NaN never wins.
#[inline(always)]
pub(crate) fn row_max(a: &[f32]) -> f32 {
    // Several vectors, so that one comparison does not wait for the one before.
    const WIDE: usize = 4 * ROW_LANES;
    let mut lanes = [f32::NEG_INFINITY; WIDE];
    let (full, rest) = a.as_chunks::<WIDE>();
    for a in full {
        for l in 0..WIDE {
            lanes[l] = if a[l] > lanes[l] { a[l] } else { lanes[l] };
        }
    }
    let lanes = std::hint::black_box(lanes); // As in `join_lanes`.
    let larger = |max: f32, &x: &f32| if x > max { x } else { max };
    rest.iter().fold(lanes.iter().fold(f32::NEG_INFINITY, larger), larger)
}

/// Columns one task of a sum over tokens handles: four vectors of accumulators that stay in registers.
pub(crate) const TOKEN_COLS: usize = 64;

/// Calls `chain(lane, columns, sums)` for every lane and every block of columns: `sums` (of `K` outputs, each one
/// per column, at +0 or at what the output holds) must be taken through the lane's rows in order. Lanes meet in the tree.
pub(crate) fn token_sums<const K: usize>(
    chains: &TokenChains,
    begin: Begin,
    out: [&mut [f32]; K],
    chain: impl Fn(Range<usize>, Range<usize>, [&mut [f32]; K]) + Sync,
) {
    let total = out[0].len();
    let bases = out.map(|out| SendPtr(out[..total].as_mut_ptr()));
    parallel_for(total.div_ceil(TOKEN_COLS), |i| {
        let cols = i * TOKEN_COLS..((i + 1) * TOKEN_COLS).min(total);
        // SAFETY: all outputs are `total` long, and blocks of columns are disjoint.
        let out = bases.map(|base| unsafe { std::slice::from_raw_parts_mut(base.get().add(cols.start), cols.len()) });
        if let ([lane], Begin::Continue) = (&chains.lanes[..], begin) {
            return chain(lane.clone(), cols, out);
        }
        let partials = chains.lanes.iter().map(|lane| {
            let mut sums = [[0.0; TOKEN_COLS]; K];
            chain(lane.clone(), cols.clone(), sums.each_mut().map(|sums| &mut sums[..cols.len()]));
            sums
        });
        let join = |a: [[f32; TOKEN_COLS]; K], b: [[f32; TOKEN_COLS]; K]| {
            std::array::from_fn(|k| std::array::from_fn(|j| a[k][j] + b[k][j]))
        };
        let joined = crate::order::tree(partials, join).unwrap_or([[0.0; TOKEN_COLS]; K]);
        for (out, sums) in out.into_iter().zip(joined) {
            out.copy_from_slice(&sums[..cols.len()]);
        }
    });
}

/// Bytes of two inputs that [`each_row_and_sums`] goes over before it sums them: about a second-level cache. Half of it made
/// two threads wait for each other twice as often, which cost a fifth of the speed.
const GROUP: usize = 1 << 20;

/// Calls `each(row)` for every row and takes [`token_sums`] of them: one group of rows after another, so that `chain`
/// finds in cache what `each` has read, and whatever `each` left for it.
pub(crate) fn each_row_and_sums<const K: usize>(
    chains: &TokenChains,
    begin: Begin,
    out: [&mut [f32]; K],
    each: impl Fn(usize) + Sync,
    chain: impl Fn(Range<usize>, Range<usize>, [&mut [f32]; K]) + Sync,
) {
    let cols = out[0].len();
    let group = (GROUP / (2 * size_of::<f32>() * cols.max(1))).max(1);
    let through = |lane: &Range<usize>, mut begin: Begin, mut sums: [&mut [f32]; K]| {
        let mut at = lane.start;
        loop {
            let rows = at..(at + group).min(lane.end);
            each_row(rows.len(), cols, |i| each(rows.start + i));
            at = rows.end;
            let part = TokenChains { grain: chains.grain, lanes: vec![rows] };
            token_sums(&part, begin, sums.each_mut().map(|sums| &mut **sums), &chain);
            begin = Begin::Continue;
            if at == lane.end {
                return;
            }
        }
    };
    if let [lane] = &chains.lanes[..] {
        return through(lane, begin, out);
    }
    let lanes = chains.lanes.len();
    let mut partials = Tensor::recycled::<f32>([lanes, K, cols]);
    for (lane, sums) in chains.lanes.iter().zip(partials.as_f32_mut().chunks_mut((K * cols).max(1))) {
        let mut sums = sums.chunks_mut(cols.max(1));
        through(lane, Begin::Fresh, std::array::from_fn(|_| sums.next().unwrap_or_default()));
    }
    let (partials, leaves) = (partials.as_f32(), (0..lanes).map(|lane| lane..lane + 1).collect());
    token_sums(&TokenChains { grain: 1, lanes: leaves }, Begin::Fresh, out, |lane, part, sums| {
        for (k, sums) in sums.into_iter().enumerate() {
            let at = (lane.start * K + k) * cols;
            sums.copy_from_slice(&partials[at + part.start..at + part.end]);
        }
    });
}

/// The loop of a chain: `sums[k][j] += term(a(row)[j], b(row)[j], with(row))[k]` for every row in order; the sums
/// of a whole block stay in registers.
#[inline(always)]
pub(crate) fn chain2<'a, S: Copy, const K: usize>(
    rows: Range<usize>,
    mut sums: [&mut [f32]; K],
    a: impl Fn(usize) -> &'a [f32],
    b: impl Fn(usize) -> &'a [f32],
    with: impl Fn(usize) -> S,
    term: impl Fn(f32, f32, S) -> [f32; K],
) {
    let width = sums[0].len();
    if width == TOKEN_COLS {
        let mut held = [[0.0; TOKEN_COLS]; K];
        held.iter_mut().zip(&sums).for_each(|(held, sums)| held.copy_from_slice(sums));
        for row in rows {
            let (a, b, s) = (&a(row)[..TOKEN_COLS], &b(row)[..TOKEN_COLS], with(row));
            for j in 0..TOKEN_COLS {
                let terms = term(a[j], b[j], s);
                for k in 0..K {
                    held[k][j] += terms[k];
                }
            }
        }
        sums.iter_mut().zip(&held).for_each(|(sums, held)| sums.copy_from_slice(held));
        return;
    }
    for row in rows {
        let (a, b, s) = (a(row), b(row), with(row));
        for j in 0..width {
            let terms = term(a[j], b[j], s);
            for k in 0..K {
                sums[k][j] += terms[k];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tree;

    #[test]
    fn the_stack_is_the_tree() {
        for n in 0..70_u32 {
            let leaves: Vec<f32> = (0..n).map(|i| 1.0 / (1 + i * i) as f32).collect();
            let mut sum = TreeSum::new();
            leaves.iter().for_each(|&leaf| sum.push(leaf));
            assert_eq!(sum.finish(), tree(leaves, |a, b| a + b).unwrap_or(0.0), "{n} leaves");
        }
    }

    /// Groups of rows, in one lane or in several, afresh or not, add what the whole adds.
    #[test]
    fn sums_in_groups_are_the_sums() {
        let (t, n) = (67, 2100);
        let x = aquifer_testkit::noise("x", t * n);
        for (lanes, begin) in [
            (vec![0..t], Begin::Fresh),
            (vec![0..t], Begin::Continue),
            (vec![0..40, 40..60, 60..60, 60..t], Begin::Fresh),
            (vec![], Begin::Fresh),
        ] {
            let chains = TokenChains { grain: 1, lanes };
            let seen: Vec<_> = (0..t).map(|_| std::sync::atomic::AtomicUsize::new(0)).collect();
            let chain = |lane: Range<usize>, cols: Range<usize>, sums: [&mut [f32]; 2]| {
                let part = |row: usize| &x[row * n..][cols.clone()];
                chain2(lane, sums, part, part, |_| (), |x, y, ()| [x, x * y]);
            };
            let (mut whole, mut grouped) = ([vec![0.5; n], vec![0.25; n]], [vec![0.5; n], vec![0.25; n]]);
            token_sums(&chains, begin, whole.each_mut().map(|out| &mut out[..]), chain);
            let visit = |row: usize| _ = seen[row].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            each_row_and_sums(&chains, begin, grouped.each_mut().map(|out| &mut out[..]), visit, chain);
            assert_eq!(whole, grouped);
            assert!(seen.into_iter().all(|n| n.into_inner() == usize::from(!chains.lanes.is_empty())));
        }
    }

    /// A row's order written out: blocks of 256, sixteen interleaved lanes from +0, two trees.
    #[test]
    fn a_row_is_summed_in_the_stated_order() {
        for n in [0, 1, 15, 16, 17, 255, 256, 257, 1000, 8193] {
            let x = aquifer_testkit::noise("row", n);
            let block = |block: &[f32]| {
                let lane = |l: usize| block.iter().skip(l).step_by(ROW_LANES).fold(0.0_f32, |sum, x| sum + x * x);
                tree((0..ROW_LANES).map(lane), |a, b| a + b).unwrap()
            };
            let want = tree(x.chunks(ROW_BLOCK).map(block), |a, b| a + b).unwrap_or(0.0);
            assert_eq!(row_sum(&x, |x| x * x), want, "{n} elements");
            assert_eq!(row_sum3(&x, &x, &x, |x, _, _| x * x), want, "{n} elements");
            assert_eq!(row_map_sum_in_place(&mut x.clone(), |x| x * x), want, "{n} elements");
            assert_eq!(row_map_sum(&x, &mut vec![f32::NAN; n], |x| x * x), want, "{n} elements");
        }
    }
}
