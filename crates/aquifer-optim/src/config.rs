//! What a training run is, beyond its data and its model.

use crate::{OptimizerSettings, Schedule, TrainError};
use aquifer_grad::StepLanes;

/// Everything that decides the bits of a run, and how often it is looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct TrainConfig {
    /// Tokens of a grain: the longest context a prediction sees.
    pub grain_len: usize,
    /// Grains in one optimiser step.
    pub grains_per_step: usize,
    /// Grains computed at a time; changes memory and speed, never a bit.
    pub micro_batch: usize,
    /// Chains of each sum over tokens: a power of two, at most `grains_per_step`.
    pub lanes: usize,
    /// Learning rate and number of steps.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: OptimizerSettings,
    /// Gradients longer than this are shortened to it; 0 never.
    pub clip: f64,
    /// Share of the elements dropped where a value enters the residual stream; 0 none.
    pub dropout: f32,
    /// Seeds the order of the data and what is dropped.
    pub seed: u64,
    /// Steps between evaluations on held-out text; 0 only at the end.
    pub eval_every: u64,
    /// Held-out grains of an evaluation on the way; the last one takes all.
    pub eval_grains: u64,
    /// Steps between checkpoints; 0 only at the end.
    pub checkpoint_every: u64,
    /// Checkpoints kept besides the best.
    pub keep: usize,
    /// Whether the checkpoint with the lowest held-out loss is made and kept.
    pub keep_best: bool,
    /// Steps between samples; 0 never.
    pub sample_every: u64,
}

impl TrainConfig {
    /// The shape of a step, checked.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the first value that cannot be.
    pub fn step_lanes(&self) -> Result<StepLanes, TrainError> {
        let wrong = |what: String| Err(TrainError::Config(what));
        let TrainConfig { grain_len, grains_per_step, micro_batch, lanes, .. } = *self;
        if grain_len == 0 || grains_per_step == 0 || micro_batch == 0 {
            return wrong(format!(
                "a step needs at least one grain of one token and micro-batches of one, got {grains_per_step} grains of {grain_len} in micro-batches of {micro_batch}"
            ));
        }
        if !lanes.is_power_of_two() || lanes > grains_per_step {
            return wrong(format!(
                "lanes must be a power of two up to the {grains_per_step} grains of a step, got {lanes}"
            ));
        }
        Ok(StepLanes { grains: grains_per_step, grain_len, lanes })
    }

    /// Held-out tokens looked at over a whole run, of `all` there are.
    pub fn looked_at(&self, all: u64) -> u64 {
        let looks = self.schedule.steps.saturating_sub(1).checked_div(self.eval_every).unwrap_or(0);
        all + looks * all.min(self.eval_grains * self.grain_len as u64)
    }

    /// Tokens of a step, pads included.
    pub fn tokens_per_step(&self) -> u64 {
        (self.grains_per_step * self.grain_len) as u64
    }
}
