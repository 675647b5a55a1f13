//! The backward pass: scores and probabilities are made again, chunk of keys by block of queries.

use super::bend::{Query, bend, bends, keep, multiply};
use super::lanes::Lanes;
use super::product::{Left, Right, gather, transpose};
use super::rows::Rows;
use super::scores::{
    BLOCK, Band, SCORE_ROW, SCORES, Scores, ScoresByKey, accumulate, accumulate_all, bands, hull, on_isa, score,
    score_beside,
};
use super::scratch::{self, Buffers};
use super::softmax::{self, tree_of_lanes};
use super::spec::Reach;
use super::{AttentionSpec, CHUNK};
use crate::order::ROW_LANES;
use aquifer_tensor::{isa, threads};
use std::ops::Range;

/// Queries and keys, their gradients, and the pairs that they score: one of these, or the two of a piecewise
/// attention.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub q: Rows<*const f32>,
    pub k: Rows<*const f32>,
    pub dq: Rows<*mut f32>,
    pub dk: Rows<*mut f32>,
    pub reach: Reach,
}

/// What the backward pass reads and writes.
pub(super) struct Job<'a> {
    pub spec: &'a AttentionSpec,
    /// All the pairs that any piece scores.
    pub reach: Reach,
    pub pieces: &'a [Piece],
    pub v: Rows<*const f32>,
    pub out: Rows<*const f32>,
    pub lse: Rows<*const f32>,
    pub dout: Rows<*const f32>,
    pub dv: Rows<*mut f32>,
}

/// Queries and chunks of keys of one segment, for one key/value head. It gives `dq` of its queries if it has all
/// the chunks that they see, and `dk`, `dv` of its chunks if it has all the queries that see them.
struct Task {
    segment: Range<usize>,
    kv_head: usize,
    /// Positions of the queries.
    queries: Range<usize>,
    chunks: Range<usize>,
    gives: Gives,
}

#[derive(Clone, Copy, PartialEq)]
enum Gives {
    All,
    Queries,
    Keys,
}

/// Writes every row of the gradients; rows up to `rows` in no segment get zeros.
pub(super) fn run(job: &Job, segments: &[Range<usize>], rows: usize) {
    let mut past = 0;
    for segment in segments {
        job.fill(past..segment.start);
        past = segment.end;
    }
    job.fill(past..rows);
    let (tasks, isa, sizes) = (job.tasks(segments), isa::active(), job.buffers());
    scratch::parallel_for(tasks.len(), sizes, |i, buffers| {
        // SAFETY: the views were checked to have all rows and heads; tasks write disjoint rows.
        unsafe { differentiate_on(isa, job, &tasks[i], &buffers) }
    });
}

impl Job<'_> {
    /// Rows that no query and no key is in.
    fn fill(&self, rows: Range<usize>) {
        let (spec, d) = (self.spec, self.spec.head_dim);
        for row in rows {
            // SAFETY: the rows and heads exist, and no task runs yet.
            unsafe {
                for piece in self.pieces {
                    (0..spec.heads).for_each(|head| piece.dq.slice_mut(row, head, d).fill(0.0));
                    (0..spec.kv_heads).for_each(|head| piece.dk.slice_mut(row, head, d).fill(0.0));
                }
                (0..spec.kv_heads).for_each(|head| self.dv.slice_mut(row, head, d).fill(0.0));
            }
        }
    }

    /// One task a segment and key/value head shares the scores between all three gradients; where too few of these
    /// would keep all threads busy, queries and keys go separately and scores are made twice.
    fn tasks(&self, segments: &[Range<usize>]) -> Vec<Task> {
        let cost = |len: usize| self.reach.pairs(len);
        let total: usize = segments.iter().map(|s| cost(s.len()) * self.spec.kv_heads).sum();
        let largest = segments.iter().map(|s| cost(s.len())).max().unwrap_or(0);
        let balanced = largest * threads::count() <= total + total / 4;
        let mut tasks = Vec::new();
        for segment in segments.iter().filter(|s| !s.is_empty()) {
            let (len, chunks) = (segment.len(), segment.len().div_ceil(CHUNK));
            for kv_head in 0..self.spec.kv_heads {
                let mut push = |queries: Range<usize>, chunks: Range<usize>, gives| {
                    tasks.push(Task { segment: segment.clone(), kv_head, queries, chunks, gives });
                };
                if balanced {
                    push(0..len, 0..chunks, Gives::All);
                    continue;
                }
                for chunk in 0..chunks {
                    let of_chunk = chunk * CHUNK..len.min((chunk + 1) * CHUNK);
                    let seen = self.reach.keys_of(&of_chunk, len);
                    push(self.reach.queries_of(&of_chunk, len), chunk..chunk + 1, Gives::Keys);
                    push(of_chunk, seen.start / CHUNK..seen.end.div_ceil(CHUNK), Gives::Queries);
                }
            }
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.queries.len() * task.chunks.len()));
        tasks
    }

    /// How many elements of working memory a task wants.
    fn buffers(&self) -> [usize; 14] {
        let (d, pieces) = (self.spec.head_dim, self.pieces.len());
        let width = d.next_multiple_of(ROW_LANES);
        let (narrow, wide, block) = (CHUNK * d, CHUNK * width, BLOCK * width);
        let if_any = |any: bool| if any { SCORES } else { 0 };
        let [keys_t, values_t, keys, dk, dv] = [pieces * narrow, narrow, pieces * wide, pieces * wide, wide];
        let [q, dout, dq, panels] = [pieces * block, block, block, block];
        let other = [pieces > 1, self.spec.soft_cap.is_some(), self.spec.dropout.is_some()].map(if_any);
        [keys_t, values_t, keys, dk, dv, q, dout, dq, panels, SCORES, SCORES, other[0], other[1], other[2]]
    }
}

on_isa!(unsafe fn differentiate_on(job: &Job, task: &Task, buffers: &Buffers<14>) = differentiate);

/// # Safety
/// All rows and heads of `job` must exist, those that `task` gives be written by nobody else.
#[inline(always)]
unsafe fn differentiate<L: Lanes, const R: usize, const N: usize, const M: usize>(
    job: &Job,
    task: &Task,
    &[keys_t, values_t, keys, dk, dv, q, dout, dq, panels, p, ds, other, slope, kept]: &Buffers<14>,
) {
    let spec = job.spec;
    let (d, width, len) = (spec.head_dim, spec.head_dim.next_multiple_of(ROW_LANES), task.segment.len());
    let (gives_queries, gives_keys) = (task.gives != Gives::Keys, task.gives != Gives::Queries);
    let row_of = |position: usize| task.segment.start + position;
    let (narrow, wide, block) = (CHUNK * d, CHUNK * width, BLOCK * width);
    let heads = task.kv_head * spec.group()..(task.kv_head + 1) * spec.group();
    if gives_queries && job.pieces.len() > 1 {
        // SAFETY: this task's rows.
        unsafe { fill_blind(job, task, heads.clone()) };
    }
    for chunk in task.chunks.clone() {
        let base = chunk * CHUNK;
        let in_chunk = CHUNK.min(len - base);
        let seers_of_chunk = job.reach.queries_of(&(base..base + in_chunk), len);
        let queries = task.queries.start.max(seers_of_chunk.start)..task.queries.end.min(seers_of_chunk.end);
        if queries.is_empty() && !gives_keys {
            continue;
        }
        // SAFETY: the chunk's rows exist; buffers hold a chunk.
        unsafe {
            for (s, piece) in job.pieces.iter().enumerate() {
                let k = piece.k.at(row_of(base), task.kv_head);
                transpose::<L>(k, piece.k.row, in_chunk, d, keys_t.add(s * narrow));
                if gives_queries {
                    gather(k, piece.k.row, in_chunk, d, keys.add(s * wide), width);
                }
            }
            transpose::<L>(job.v.at(row_of(base), task.kv_head), job.v.row, in_chunk, d, values_t);
            std::ptr::write_bytes(dk, 0, job.pieces.len() * wide);
            std::ptr::write_bytes(dv, 0, wide);
        }
        for head in heads.clone() {
            for first in queries.clone().step_by(BLOCK) {
                let n = BLOCK.min(queries.end - first);
                let query = |i| Query { row: row_of(first + i), head, position: first + i };
                let all = bands(job.reach, n, |i| first + i, len, base);
                let seeing = &all[..n];
                let Some((key_lo, key_hi)) = hull(seeing) else { continue };
                // SAFETY: rows exist and are this task's to write; buffers hold a block.
                unsafe {
                    let mut queries = [Right::row_major(q, width); 2];
                    let mut of_piece = [all; 2];
                    for (s, piece) in job.pieces.iter().enumerate() {
                        queries[s] = padded(piece.q, row_of(first), head, n, d, q.add(s * block));
                        transpose::<L>(queries[s].ptr, queries[s].step, n, d, panels);
                        let keys = Right::panels(keys_t.add(s * narrow), d);
                        if job.pieces.len() > 1 {
                            of_piece[s] = bands(piece.reach, n, |i| first + i, len, base);
                        }
                        let bands = &of_piece[s][..n];
                        match s {
                            0 => score::<L, R, N, M>(panels, keys, d, spec.scale, bands, p),
                            _ => score_beside::<L, R, N, M>(panels, keys, d, spec.scale, bands, p, other),
                        }
                    }
                    let dout = padded(job.dout, row_of(first), head, n, d, dout);
                    transpose::<L>(dout.ptr, dout.step, n, d, panels);
                    score::<L, R, N, M>(panels, Right::panels(values_t, d), d, 1.0, seeing, ds);
                    if bends(spec) {
                        for (i, &band) in seeing.iter().enumerate() {
                            let at = i * SCORE_ROW;
                            let slope = spec.soft_cap.map(|_| slope.add(at));
                            bend(spec, query(i), base, band, p.add(at), slope);
                        }
                    }
                    if let Some(dropout) = &spec.dropout {
                        for (i, &band) in seeing.iter().enumerate() {
                            keep(dropout, query(i), base, band, kept.add(i * SCORE_ROW));
                        }
                        multiply::<L>(ds, kept, seeing);
                    }
                    let (mut mean, mut lse) = ([0.0; BLOCK], [0.0; BLOCK]);
                    for i in 0..n {
                        let row = row_of(first + i);
                        mean[i] = dot::<L>(dout.ptr.add(i * dout.step), job.out.slice(row, head, d));
                        lse[i] = job.lse.slice(row, head, 1)[0];
                    }
                    // The last group may take in rows that nobody reads.
                    for i in (0..n).step_by(R) {
                        let (at, bands) = (i * SCORE_ROW, &seeing[i..n.min(i + R)]);
                        softmax::differentiate::<L, R>(p.add(at), ds.add(at), bands, &lse[i..i + R], &mean[i..i + R]);
                    }
                    if spec.soft_cap.is_some() {
                        multiply::<L>(ds, slope, seeing);
                    }
                    if spec.dropout.is_some() {
                        multiply::<L>(p, kept, seeing);
                    }
                    if gives_queries {
                        for (s, piece) in job.pieces.iter().enumerate() {
                            let bands = &of_piece[s][..n];
                            let keys = Right::row_major(keys.add(s * wide), width);
                            give_queries::<L, R, N, M>(spec, piece, (bands, keys), len, base, query, Left(ds), dq);
                        }
                    }
                    if gives_keys {
                        for key in (key_lo / R * R..key_hi).step_by(R) {
                            let at = key * width;
                            let (p, ds): (ScoresByKey, ScoresByKey) = (Left(p.add(key)), Left(ds.add(key)));
                            let by = seers::<R>(job.reach, base + key, len, first, n);
                            accumulate::<L, R, N, _, _>(p, dout, &by, false, dv.add(at), width);
                            for (s, piece) in job.pieces.iter().enumerate() {
                                let by = seers::<R>(piece.reach, base + key, len, first, n);
                                accumulate::<L, R, N, _, _>(ds, queries[s], &by, false, dk.add(s * wide + at), width);
                            }
                        }
                    }
                }
            }
        }
        if gives_keys {
            for j in 0..in_chunk {
                let row = row_of(base + j);
                // SAFETY: this task's rows.
                unsafe {
                    let from = |x: *mut f32| std::slice::from_raw_parts(x.add(j * width), d);
                    job.dv.slice_mut(row, task.kv_head, d).copy_from_slice(from(dv));
                    for (s, piece) in job.pieces.iter().enumerate() {
                        let to = piece.dk.slice_mut(row, task.kv_head, d);
                        to.iter_mut().zip(from(dk.add(s * wide))).for_each(|(to, from)| *to = from * spec.scale);
                    }
                }
            }
        }
    }
}

/// Queries that a piece shows nothing get zeros.
///
/// # Safety
/// The rows must exist and be nobody else's meanwhile.
unsafe fn fill_blind(job: &Job, task: &Task, heads: Range<usize>) {
    for piece in job.pieces {
        for position in task.queries.clone().filter(|&i| piece.reach.keys(i, task.segment.len()).is_empty()) {
            for head in heads.clone() {
                // SAFETY: by the caller's word.
                unsafe { piece.dq.slice_mut(task.segment.start + position, head, job.spec.head_dim).fill(0.0) };
            }
        }
    }
}

/// The chains of `dq` of one piece go on over one chunk of keys, in the output itself.
///
/// # Safety
/// As [`differentiate`]; `dq` must hold a block, `keys` the chunk.
#[inline(always)]
unsafe fn give_queries<L: Lanes, const R: usize, const N: usize, const M: usize>(
    spec: &AttentionSpec,
    piece: &Piece,
    (bands, keys): (&[Band], Right),
    len: usize,
    base: usize,
    query: impl Fn(usize) -> Query,
    ds: Scores,
    dq: *mut f32,
) {
    let (d, width) = (spec.head_dim, spec.head_dim.next_multiple_of(ROW_LANES));
    let seeing = (0..bands.len()).filter(|&i| bands[i].0 < bands[i].1);
    // SAFETY: by the caller's word.
    unsafe {
        for i in seeing.clone() {
            let Query { row, head, position } = query(i);
            if piece.reach.keys(position, len).start < base {
                let so_far = piece.dq.slice_mut(row, head, d);
                gather(so_far.as_ptr(), 0, 1, d, dq.add(i * width), width);
            } else {
                std::ptr::write_bytes(dq.add(i * width), 0, width);
            }
        }
        accumulate_all::<L, R, N, M, _, _>(ds, keys, bands, false, dq, width);
        for i in seeing {
            let Query { row, head, position } = query(i);
            let last = piece.reach.keys(position, len).end <= base + CHUNK;
            let from = std::slice::from_raw_parts(dq.add(i * width), d);
            let by = if last { spec.scale } else { 1.0 };
            piece.dq.slice_mut(row, head, d).iter_mut().zip(from).for_each(|(to, from)| *to = from * by);
        }
    }
}

/// `n` rows of one head as a right operand: where they lie, or in `copy` with their width made up by zeros.
///
/// # Safety
/// The rows must exist, and `copy` hold them.
#[inline(always)]
unsafe fn padded(x: Rows<*const f32>, row: usize, head: usize, n: usize, d: usize, copy: *mut f32) -> Right {
    let width = d.next_multiple_of(ROW_LANES);
    // SAFETY: by the caller's word.
    unsafe {
        if d == width {
            return Right { ptr: x.at(row, head), unit: ROW_LANES, step: x.row };
        }
        gather(x.at(row, head), x.row, n, d, copy, width);
        Right::row_major(copy, width)
    }
}

/// For each of R keys from position `first_key` on: which of the `n` queries from position `first` on see it.
#[inline(always)]
fn seers<const R: usize>(reach: Reach, first_key: usize, len: usize, first: usize, n: usize) -> [Band; R] {
    let mut seers = [(0, 0); R];
    for (r, seers) in seers.iter_mut().enumerate().filter(|(r, _)| first_key + r < len) {
        let queries = reach.queries_of(&(first_key + r..first_key + r + 1), len);
        let lo = queries.start.saturating_sub(first).min(n);
        *seers = (lo, queries.end.saturating_sub(first).min(n).max(lo));
    }
    seers
}

/// `Σ a·b` in sixteen interleaved FMA lanes joined by the tree.
///
/// # Safety
/// `a` must be readable for the length of `b`.
#[inline(always)]
unsafe fn dot<L: Lanes>(a: *const f32, b: &[f32]) -> f32 {
    let whole = b.len() / ROW_LANES * ROW_LANES;
    let mut lanes = [0.0_f32; ROW_LANES];
    // SAFETY: by the caller's word.
    unsafe {
        let mut sum = L::splat(0.0);
        for x in (0..whole).step_by(ROW_LANES) {
            sum = L::load(a.add(x)).fma(L::load(b.as_ptr().add(x)), sum);
        }
        sum.store(lanes.as_mut_ptr());
        for x in whole..b.len() {
            lanes[x - whole] = (*a.add(x)).mul_add(b[x], lanes[x - whole]);
        }
    }
    tree_of_lanes(lanes)
}
