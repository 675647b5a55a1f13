//! The backward pass: scores and probabilities are made again, chunk of keys by block of queries.

use super::lanes::Lanes;
use super::product::{Left, Right, gather, transpose};
use super::rows::Rows;
use super::scores::{
    BLOCK, Band, SCORE_ROW, SCORES, Scores, ScoresByKey, accumulate, accumulate_all, band, hull, on_isa, score,
};
use super::scratch::{self, Buffers};
use super::softmax::{self, tree_of_lanes};
use super::{AttentionSpec, CHUNK};
use crate::order::ROW_LANES;
use aquifer_tensor::{isa, threads};
use std::ops::Range;

/// What the backward pass reads.
#[derive(Clone, Copy)]
pub(super) struct Saved {
    pub q: Rows<*const f32>,
    pub k: Rows<*const f32>,
    pub v: Rows<*const f32>,
    pub out: Rows<*const f32>,
    pub lse: Rows<*const f32>,
    pub dout: Rows<*const f32>,
}

/// What it writes.
#[derive(Clone, Copy)]
pub(super) struct Gradients {
    pub dq: Rows<*mut f32>,
    pub dk: Rows<*mut f32>,
    pub dv: Rows<*mut f32>,
}

struct Job<'a> {
    spec: &'a AttentionSpec,
    saved: Saved,
    gradients: Gradients,
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
pub(super) fn run(spec: &AttentionSpec, segments: &[Range<usize>], rows: usize, saved: Saved, gradients: Gradients) {
    let job = Job { spec, saved, gradients };
    let mut past = 0;
    for segment in segments {
        job.fill(past..segment.start);
        past = segment.end;
    }
    job.fill(past..rows);
    let (tasks, isa) = (tasks(spec, segments), isa::active());
    let width = spec.head_dim.next_multiple_of(ROW_LANES);
    let (narrow, wide, block) = (CHUNK * spec.head_dim, CHUNK * width, BLOCK * width);
    let sizes = [narrow, narrow, wide, wide, wide, block, block, block, block, SCORES, SCORES];
    threads::parallel_for(tasks.len(), |i| {
        scratch::with(sizes, |buffers| {
            // SAFETY: the views were checked to have all rows and heads; tasks write disjoint rows.
            unsafe { differentiate_on(isa, &job, &tasks[i], &buffers) }
        });
    });
}

/// One task a segment and key/value head shares the scores between all three gradients; where too few of these
/// would keep all threads busy, queries and keys go separately and scores are made twice.
fn tasks(spec: &AttentionSpec, segments: &[Range<usize>]) -> Vec<Task> {
    let cost = |len: usize| len * spec.window.map_or(len, |w| w.min(len));
    let total: usize = segments.iter().map(|s| cost(s.len()) * spec.kv_heads).sum();
    let largest = segments.iter().map(|s| cost(s.len())).max().unwrap_or(0);
    let balanced = largest * threads::count() <= total + total / 4;
    let mut tasks = Vec::new();
    for segment in segments.iter().filter(|s| !s.is_empty()) {
        let (len, chunks) = (segment.len(), segment.len().div_ceil(CHUNK));
        for kv_head in 0..spec.kv_heads {
            let mut push = |queries: Range<usize>, chunks: Range<usize>, gives| {
                tasks.push(Task { segment: segment.clone(), kv_head, queries, chunks, gives });
            };
            if balanced {
                push(0..len, 0..chunks, Gives::All);
            } else {
                for chunk in 0..chunks {
                    push(0..len, chunk..chunk + 1, Gives::Keys);
                    push(chunk * CHUNK..len.min((chunk + 1) * CHUNK), 0..chunk + 1, Gives::Queries);
                }
            }
        }
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.queries.len() * task.chunks.len()));
    tasks
}

impl Job<'_> {
    /// Rows that no query and no key is in.
    fn fill(&self, rows: Range<usize>) {
        let (d, to) = (self.spec.head_dim, self.gradients);
        for row in rows {
            // SAFETY: the rows and heads exist, and no task runs yet.
            unsafe {
                (0..self.spec.heads).for_each(|head| to.dq.slice_mut(row, head, d).fill(0.0));
                for head in 0..self.spec.kv_heads {
                    to.dk.slice_mut(row, head, d).fill(0.0);
                    to.dv.slice_mut(row, head, d).fill(0.0);
                }
            }
        }
    }
}

on_isa!(unsafe fn differentiate_on(job: &Job, task: &Task, buffers: &Buffers<11>) = differentiate);

/// # Safety
/// All rows and heads of `job` must exist, those that `task` gives be written by nobody else.
#[inline(always)]
unsafe fn differentiate<L: Lanes, const R: usize, const N: usize, const M: usize>(
    job: &Job,
    task: &Task,
    &[keys_t, values_t, keys, dk, dv, q, dout, dq, panels, p, ds]: &Buffers<11>,
) {
    let (spec, saved, to) = (job.spec, job.saved, job.gradients);
    let (d, width) = (spec.head_dim, spec.head_dim.next_multiple_of(ROW_LANES));
    let (gives_queries, gives_keys) = (task.gives != Gives::Keys, task.gives != Gives::Queries);
    let row_of = |position: usize| task.segment.start + position;
    let wide = CHUNK * width;
    for chunk in task.chunks.clone() {
        let base = chunk * CHUNK;
        let len = CHUNK.min(task.segment.len() - base);
        let seen_to = spec.window.map_or(task.segment.len(), |w| (base + len + w).saturating_sub(1));
        let queries = task.queries.start.max(base)..task.queries.end.min(seen_to);
        if queries.is_empty() && !gives_keys {
            continue;
        }
        // SAFETY: the chunk's rows exist; buffers hold a chunk.
        unsafe {
            let k = saved.k.at(row_of(base), task.kv_head);
            let v = saved.v.at(row_of(base), task.kv_head);
            transpose::<L>(k, saved.k.row, len, d, keys_t);
            transpose::<L>(v, saved.v.row, len, d, values_t);
            if gives_queries {
                gather(k, saved.k.row, len, d, keys, width);
            }
            std::ptr::write_bytes(dk, 0, wide);
            std::ptr::write_bytes(dv, 0, wide);
        }
        for head in task.kv_head * spec.group()..(task.kv_head + 1) * spec.group() {
            for first in queries.clone().step_by(BLOCK) {
                let n = BLOCK.min(queries.end - first);
                let mut bands = [(0, 0); BLOCK];
                for i in 0..n {
                    bands[i] = band(spec, first + i, base);
                }
                let bands = &bands[..n];
                let Some((key_lo, key_hi)) = hull(bands) else { continue };
                // SAFETY: rows exist and are this task's to write; buffers hold a block.
                unsafe {
                    let q = padded(saved.q, row_of(first), head, n, d, q);
                    let dout = padded(saved.dout, row_of(first), head, n, d, dout);
                    transpose::<L>(q.ptr, q.step, n, d, panels);
                    score::<L, R, N, M>(panels, Right::panels(keys_t, d), d, spec.scale, bands, p);
                    transpose::<L>(dout.ptr, dout.step, n, d, panels);
                    score::<L, R, N, M>(panels, Right::panels(values_t, d), d, 1.0, bands, ds);
                    let (mut mean, mut lse) = ([0.0; BLOCK], [0.0; BLOCK]);
                    for i in 0..n {
                        let row = row_of(first + i);
                        mean[i] = dot::<L>(dout.ptr.add(i * dout.step), saved.out.slice(row, head, d));
                        lse[i] = saved.lse.slice(row, head, 1)[0];
                    }
                    // The last group may take in rows that nobody reads.
                    for i in (0..n).step_by(R) {
                        let (at, bands) = (i * SCORE_ROW, &bands[i..n.min(i + R)]);
                        softmax::differentiate::<L, R>(p.add(at), ds.add(at), bands, &lse[i..i + R], &mean[i..i + R]);
                    }
                    if gives_queries {
                        for i in 0..n {
                            // Chains go on where the last chunk left them, in the output itself.
                            if spec.visible(first + i).start < base {
                                let so_far = to.dq.slice_mut(row_of(first + i), head, d);
                                gather(so_far.as_ptr(), 0, 1, d, dq.add(i * width), width);
                            } else {
                                std::ptr::write_bytes(dq.add(i * width), 0, width);
                            }
                        }
                        let left: Scores = Left(ds);
                        accumulate_all::<L, R, N, M, _, _>(
                            left,
                            Right::row_major(keys, width),
                            bands,
                            false,
                            dq,
                            width,
                        );
                        for i in 0..n {
                            let last = first + i < base + CHUNK;
                            let from = std::slice::from_raw_parts(dq.add(i * width), d);
                            let dq = to.dq.slice_mut(row_of(first + i), head, d);
                            let by = if last { spec.scale } else { 1.0 };
                            dq.iter_mut().zip(from).for_each(|(to, from)| *to = from * by);
                        }
                    }
                    if gives_keys {
                        for key in (key_lo / R * R..key_hi).step_by(R) {
                            let seers: [Band; R] = std::array::from_fn(|r| seers(spec, base + key + r, first, n));
                            let (p, ds): (ScoresByKey, ScoresByKey) = (Left(p.add(key)), Left(ds.add(key)));
                            let at = key * width;
                            accumulate::<L, R, N, _, _>(p, dout, &seers, false, dv.add(at), width);
                            accumulate::<L, R, N, _, _>(ds, q, &seers, false, dk.add(at), width);
                        }
                    }
                }
            }
        }
        if gives_keys {
            for j in 0..len {
                let row = row_of(base + j);
                // SAFETY: this task's rows.
                unsafe {
                    let from = |x: *mut f32| std::slice::from_raw_parts(x.add(j * width), d);
                    to.dv.slice_mut(row, task.kv_head, d).copy_from_slice(from(dv));
                    let dk_row = to.dk.slice_mut(row, task.kv_head, d);
                    dk_row.iter_mut().zip(from(dk)).for_each(|(to, from)| *to = from * spec.scale);
                }
            }
        }
    }
    if gives_queries && spec.window == Some(0) {
        for position in task.queries.clone() {
            for head in task.kv_head * spec.group()..(task.kv_head + 1) * spec.group() {
                // SAFETY: this task's rows.
                unsafe { to.dq.slice_mut(row_of(position), head, d).fill(0.0) };
            }
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

/// Which of the `n` queries from position `first` on see the key at `position`.
#[inline(always)]
fn seers(spec: &AttentionSpec, position: usize, first: usize, n: usize) -> Band {
    let lo = position.saturating_sub(first).min(n);
    let hi = spec.window.map_or(n, |w| (position + w).saturating_sub(first).min(n));
    (lo, hi.max(lo))
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
