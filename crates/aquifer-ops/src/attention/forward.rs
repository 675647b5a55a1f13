//! The forward pass, over rows of one tensor or over a cache.

use super::lanes::Lanes;
use super::product::{Left, Right, gather, transpose};
use super::rows::Rows;
use super::scores::{BLOCK, SCORE_ROW, SCORES, Scores, accumulate_all, band, hull, on_isa, score};
use super::scratch::{self, Buffers};
use super::softmax::{Part, exponentiate, fold};
use super::{AttentionSpec, CHUNK, KvChunk};
use crate::math::log;
use crate::order::ROW_LANES;
use aquifer_tensor::{isa, threads};
use std::ops::Range;

/// Consecutive queries of one sequence, and where its keys and values are.
pub(super) struct Sequence<'a> {
    /// The rows of the queries.
    pub rows: Range<usize>,
    /// The position of the first of them.
    pub first_position: usize,
    pub kv: Source<'a>,
}

/// Where the keys and values of a sequence are.
pub(super) enum Source<'a> {
    /// In rows from `first` on.
    Rows { k: Rows<*const f32>, v: Rows<*const f32>, first: usize },
    /// In a cache.
    Chunks(&'a [KvChunk]),
}

impl Source<'_> {
    /// Keys and values of chunk `chunk` for one head, each with the step from row to row.
    ///
    /// # Safety
    /// The chunk's first position must exist.
    unsafe fn chunk(&self, chunk: usize, kv_head: usize, spec: &AttentionSpec) -> [(*const f32, usize); 2] {
        // SAFETY: by the caller's word.
        unsafe {
            match self {
                Source::Rows { k, v, first } => {
                    let row = first + chunk * CHUNK;
                    [(k.at(row, kv_head), k.row), (v.at(row, kv_head), v.row)]
                }
                Source::Chunks(chunks) => {
                    let KvChunk { keys, values } = &chunks[chunk];
                    let row = spec.kv_heads * spec.head_dim;
                    [keys, values].map(|x| (x.as_f32().as_ptr().add(kv_head * spec.head_dim), row))
                }
            }
        }
    }
}

/// What every task reads and writes.
struct Job<'a> {
    spec: &'a AttentionSpec,
    sequences: &'a [Sequence<'a>],
    q: Rows<*const f32>,
    out: Rows<*mut f32>,
    lse: Option<Rows<*mut f32>>,
}

/// Some queries of one sequence, for the query heads of one key/value head.
struct Task {
    sequence: usize,
    kv_head: usize,
    queries: Range<usize>,
}

/// Attends for all `sequences`, whose rows are disjoint and ascending; rows up to `rows` in none of them get zeros.
pub(super) fn run(
    spec: &AttentionSpec,
    sequences: &[Sequence],
    rows: usize,
    q: Rows<*const f32>,
    out: Rows<*mut f32>,
    lse: Option<Rows<*mut f32>>,
) {
    let job = Job { spec, sequences, q, out, lse };
    let mut past = 0;
    for sequence in sequences {
        job.fill(past..sequence.rows.start);
        past = sequence.rows.end;
    }
    job.fill(past..rows);
    let (tasks, isa) = (job.tasks(), isa::active());
    threads::parallel_for(tasks.len(), |i| {
        let task = &tasks[i];
        scratch::with(job.buffers(task), |buffers| {
            // SAFETY: the views were checked to have all rows, positions and heads; tasks write disjoint rows.
            unsafe { attend_on(isa, &job, task, &buffers) }
        });
    });
}

impl Job<'_> {
    /// Rows that see nothing.
    fn fill(&self, rows: Range<usize>) {
        for row in rows {
            for head in 0..self.spec.heads {
                // SAFETY: the row and the head exist, and no task runs yet.
                unsafe {
                    self.out.slice_mut(row, head, self.spec.head_dim).fill(0.0);
                    if let Some(lse) = self.lse {
                        lse.slice_mut(row, head, 1)[0] = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }

    /// How many elements of working memory `task` wants: keys, values, queries, scores, output, max and sum.
    fn buffers(&self, task: &Task) -> [usize; 6] {
        let (d, width) = (self.spec.head_dim, self.spec.head_dim.next_multiple_of(ROW_LANES));
        let rows = task.queries.len() * self.spec.group();
        let values = if copies_values(width != d, rows) { CHUNK * width } else { 0 };
        [CHUNK * d, values, BLOCK * d, SCORES, BLOCK * width, 2 * rows]
    }

    /// About a chunk of rows each, fewer where that would leave threads idle; the longest first.
    fn tasks(&self) -> Vec<Task> {
        let group = self.spec.group();
        let rows: usize = self.sequences.iter().map(|s| s.rows.len()).sum();
        let wanted = (rows * self.spec.kv_heads).div_ceil(4 * threads::count()).next_multiple_of(BLOCK);
        let queries = wanted.min(CHUNK.div_ceil(group)).max(BLOCK.div_ceil(group));
        let mut tasks = Vec::new();
        for (s, sequence) in self.sequences.iter().enumerate() {
            for first in (0..sequence.rows.len()).step_by(queries) {
                let queries = first..(first + queries).min(sequence.rows.len());
                tasks.extend((0..self.spec.kv_heads).map(|kv_head| Task {
                    sequence: s,
                    kv_head,
                    queries: queries.clone(),
                }));
            }
        }
        tasks.sort_by_key(|task| {
            let first = self.sequences[task.sequence].first_position;
            let (lo, hi) = (first + task.queries.start, first + task.queries.end);
            std::cmp::Reverse((hi - lo) * (self.spec.window.map_or(hi, |w| w.min(hi))))
        });
        tasks
    }
}

/// Values are read where they lie if rows are few and no padding is wanted.
fn copies_values(padded: bool, rows: usize) -> bool {
    padded || rows >= BLOCK
}

on_isa!(unsafe fn attend_on(job: &Job, task: &Task, buffers: &Buffers<6>) = attend);

/// # Safety
/// All rows, positions and heads of `job` must exist, those of `task` be written by nobody else.
#[inline(always)]
unsafe fn attend<L: Lanes, const R: usize, const N: usize, const M: usize>(
    job: &Job,
    task: &Task,
    &[keys_t, values, q, scores, o, state]: &Buffers<6>,
) {
    let (spec, sequence) = (job.spec, &job.sequences[task.sequence]);
    let (d, width) = (spec.head_dim, spec.head_dim.next_multiple_of(ROW_LANES));
    let per_head = task.queries.len();
    // Rows of the task: query after query, head after head.
    let rows = per_head * spec.group();
    let row_of = |r: usize| {
        let (query, head) = (task.queries.start + r % per_head, task.kv_head * spec.group() + r / per_head);
        (sequence.rows.start + query, head, sequence.first_position + query)
    };
    let first = sequence.first_position + task.queries.start;
    let seen = spec.visible(first).start..first + per_head;
    let copy_values = copies_values(width != d, rows);
    for chunk in seen.start / CHUNK..seen.end.div_ceil(CHUNK) {
        let base = chunk * CHUNK;
        // Whole sixteens, so that panels stay aligned.
        let from = seen.start.saturating_sub(base) / ROW_LANES * ROW_LANES;
        let to = (seen.end - base).min(CHUNK);
        // SAFETY: positions below `seen.end` exist; buffers hold a chunk.
        let v = unsafe {
            let [(k, k_row), (v, v_row)] = sequence.kv.chunk(chunk, task.kv_head, spec);
            transpose::<L>(k.add(from * k_row), k_row, to - from, d, keys_t.add(from * d));
            if copy_values {
                gather(v.add(from * v_row), v_row, to - from, d, values.add(from * width), width);
                Right::row_major(values, width)
            } else {
                Right::row_major(v, v_row)
            }
        };
        for start in (0..rows).step_by(BLOCK) {
            let n = BLOCK.min(rows - start);
            let mut bands = [(0, 0); BLOCK];
            for i in 0..n {
                bands[i] = band(spec, row_of(start + i).2, base);
            }
            let bands = &bands[..n];
            if hull(bands).is_none() {
                continue;
            }
            // SAFETY: bands lie within what was copied above; rows are this task's.
            unsafe {
                let mut i = 0;
                while i < n {
                    // Within a panel, queries of one head lie a fixed step apart.
                    let (row, head, _) = row_of(start + i);
                    let rest_of_head = per_head - (start + i) % per_head;
                    let run = (n - i).min(ROW_LANES - i % ROW_LANES).min(rest_of_head);
                    let panel = q.add(i / ROW_LANES * ROW_LANES * d + i % ROW_LANES);
                    transpose::<L>(job.q.at(row, head), job.q.row, run, d, panel);
                    i += run;
                }
                score::<L, R, N, M>(q, Right::panels(keys_t, d), d, spec.scale, bands, scores);
                let mut part = [(f32::NEG_INFINITY, 0.0); BLOCK];
                let (groups, rest) = bands.as_chunks::<R>();
                for (g, bands) in groups.iter().enumerate() {
                    let at = scores.add(g * R * SCORE_ROW);
                    part[g * R..(g + 1) * R].copy_from_slice(&exponentiate::<L, R>(at, bands));
                }
                for (i, &band) in (n - rest.len()..n).zip(rest) {
                    [part[i]] = exponentiate::<L, 1>(scores.add(i * SCORE_ROW), &[band]);
                }
                let left: Scores = Left(scores);
                accumulate_all::<L, R, N, M, _, _>(left, v, bands, true, o, width);
                for i in (0..n).filter(|&i| bands[i].0 < bands[i].1) {
                    let (row, head, position) = row_of(start + i);
                    let out = job.out.slice_mut(row, head, d);
                    let o = std::slice::from_raw_parts(o.add(i * width), d);
                    let state = state.add(2 * (start + i)).cast::<Part>();
                    *state = if spec.visible(position).start / CHUNK == chunk {
                        out.copy_from_slice(o);
                        part[i]
                    } else {
                        fold(*state, part[i], out, o)
                    };
                }
            }
        }
    }
    for r in 0..rows {
        let (row, head, position) = row_of(r);
        // SAFETY: rows are this task's, and those that see a key have a state.
        unsafe {
            let out = job.out.slice_mut(row, head, d);
            let log_sum = if spec.visible(position).is_empty() {
                out.fill(0.0);
                f32::NEG_INFINITY
            } else {
                let (max, sum) = *state.add(2 * r).cast::<Part>();
                let inverse = 1.0 / sum;
                out.iter_mut().for_each(|x| *x *= inverse);
                max + log(sum)
            };
            if let Some(lse) = job.lse {
                lse.slice_mut(row, head, 1)[0] = log_sum;
            }
        }
    }
}
