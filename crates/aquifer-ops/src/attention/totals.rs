//! How much attention each key gets: column sums of the probabilities.

use super::bend::{Query, bend, bends};
use super::lanes::Lanes;
use super::product::{Right, transpose};
use super::rows::Rows;
use super::scores::{BLOCK, SCORE_ROW, SCORES, bands, hull, on_isa, score};
use super::scratch::{self, Buffers};
use super::softmax;
use super::{AttentionSpec, CHUNK};
use crate::order::ROW_LANES;
use aquifer_tensor::isa;
use std::ops::Range;

/// What the sums are made of and where they go.
pub(super) struct Job<'a> {
    pub spec: &'a AttentionSpec,
    pub q: Rows<*const f32>,
    pub k: Rows<*const f32>,
    pub lse: Rows<*const f32>,
    pub sums: Rows<*mut f32>,
}

/// One chunk of keys of a segment, for one query head.
struct Task {
    segment: Range<usize>,
    head: usize,
    chunk: usize,
}

/// Writes every row of the sums; rows up to `rows` in no segment get zeros.
pub(super) fn run(job: &Job, segments: &[Range<usize>], rows: usize) {
    let spec = job.spec;
    for (row, head) in (0..rows).flat_map(|row| (0..spec.heads).map(move |head| (row, head))) {
        // SAFETY: the row and the head exist, and no task runs yet.
        unsafe { job.sums.slice_mut(row, head, 1)[0] = 0.0 };
    }
    let chunks = segments.iter().flat_map(|s| (0..s.len().div_ceil(CHUNK)).map(move |chunk| (s, chunk)));
    let task = |(segment, chunk): (&Range<usize>, usize)| {
        let segment = segment.clone();
        (0..spec.heads).map(move |head| Task { segment: segment.clone(), head, chunk })
    };
    let tasks: Vec<Task> = chunks.flat_map(task).collect();
    let (isa, d) = (isa::active(), spec.head_dim);
    scratch::parallel_for(tasks.len(), [CHUNK * d, BLOCK * d, SCORES, SCORES, CHUNK, CHUNK], |i, buffers| {
        // SAFETY: the views were checked to have all rows and heads; tasks write disjoint rows.
        unsafe { sum_on(isa, job, &tasks[i], &buffers) }
    });
}

on_isa!(unsafe fn sum_on(job: &Job, task: &Task, buffers: &Buffers<6>) = sum);

/// # Safety
/// All rows and heads of `job` must exist, those of `task` be written by nobody else.
#[inline(always)]
unsafe fn sum<L: Lanes, const R: usize, const N: usize, const M: usize>(
    job: &Job,
    task: &Task,
    &[keys, panels, p, unused, block, total]: &Buffers<6>,
) {
    let (spec, head, d, len) = (job.spec, task.head, job.spec.head_dim, task.segment.len());
    let (reach, base) = (spec.reach(), task.chunk * CHUNK);
    let in_chunk = CHUNK.min(len - base);
    let row_of = |position: usize| task.segment.start + position;
    // SAFETY: rows exist and are this task's to write; buffers hold a chunk, or a block of scores.
    unsafe {
        transpose::<L>(job.k.at(row_of(base), head / spec.group()), job.k.row, in_chunk, d, keys);
        std::ptr::write_bytes(total, 0, CHUNK);
        let queries = reach.queries_of(&(base..base + in_chunk), len);
        // Blocks count from the segment's token 0.
        for start in (queries.start / BLOCK * BLOCK..queries.end).step_by(BLOCK) {
            let first = start.max(queries.start);
            let n = (start + BLOCK).min(queries.end) - first;
            let all = bands(reach, n, |i| first + i, len, base);
            let seeing = &all[..n];
            let Some((lo, hi)) = hull(seeing) else { continue };
            transpose::<L>(job.q.at(row_of(first), head), job.q.row, n, d, panels);
            score::<L, R, N, M>(panels, Right::panels(keys, d), d, spec.scale, seeing, p);
            let mut lse = [0.0; BLOCK];
            for (i, &band) in seeing.iter().enumerate() {
                let query = Query { row: row_of(first + i), head, position: first + i };
                lse[i] = job.lse.slice(query.row, head, 1)[0];
                if bends(spec) {
                    bend(spec, query, base, band, p.add(i * SCORE_ROW), None);
                }
            }
            for i in (0..n).step_by(R) {
                let (at, bands) = (i * SCORE_ROW, &seeing[i..n.min(i + R)]);
                softmax::differentiate::<L, R>(p.add(at), unused.add(at), bands, &lse[i..i + R], &[0.0; R]);
            }
            std::ptr::write_bytes(block, 0, CHUNK);
            for (i, &(lo, hi)) in seeing.iter().enumerate() {
                add(block.add(lo), p.add(i * SCORE_ROW + lo), hi - lo);
            }
            let from = lo / ROW_LANES * ROW_LANES;
            add(total.add(from), block.add(from), hi - from);
        }
        for j in 0..in_chunk {
            job.sums.slice_mut(row_of(base + j), head, 1)[0] = *total.add(j);
        }
    }
}

/// # Safety
/// Both must hold `n` elements, and not overlap.
#[inline(always)]
unsafe fn add(to: *mut f32, x: *const f32, n: usize) {
    // SAFETY: by the caller's word.
    let (to, x) = unsafe { (std::slice::from_raw_parts_mut(to, n), std::slice::from_raw_parts(x, n)) };
    to.iter_mut().zip(x).for_each(|(to, x)| *to += x);
}
