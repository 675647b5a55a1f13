//! Long caches cut between threads: each chunk of keys gives its part to a table, and the parts of a query are
//! folded from there, left to right as ever.

use super::forward::{Job, Task};
use super::rows::Rows;
use super::scores::BLOCK;
use super::softmax::{Part, fold};
use super::{AttentionSpec, CHUNK};
use crate::order::ROW_LANES;
use aquifer_tensor::{Tensor, threads};

/// Where a cell's output begins; before it its maximum and its sum.
const HEAD: usize = ROW_LANES;

/// One cell for each chunk of keys and query that sees it, of those tasks that were cut.
#[derive(Default)]
pub(super) struct Parts {
    cells: Option<Tensor>,
    step: usize,
    /// Tasks as they were, `parts` being the first of their cells.
    whole: Vec<Task>,
}

impl Parts {
    /// Cuts the tasks that would keep the other threads waiting, if they are of few queries. Cut or not, bits are
    /// the same: a chunk's part depends on nothing else.
    pub(super) fn split(tasks: &mut Vec<Task>, spec: &AttentionSpec) -> Self {
        let cost = |task: &Task| task.queries.len() * task.chunks.len();
        let fair = tasks.iter().map(cost).sum::<usize>().div_ceil(2 * threads::count());
        let (mut cells, mut whole, mut pieces) = (0, Vec::new(), Vec::new());
        tasks.retain(|task| {
            let (n, rows) = (task.queries.len(), task.queries.len() * spec.group());
            let run = fair.div_ceil(n).max(1);
            let cut = threads::count() > 1 && rows <= BLOCK && task.chunks.len() > run;
            if cut {
                whole.push(Task {
                    parts: Some(cells),
                    queries: task.queries.clone(),
                    chunks: task.chunks.clone(),
                    ..*task
                });
                for first in task.chunks.clone().step_by(run) {
                    let chunks = first..(first + run).min(task.chunks.end);
                    let parts = Some(cells + (first - task.chunks.start) * rows);
                    pieces.push(Task { parts, queries: task.queries.clone(), chunks, ..*task });
                }
                cells += rows * task.chunks.len();
            }
            !cut
        });
        tasks.append(&mut pieces);
        let step = HEAD + spec.head_dim.next_multiple_of(ROW_LANES);
        Parts { cells: (cells > 0).then(|| Tensor::recycled::<f32>([cells, step])), step, whole }
    }

    /// The table, as tasks write it.
    pub(super) fn cells(&mut self) -> Rows<*mut f32> {
        let ptr = self.cells.as_mut().map_or(std::ptr::null_mut(), |cells| cells.as_f32_mut().as_mut_ptr());
        Rows { ptr, row: self.step, head: 0 }
    }

    /// Writes one cell.
    ///
    /// # Safety
    /// It must exist and be nobody else's meanwhile.
    #[inline(always)]
    pub(super) unsafe fn put(cells: Rows<*mut f32>, cell: usize, part: Part, o: &[f32]) {
        // SAFETY: by the caller's word.
        let to = unsafe { cells.slice_mut(cell, 0, HEAD + o.len()) };
        (to[0], to[1]) = part;
        to[HEAD..].copy_from_slice(o);
    }

    /// Folds every query's parts into its output.
    pub(super) fn fold(&self, job: &Job) {
        let (d, whole, cells) = (job.spec.head_dim, &self.whole, self.cells.as_ref());
        let Some(cells) = cells.map(Tensor::as_f32) else { return };
        for task in whole {
            let rows = task.queries.len() * job.spec.group();
            for r in 0..rows {
                let query = job.query(task, r);
                let seen = job.reach.keys(query.position, job.sequences[task.sequence].len());
                // SAFETY: the row exists, and no task runs any more.
                let out = unsafe { job.out.slice_mut(query.row, query.head, d) };
                let mut state = None;
                for chunk in seen.start / CHUNK..seen.end.div_ceil(CHUNK) {
                    let cell = task.parts.unwrap_or(0) + (chunk - task.chunks.start) * rows + r;
                    let cell = &cells[cell * self.step..][..HEAD + d];
                    let (part, o) = ((cell[0], cell[1]), &cell[HEAD..]);
                    state = Some(match state {
                        None => {
                            out.copy_from_slice(o);
                            part
                        }
                        Some(state) => fold(state, part, out, o),
                    });
                }
                // SAFETY: as above.
                unsafe { job.finish(query, state.expect("a query sees its own key")) };
            }
        }
    }
}
