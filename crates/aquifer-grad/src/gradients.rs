//! Gradients of one optimiser step, gathered micro-batch by micro-batch.
//!
//! A sum over tokens is a chain inside each lane of the step and a binary tree over the lanes
//! (`aquifer_ops::order`). Lanes end in order, so the tree is kept as a binary counter: equal neighbours merge
//! as soon as both are there, and at most log₂ `lanes` partial sums wait.

use crate::{GradError, MicroBatch, ParamId, Params, Run, StepLanes};
use aquifer_ops::order::tree;
use aquifer_tensor::{Shape, Tensor, memory};

/// What they are called in a plan of memory.
const GRADIENTS: &str = "gradients";

/// The n-th use of a parameter in a graph: each use has a sum over tokens of its own (a tied head and its
/// embedding, say), and the sums meet when the step ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use {
    /// The parameter.
    pub id: ParamId,
    /// Its earlier uses in the graph.
    pub nth: usize,
}

/// One `f32` gradient for each parameter. See the module's opening for the order of summation.
pub struct Gradients {
    entries: Vec<Entry>,
    step: StepLanes,
    next_grain: usize,
    batch: MicroBatch,
    runs: Vec<Run>,
}

struct Entry {
    name: String,
    shape: Shape,
    uses: Vec<Partial>,
    done: Option<Tensor>,
}

/// The state of one sum over tokens.
#[derive(Default)]
struct Partial {
    /// Sums of whole lanes, with their number of lanes: strictly falling powers of two.
    closed: Vec<(usize, Tensor)>,
    /// The lane that goes on in the next micro-batch.
    open: Option<Tensor>,
    grains: usize,
}

impl Gradients {
    /// No gradients yet, for these parameters.
    pub fn new(params: &Params) -> Self {
        let entry = |(_, name, value): (_, &str, &Tensor)| Entry {
            name: name.to_owned(),
            shape: value.shape_of(),
            uses: Vec::new(),
            done: None,
        };
        Gradients {
            entries: params.iter().map(entry).collect(),
            step: StepLanes { grains: 0, grain_len: 1, lanes: 1 },
            next_grain: 0,
            batch: MicroBatch { first_grain: 0, grains: 0 },
            runs: Vec::new(),
        }
    }

    /// Forgets the last step and starts one of this size.
    ///
    /// # Errors
    /// If the lanes are no power of two or more than the grains.
    pub fn begin_step(&mut self, step: StepLanes) -> Result<(), GradError> {
        self.step = step.check()?;
        self.next_grain = 0;
        self.batch = MicroBatch { first_grain: 0, grains: 0 };
        self.runs.clear();
        for entry in &mut self.entries {
            entry.uses.clear();
            entry.done = None;
        }
        Ok(())
    }

    /// Says which grains the next backward pass is about. Micro-batches come in order and leave no gap.
    ///
    /// # Errors
    /// If this one does not follow the last, or reaches beyond the step.
    pub fn begin_micro_batch(&mut self, batch: MicroBatch) -> Result<(), GradError> {
        let end = batch.first_grain + batch.grains;
        if batch.first_grain != self.next_grain || end > self.step.grains {
            let (got, next, grains) = (batch.first_grain..end, self.next_grain, self.step.grains);
            return Err(GradError::MicroBatch { got, next, grains });
        }
        self.batch = batch;
        self.next_grain = end;
        self.runs = self.step.runs(batch);
        Ok(())
    }

    /// The size of the step at hand.
    pub fn step(&self) -> StepLanes {
        self.step
    }

    /// The micro-batch at hand.
    pub fn micro_batch(&self) -> MicroBatch {
        self.batch
    }

    /// Adds one operator's sums over the tokens at hand: calls `sum(run, outs)` for each run of the
    /// micro-batch, where `outs` are the accumulators of `uses` and `sum` follows `run.begin`.
    ///
    /// # Errors
    /// Those of `sum`; if `rows` is not the micro-batch's; if these uses missed an earlier micro-batch.
    pub fn accumulate<const N: usize>(
        &mut self,
        uses: [Use; N],
        rows: usize,
        mut sum: impl FnMut(&Run, &mut [Tensor; N]) -> Result<(), GradError>,
    ) -> Result<(), GradError> {
        for used in uses {
            self.check_turn(used, rows)?;
        }
        for i in 0..self.runs.len() {
            let run = &self.runs[i];
            let mut outs = uses.map(|used| {
                let entry = &mut self.entries[used.id.0];
                let going_on = entry.uses[used.nth].open.take();
                going_on.unwrap_or_else(|| memory::count_as(GRADIENTS, || Tensor::recycled::<f32>(entry.shape)))
            });
            sum(run, &mut outs)?;
            for (used, out) in uses.into_iter().zip(outs) {
                let partial = &mut self.entries[used.id.0].uses[used.nth];
                match run.closes {
                    0 => partial.open = Some(out),
                    lanes => partial.close(lanes, out)?,
                }
            }
        }
        for used in uses {
            self.entries[used.id.0].uses[used.nth].grains += self.batch.grains;
        }
        Ok(())
    }

    fn check_turn(&mut self, used: Use, rows: usize) -> Result<(), GradError> {
        let entry = &mut self.entries[used.id.0];
        let want = self.batch.grains * self.step.grain_len;
        if rows != want {
            return Err(GradError::Rows { param: entry.name.clone(), want, got: rows });
        }
        if entry.uses.len() <= used.nth {
            entry.uses.resize_with(used.nth + 1, Partial::default);
        }
        let (got, want) = (entry.uses[used.nth].grains, self.batch.first_grain);
        if got != want {
            return Err(GradError::Uneven { param: entry.name.clone(), nth: used.nth, got, want });
        }
        Ok(())
    }

    /// Ends the step: joins the sums of each parameter's uses, first to last. A parameter without a use has
    /// gradient zero.
    ///
    /// # Errors
    /// If grains of the step are missing.
    pub fn finish(&mut self) -> Result<(), GradError> {
        let grains = self.step.grains;
        if self.next_grain != grains {
            return Err(GradError::Unfinished { seen: self.next_grain, grains });
        }
        for entry in &mut self.entries {
            let mut total: Option<Tensor> = None;
            for (nth, mut partial) in std::mem::take(&mut entry.uses).into_iter().enumerate() {
                if partial.grains != grains {
                    let (param, got) = (entry.name.clone(), partial.grains);
                    return Err(GradError::Uneven { param, nth, got, want: grains });
                }
                let (_, sum) = partial.closed.pop().expect("the last grain closes the last lane");
                total = Some(match total {
                    None => sum,
                    Some(so_far) => joined(so_far, &sum)?,
                });
            }
            let none = || memory::count_as(GRADIENTS, || Tensor::zeros::<f32>(entry.shape));
            entry.done = Some(total.unwrap_or_else(none));
        }
        Ok(())
    }

    /// A parameter's gradient, after [`Gradients::finish`].
    ///
    /// # Panics
    /// Before it.
    pub fn get(&self, id: ParamId) -> &Tensor {
        self.entries[id.0].done.as_ref().expect("gradients are read after `finish`")
    }

    /// The Euclidean norm over all parameters: squares in `f64`, each row by itself, then a tree over rows, then
    /// a tree over parameters.
    ///
    /// # Errors
    /// None that the shapes of parameters can cause.
    ///
    /// # Panics
    /// Before [`Gradients::finish`].
    pub fn norm(&self, params: &Params) -> Result<f64, GradError> {
        let mut squares = Vec::with_capacity(self.entries.len());
        for id in params.ids() {
            let grad = self.get(id);
            let cols = grad.shape().last().copied().unwrap_or(1);
            let rows = grad.reshape([grad.numel() / cols.max(1), cols]);
            squares.push(aquifer_ops::square_sum(&rows.view(), aquifer_ops::shard_count(cols, params.min_shard()))?);
        }
        Ok(tree(squares, |a, b| a + b).unwrap_or(0.0).sqrt())
    }

    /// Bytes held at this moment.
    pub fn bytes(&self) -> usize {
        let of = |t: &Tensor| t.numel() * size_of::<f32>();
        let partial = |p: &Partial| p.closed.iter().map(|(_, t)| of(t)).sum::<usize>() + p.open.as_ref().map_or(0, of);
        let entry = |e: &Entry| e.uses.iter().map(partial).sum::<usize>() + e.done.as_ref().map_or(0, of);
        self.entries.iter().map(entry).sum()
    }
}

impl Partial {
    /// Takes in the sum of `lanes` whole lanes and merges neighbours of equal size, as the tree does.
    fn close(&mut self, mut lanes: usize, mut sum: Tensor) -> Result<(), GradError> {
        while self.closed.last().is_some_and(|(n, _)| *n == lanes) {
            let (_, left) = self.closed.pop().expect("just seen");
            sum = joined(left, &sum)?;
            lanes *= 2;
        }
        self.closed.push((lanes, sum));
        Ok(())
    }
}

fn joined(mut left: Tensor, right: &Tensor) -> Result<Tensor, GradError> {
    aquifer_ops::add_assign(&mut left.view_mut(), &right.view())?;
    Ok(left)
}
