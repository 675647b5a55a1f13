//! What a run does, as steps that can be handed to tasks one by one.

use super::PipelineError;
use super::recipe::{Recipe, is_barrier};
use super::run::{Pipeline, Share};

/// A step of a run. It begins when the one before is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStep {
    /// Every part goes through a segment; each task does its share of them.
    Parts(usize),
    /// The barrier before a segment decides: one task.
    Compare(usize),
    /// A vocabulary is found or learnt, where the recipe ends in token shards: one task.
    Learn,
    /// Documents become tokens; each task does its share of the parts.
    Tokenise,
    /// Shards are put together: one task.
    Assemble,
    /// What the parts say is added up: one task.
    AddUp,
}

impl RunStep {
    /// Whether it is one task's, the first one's.
    pub fn is_alone(self) -> bool {
        !matches!(self, RunStep::Parts(_) | RunStep::Tokenise)
    }
}

impl Recipe {
    /// The steps of its run, in order.
    pub fn steps(&self) -> Vec<RunStep> {
        let barriers = self.stages.iter().filter(|stage| is_barrier(stage)).count();
        let mut steps = vec![RunStep::Parts(0)];
        steps.extend((1..=barriers).flat_map(|at| [RunStep::Compare(at), RunStep::Parts(at)]));
        if self.shards.is_some() {
            steps.extend([RunStep::Learn, RunStep::Tokenise, RunStep::Assemble]);
        }
        steps.push(RunStep::AddUp);
        steps
    }
}

impl Pipeline {
    /// The steps in order.
    pub fn steps(&self) -> Vec<RunStep> {
        self.recipe.steps()
    }

    /// The tasks, of so many, that still have something to do in a step.
    pub fn tasks_left(&self, step: RunStep, of: usize) -> Vec<usize> {
        let alone = |through: bool| if through { Vec::new() } else { vec![0] };
        match step {
            RunStep::Parts(at) => (0..of).filter(|&index| !self.split(at, Share { index, of }).1.is_empty()).collect(),
            RunStep::Compare(at) => alone(self.layout.is_there(&self.layout.decided(at))),
            RunStep::Learn => alone(self.has_vocabulary()),
            RunStep::Tokenise => (0..of).filter(|&index| !self.tokenised(Share { index, of }).1.is_empty()).collect(),
            RunStep::Assemble => alone(self.layout.sharded().exists()),
            RunStep::AddUp => alone(self.is_added_up()),
        }
    }

    /// Those of all steps, or only the one that was asked for, counted from 1.
    pub(super) fn chosen(&self, step: Option<usize>) -> Result<Vec<RunStep>, PipelineError> {
        let steps = self.steps();
        match step {
            None => Ok(steps),
            Some(n) => match n.checked_sub(1).and_then(|i| steps.get(i)) {
                Some(&step) => Ok(vec![step]),
                None => Err(PipelineError::Step { step: n, steps: steps.len() }),
            },
        }
    }

    /// Whether all that a step builds on is there.
    pub(super) fn is_ready(&self, step: RunStep) -> bool {
        let through = |at: usize| (0..self.files.len()).all(|part| self.layout.is_there(&self.layout.done(at, part)));
        let last = self.segments.len() - 1;
        match step {
            RunStep::Parts(0) => true,
            RunStep::Parts(at) => self.layout.is_there(&self.layout.decided(at)),
            RunStep::Compare(at) => through(at - 1),
            RunStep::Learn => through(last),
            RunStep::Tokenise => through(last) && self.has_vocabulary(),
            RunStep::Assemble => self.tokenised(Share::default()).1.is_empty(),
            RunStep::AddUp => through(last) && (self.recipe.shards.is_none() || self.layout.sharded().exists()),
        }
    }

    /// Whether the vocabulary of the shards is written, of which this file comes last.
    pub(super) fn has_vocabulary(&self) -> bool {
        self.layout.tokenizer().join("tokenizer_config.json").exists()
    }

    /// The parts of a share that are tokens, and those that are not.
    pub(super) fn tokenised(&self, share: Share) -> (Vec<usize>, Vec<usize>) {
        let mine = (share.index..self.files.len()).step_by(share.of);
        mine.partition(|&part| self.layout.tokenised(part).exists())
    }

    /// The parts of a share that are through a segment, and those that are not.
    pub(super) fn split(&self, at: usize, share: Share) -> (Vec<usize>, Vec<usize>) {
        let mine = (share.index..self.files.len()).step_by(share.of);
        mine.partition(|&part| self.layout.is_there(&self.layout.done(at, part)))
    }
}
