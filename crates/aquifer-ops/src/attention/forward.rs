//! The forward pass, over rows of one tensor or over a cache.

use super::bend::{Query, bend, bends, keep, multiply};
use super::lanes::Lanes;
use super::product::{Left, Right, gather, transpose};
use super::rows::Rows;
use super::scores::{BLOCK, SCORE_ROW, SCORES, Scores, accumulate_all, bands, hull, on_isa, score, score_beside};
use super::scratch::{self, Buffers};
use super::softmax::{Part, exponentiate, finish, fold};
use super::spec::Reach;
use super::split::Parts;
use super::{AttentionSpec, CHUNK, KvChunk};
use crate::order::ROW_LANES;
use aquifer_tensor::{isa, threads};
use std::ops::Range;

/// Queries, and the pairs that they score: one of these, or the two of a piecewise attention.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub q: Rows<*const f32>,
    /// Unused where keys lie in a cache.
    pub k: Rows<*const f32>,
    pub reach: Reach,
}

/// Consecutive queries of one sequence, and where its keys and values are.
pub(super) struct Sequence<'a> {
    /// The rows of the queries.
    pub rows: Range<usize>,
    /// The position of the first of them; the last is the sequence's last.
    pub first_position: usize,
    pub kv: Source<'a>,
}

impl Sequence<'_> {
    pub(super) fn len(&self) -> usize {
        self.first_position + self.rows.len()
    }
}

/// Where the keys and values of a sequence are.
pub(super) enum Source<'a> {
    /// In rows from `first` on, the keys as the pieces say.
    Rows { v: Rows<*const f32>, first: usize },
    /// In a cache.
    Chunks(&'a [KvChunk]),
}

/// What every task reads and writes.
pub(super) struct Job<'a> {
    pub spec: &'a AttentionSpec,
    /// All the pairs that any piece scores.
    pub reach: Reach,
    pub pieces: &'a [Piece],
    pub sequences: &'a [Sequence<'a>],
    pub out: Rows<*mut f32>,
    pub lse: Option<Rows<*mut f32>>,
}

/// Some queries of one sequence, for the query heads of one key/value head and some chunks of the keys.
pub(super) struct Task {
    pub sequence: usize,
    pub kv_head: usize,
    /// Counted from the sequence's first query.
    pub queries: Range<usize>,
    pub chunks: Range<usize>,
    /// Where each chunk's part goes if these are not all the chunks: the number of a cell of [`Parts`].
    pub parts: Option<usize>,
}

/// Attends for all sequences, whose rows are disjoint and ascending; rows up to `rows` in none of them get zeros.
pub(super) fn run(job: &Job, rows: usize) {
    let mut past = 0;
    for sequence in job.sequences {
        job.fill(past..sequence.rows.start);
        past = sequence.rows.end;
    }
    job.fill(past..rows);
    let mut tasks = job.tasks();
    // Only a cache may be long and its queries few.
    let cached = job.sequences.iter().any(|s| matches!(s.kv, Source::Chunks(_)));
    let mut parts = if cached { Parts::split(&mut tasks, job.spec) } else { Parts::default() };
    // The longest first.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.queries.len() * task.chunks.len()));
    let (isa, cells) = (isa::active(), parts.cells());
    scratch::parallel_for(tasks.len(), job.buffers(cached), |i, buffers| {
        // SAFETY: the views were checked to have all rows, positions and heads; tasks write disjoint rows or cells.
        unsafe { attend_on(isa, job, &tasks[i], cells, &buffers) }
    });
    parts.fold(job);
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

    /// How many elements of working memory any task wants, however long the sequences are: keys, values, queries,
    /// scores, scores of the second piece or kept probabilities, output, max and sum.
    fn buffers(&self, cached: bool) -> [usize; 7] {
        let (d, width) = (self.spec.head_dim, self.spec.head_dim.next_multiple_of(ROW_LANES));
        let rows = self.most_queries() * self.spec.group();
        let (keys, values) = if cached { (0, 0) } else { (self.pieces.len() * CHUNK * d, CHUNK * width) };
        let other = if self.pieces.len() > 1 || self.spec.dropout.is_some() { SCORES } else { 0 };
        [keys, values, BLOCK * d, SCORES, other, BLOCK * width, 2 * rows]
    }

    /// Queries that make about a chunk of rows.
    fn most_queries(&self) -> usize {
        CHUNK.div_ceil(self.spec.group()).max(BLOCK.div_ceil(self.spec.group()))
    }

    /// About a chunk of rows each, fewer where that would leave threads idle.
    fn tasks(&self) -> Vec<Task> {
        let group = self.spec.group();
        let rows: usize = self.sequences.iter().map(|s| s.rows.len()).sum();
        let wanted = (rows * self.spec.kv_heads).div_ceil(4 * threads::count()).next_multiple_of(BLOCK);
        let queries = wanted.min(self.most_queries()).max(BLOCK.div_ceil(group));
        let mut tasks = Vec::new();
        for (s, sequence) in self.sequences.iter().enumerate() {
            for first in (0..sequence.rows.len()).step_by(queries) {
                let queries = first..(first + queries).min(sequence.rows.len());
                let seen = self.seen(sequence, &queries);
                let chunks = seen.start / CHUNK..seen.end.div_ceil(CHUNK);
                tasks.extend((0..self.spec.kv_heads).map(|kv_head| Task {
                    sequence: s,
                    kv_head,
                    queries: queries.clone(),
                    chunks: chunks.clone(),
                    parts: None,
                }));
            }
        }
        tasks
    }

    /// The positions of the keys that any of `queries` sees.
    fn seen(&self, sequence: &Sequence, queries: &Range<usize>) -> Range<usize> {
        let first = sequence.first_position;
        self.reach.keys_of(&(first + queries.start..first + queries.end), sequence.len())
    }

    /// Row `r` of a task: query after query, head after head.
    #[inline(always)]
    pub(super) fn query(&self, task: &Task, r: usize) -> Query {
        let (sequence, per_head) = (&self.sequences[task.sequence], task.queries.len());
        let query = task.queries.start + r % per_head;
        Query {
            row: sequence.rows.start + query,
            head: task.kv_head * self.spec.group() + r / per_head,
            position: sequence.first_position + query,
        }
    }

    /// Divides a row's output by its sum, and writes its log-sum-exp.
    ///
    /// # Safety
    /// The row must exist and be nobody else's meanwhile.
    #[inline(always)]
    pub(super) unsafe fn finish(&self, query: Query, state: Part) {
        // SAFETY: by the caller's word.
        unsafe {
            let log_sum = finish(state, self.out.slice_mut(query.row, query.head, self.spec.head_dim));
            if let Some(lse) = self.lse {
                lse.slice_mut(query.row, query.head, 1)[0] = log_sum;
            }
        }
    }
}

on_isa!(unsafe fn attend_on(job: &Job, task: &Task, cells: Rows<*mut f32>, buffers: &Buffers<7>) = attend);

/// # Safety
/// All rows, positions and heads of `job` must exist, those of `task` be written by nobody else.
#[inline(always)]
unsafe fn attend<L: Lanes, const R: usize, const N: usize, const M: usize>(
    job: &Job,
    task: &Task,
    cells: Rows<*mut f32>,
    &[keys_t, values, q, scores, other, o, state]: &Buffers<7>,
) {
    let (spec, sequence) = (job.spec, &job.sequences[task.sequence]);
    let (d, width, len) = (spec.head_dim, spec.head_dim.next_multiple_of(ROW_LANES), sequence.len());
    let per_head = task.queries.len();
    let rows = per_head * spec.group();
    let seen = job.seen(sequence, &task.queries);
    for chunk in task.chunks.clone() {
        let base = chunk * CHUNK;
        // Whole sixteens, so that panels stay aligned.
        let from = seen.start.saturating_sub(base) / ROW_LANES * ROW_LANES;
        let to = (seen.end - base).min(CHUNK);
        let mut keys = [Right::panels(keys_t, d); 2];
        // SAFETY: positions below `seen.end` exist; buffers hold a chunk.
        let v = unsafe {
            match sequence.kv {
                Source::Chunks(chunks) => {
                    keys[0] = Right::panels(chunks[chunk].keys(task.kv_head), d);
                    Right::row_major(chunks[chunk].values(task.kv_head), width)
                }
                Source::Rows { v, first } => {
                    let row = first + base + from;
                    for (s, piece) in job.pieces.iter().enumerate() {
                        let panels = keys_t.add(s * CHUNK * d);
                        transpose::<L>(piece.k.at(row, task.kv_head), piece.k.row, to - from, d, panels.add(from * d));
                        keys[s] = Right::panels(panels, d);
                    }
                    gather(v.at(row, task.kv_head), v.row, to - from, d, values.add(from * width), width);
                    Right::row_major(values, width)
                }
            }
        };
        for start in (0..rows).step_by(BLOCK) {
            let n = BLOCK.min(rows - start);
            let position = |i| job.query(task, start + i).position;
            let all = bands(job.reach, n, position, len, base);
            let seeing = &all[..n];
            if hull(seeing).is_none() {
                continue;
            }
            // SAFETY: bands lie within what was copied above; rows are this task's.
            unsafe {
                for (s, piece) in job.pieces.iter().enumerate() {
                    let mut i = 0;
                    while i < n {
                        // Within a panel, queries of one head lie a fixed step apart.
                        let Query { row, head, .. } = job.query(task, start + i);
                        let rest_of_head = per_head - (start + i) % per_head;
                        let run = (n - i).min(ROW_LANES - i % ROW_LANES).min(rest_of_head);
                        let panel = q.add(i / ROW_LANES * ROW_LANES * d + i % ROW_LANES);
                        transpose::<L>(piece.q.at(row, head), piece.q.row, run, d, panel);
                        i += run;
                    }
                    if job.pieces.len() == 1 {
                        score::<L, R, N, M>(q, keys[s], d, spec.scale, seeing, scores);
                        continue;
                    }
                    let bands = bands(piece.reach, n, position, len, base);
                    match s {
                        0 => score::<L, R, N, M>(q, keys[s], d, spec.scale, &bands[..n], scores),
                        _ => score_beside::<L, R, N, M>(q, keys[s], d, spec.scale, &bands[..n], scores, other),
                    }
                }
                if bends(spec) {
                    for (i, &band) in seeing.iter().enumerate() {
                        bend(spec, job.query(task, start + i), base, band, scores.add(i * SCORE_ROW), None);
                    }
                }
                let mut part = [(f32::NEG_INFINITY, 0.0); BLOCK];
                let (groups, rest) = seeing.as_chunks::<R>();
                for (g, bands) in groups.iter().enumerate() {
                    let at = scores.add(g * R * SCORE_ROW);
                    part[g * R..(g + 1) * R].copy_from_slice(&exponentiate::<L, R>(at, bands));
                }
                for (i, &band) in (n - rest.len()..n).zip(rest) {
                    [part[i]] = exponentiate::<L, 1>(scores.add(i * SCORE_ROW), &[band]);
                }
                if let Some(dropout) = &spec.dropout {
                    for (i, &band) in seeing.iter().enumerate() {
                        keep(dropout, job.query(task, start + i), base, band, other.add(i * SCORE_ROW));
                    }
                    multiply::<L>(scores, other, seeing);
                }
                let left: Scores = Left(scores);
                accumulate_all::<L, R, N, M, _, _>(left, v, seeing, true, o, width);
                for i in (0..n).filter(|&i| seeing[i].0 < seeing[i].1) {
                    let query = job.query(task, start + i);
                    let o = std::slice::from_raw_parts(o.add(i * width), d);
                    if let Some(first) = task.parts {
                        let cell = first + (chunk - task.chunks.start) * rows + start + i;
                        Parts::put(cells, cell, part[i], o);
                        continue;
                    }
                    let out = job.out.slice_mut(query.row, query.head, d);
                    let state = state.add(2 * (start + i)).cast::<Part>();
                    *state = if job.reach.keys(query.position, len).start / CHUNK == chunk {
                        out.copy_from_slice(o);
                        part[i]
                    } else {
                        fold(*state, part[i], out, o)
                    };
                }
            }
        }
    }
    if task.parts.is_none() {
        for r in 0..rows {
            // SAFETY: rows are this task's, and each sees a key at least, its own.
            unsafe { job.finish(job.query(task, r), *state.add(2 * r).cast::<Part>()) };
        }
    }
}
