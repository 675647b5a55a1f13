//! The loop: grains in, gradients, one update, a line of metrics; now and then an evaluation or a checkpoint.

use crate::error::listed;
use crate::spike::Spikes;
use crate::{
    Checkpoints, HeldOut, HeldOutLoss, IGNORE, Mixer, Mixture, OptimizerState, TokenSource, TrainConfig, TrainError,
};
use aquifer_grad::{Gradients, StepLanes};
use aquifer_model::{Decoder, Dropout, TokenBatch};
use aquifer_record::files::{self, FileError};
use aquifer_record::manifest::SourceUse;
use aquifer_record::progress::Unit;
use aquifer_record::{Bar, MetricLine, Progress, Stop};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const STATE: &str = "state.json";
const OPTIMIZER: &str = "optimizer.safetensors";

/// Where a run stands, besides its weights and moments: the whole of what a resume needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// Optimiser steps done.
    pub step: u64,
    /// Number of the next grain; with the seed, the whole position in the data.
    pub next_grain: u64,
    /// Tokens trained on, pads not counted.
    pub tokens: u64,
    /// Seconds of training steps, over all sittings.
    pub seconds: f64,
    /// Seconds of evaluations, samples and checkpoints between and after them.
    #[serde(default)]
    pub look_seconds: f64,
    /// The seed of the order of the data.
    pub seed: u64,
    /// Names the recipe and the data; a checkpoint of another job is refused.
    pub job: String,
    /// What was read of each source.
    #[serde(default)]
    pub sources: Vec<SourceUse>,
    /// The lowest held-out loss so far.
    pub best: Option<Best>,
    /// Recent losses, for the report of spikes.
    pub recent_losses: Vec<f64>,
}

/// The lowest held-out loss and where it was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The step.
    pub step: u64,
    /// Nats a token.
    pub loss: f64,
}

/// How a call of [`Trainer::run`] ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Every step is done; with the last held-out loss, if there is held-out text.
    Finished(Option<HeldOutLoss>),
    /// Stopped by request after this step, and saved.
    Stopped(u64),
}

/// Looks on while training goes. Every method may do nothing.
pub trait Watch {
    /// A line for `metrics.jsonl`.
    ///
    /// # Errors
    /// If it cannot be kept: training stops.
    fn line(&mut self, line: &MetricLine) -> Result<(), FileError> {
        let _ = line;
        Ok(())
    }

    /// Called every `sample_every` steps with the weights of that step: generate something, say. Whoever keeps the
    /// model beyond this call stops the training.
    fn sample(&mut self, step: u64, decoder: &Arc<Decoder>) {
        let _ = (step, decoder);
    }
}

impl Watch for () {}

/// A decoder on its way through a run.
pub struct Trainer {
    decoder: Arc<Decoder>,
    optimizer: OptimizerState,
    config: TrainConfig,
    lanes: StepLanes,
    mixer: Mixer,
    held_out: Option<HeldOut>,
    checkpoints: Option<Checkpoints>,
    state: TrainState,
    spikes: Spikes,
    grads: Gradients,
}

/// What one step found.
struct Step {
    loss: f64,
    targets: u64,
    norm: f64,
    lr: f64,
}

impl Trainer {
    /// A run at its first step. `job` names recipe and data; `checkpoints` is the folder for them, if any.
    ///
    /// # Errors
    /// [`TrainError::Config`] if the values do not fit together or the documents hold nothing to predict.
    pub fn new(
        decoder: Decoder,
        config: TrainConfig,
        train: impl Into<Mixture>,
        held_out: Option<Arc<dyn TokenSource>>,
        checkpoints: Option<PathBuf>,
        job: &str,
    ) -> Result<Self, TrainError> {
        let lanes = config.step_lanes()?;
        let mixer = Mixer::new(&train.into(), config.grain_len, config.seed)?;
        let held_out = held_out.and_then(|source| HeldOut::new(source, config.grain_len, config.micro_batch));
        let (optimizer, grads) =
            (OptimizerState::new(config.optimizer.method, &decoder.params), Gradients::new(&decoder.params));
        let state = TrainState { seed: config.seed, job: job.to_owned(), ..TrainState::default() };
        let checkpoints = checkpoints.map(Checkpoints::in_folder);
        let spikes = Spikes::default();
        Ok(Trainer {
            decoder: Arc::new(decoder),
            optimizer,
            config,
            lanes,
            mixer,
            held_out,
            checkpoints,
            state,
            spikes,
            grads,
        })
    }

    /// Goes on from the newest checkpoint that is whole, if there is one; tells of every damaged one through
    /// `progress` and removes what is newer than the one used.
    ///
    /// # Errors
    /// [`TrainError::AllDamaged`] if there are checkpoints and none is whole; [`TrainError::Foreign`] if it belongs to
    /// another job.
    pub fn resume(&mut self, progress: &dyn Progress) -> Result<bool, TrainError> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(false) };
        let found = checkpoints.newest_good();
        for damage in &found.damaged {
            progress.note(&damage.to_string());
        }
        let Some((step, folder)) = found.good else {
            return if found.damaged.is_empty() { Ok(false) } else { Err(TrainError::AllDamaged(found.damaged)) };
        };
        if !found.damaged.is_empty() {
            progress.note(&format!("going on from the last good one, `{}`", folder.display()));
        }
        checkpoints.forget_after(step)?;
        checkpoints.sweep()?;
        self.restore(&folder)?;
        Ok(true)
    }

    /// Takes weights, moments and position from a verified checkpoint.
    fn restore(&mut self, folder: &Path) -> Result<(), TrainError> {
        let path = folder.join(STATE);
        let foreign = |what: String| TrainError::Foreign { folder: folder.to_path_buf(), what };
        let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
        let state: TrainState = serde_json::from_slice(&bytes).map_err(|e| foreign(format!("`{STATE}`: {e}")))?;
        if state.job != self.state.job {
            return Err(foreign(format!("its recipe and data are {}, this run's are {}", state.job, self.state.job)));
        }
        // The old moments go first, so that going on never holds more than training does.
        self.optimizer = OptimizerState::none(self.config.optimizer.method);
        let decoder = Decoder::load(folder, self.decoder.params.precision())?;
        let same = decoder.params.len() == self.decoder.params.len()
            && decoder
                .params
                .iter()
                .zip(self.decoder.params.iter())
                .all(|(a, b)| a.1 == b.1 && a.2.shape() == b.2.shape());
        if !same {
            return Err(foreign("its parameters have other names or shapes".to_owned()));
        }
        self.decoder = Arc::new(decoder);
        let (file, method) = (folder.join(OPTIMIZER), self.config.optimizer.method);
        self.optimizer = OptimizerState::load(&file, method, &self.decoder.params)?;
        self.spikes = Spikes::from_recent(state.recent_losses.iter().copied());
        self.state = state;
        Ok(())
    }

    /// Where the run stands.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// The model as it is now.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The model, for good.
    pub fn into_decoder(self) -> Arc<Decoder> {
        self.decoder
    }

    /// Frees gradients and moments: there is no more to learn, only a model to be looked at and written.
    pub fn rest(&mut self) {
        self.grads = Gradients::new(&self.decoder.params);
        self.optimizer = OptimizerState::none(self.config.optimizer.method);
    }

    /// The model of the lowest held-out loss, from its checkpoint; `None` if there is none.
    ///
    /// # Errors
    /// If that checkpoint is damaged or gone.
    pub fn best_decoder(&self) -> Result<Option<(Best, Decoder)>, TrainError> {
        let (Some(best), Some(checkpoints)) = (self.state.best, &self.checkpoints) else { return Ok(None) };
        let folder = checkpoints.folder(best.step);
        crate::checkpoint::verify(&folder).map_err(|damage| TrainError::AllDamaged(vec![damage]))?;
        Ok(Some((best, Decoder::load(&folder, self.decoder.params.precision())?)))
    }

    /// Trains to the end, or until a stop is requested; then saves.
    ///
    /// # Errors
    /// [`TrainError::NonFinite`] names the documents; files that cannot be written; what the model refuses.
    pub fn run(&mut self, watch: &mut dyn Watch, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, TrainError> {
        let steps = self.config.schedule.steps;
        let bar = progress.bar("training", Some(steps), Unit::Count("steps"));
        bar.begin_at(self.state.step.min(steps));
        // A run that was stopped after its last step but before its last evaluation has that still to do.
        while self.state.step < steps {
            if stop.requested() {
                self.save()?;
                return Ok(Outcome::Stopped(self.state.step));
            }
            self.one_step(watch, &*bar)?;
            let begun = Instant::now();
            self.look_at(watch)?;
            self.state.look_seconds += begun.elapsed().as_secs_f64();
        }
        drop(bar);
        let begun = Instant::now();
        let last = self.evaluate(watch, u64::MAX, stop)?;
        self.save()?;
        self.state.look_seconds += begun.elapsed().as_secs_f64();
        if stop.requested() && last.is_none() && self.held_out.is_some() {
            return Ok(Outcome::Stopped(self.state.step));
        }
        Ok(Outcome::Finished(last))
    }

    /// Computes steps and throws their result away: seconds each took. For calibration, on a trainer of its own.
    ///
    /// # Errors
    /// Those of a step.
    pub fn time_steps(&mut self, steps: usize) -> Result<Vec<f64>, TrainError> {
        let mut seconds = Vec::with_capacity(steps);
        for _ in 0..steps {
            let begun = Instant::now();
            self.step()?;
            seconds.push(begun.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    fn one_step(&mut self, watch: &mut dyn Watch, bar: &dyn Bar) -> Result<(), TrainError> {
        let begun = Instant::now();
        let first_grain = self.state.next_grain;
        let step = self.step()?;
        let seconds = begun.elapsed().as_secs_f64();
        self.state.seconds += seconds;
        let event = self.spikes.watch(step.loss).map(|median| {
            let documents = listed(&self.mixer.ids(first_grain, self.config.grains_per_step));
            format!("loss spike: {:.3} against a running median of {median:.3}; documents: {documents}", step.loss)
        });
        self.state.recent_losses = self.spikes.recent();
        let rate = step.targets as f64 / seconds.max(1e-9);
        // What matters most comes first: a narrow terminal cuts the end off.
        bar.message(&format!("loss {:.3} · {} tokens/s · lr {:.1e}", step.loss, thousands(rate), step.lr));
        bar.advance(1);
        let line = MetricLine {
            loss: Some(step.loss),
            lr: Some(step.lr),
            grad_norm: Some(step.norm),
            tokens_per_second: Some(rate),
            memory_bytes: Some(aquifer_tensor::memory::peak_bytes() as u64),
            event,
            ..self.line()
        };
        Ok(watch.line(&line)?)
    }

    /// The forward and backward passes of one step, and the update.
    fn step(&mut self) -> Result<Step, TrainError> {
        let number = self.state.step + 1;
        let (batches, sources) = self.batches();
        let targets = batches.iter().flat_map(|b| &b.targets).filter(|t| **t != IGNORE).count() as u64;
        let (nats, norm) = self.gradients(&batches, 1.0 / targets.max(1) as f32)?;
        let loss = nats / targets.max(1) as f64;
        for (what, value) in [("loss", loss), ("gradient norm", norm)] {
            if !value.is_finite() {
                let documents = self.mixer.ids(self.state.next_grain, self.config.grains_per_step);
                return Err(TrainError::NonFinite { step: number, what, value, documents });
            }
        }
        let grad_scale = if self.config.clip > 0.0 && norm > self.config.clip { self.config.clip / norm } else { 1.0 };
        let lr = self.config.schedule.lr(self.state.step);
        self.update(lr, grad_scale, number)?;
        self.state.tokens += targets;
        self.state.sources = sources;
        Ok(Step { loss, targets, norm, lr })
    }

    /// The passes over all micro-batches: the summed loss in nats, and the norm of the gradient of `scale` times it.
    fn gradients(&mut self, batches: &[TokenBatch], scale: f32) -> Result<(f64, f64), TrainError> {
        self.grads.begin_step(self.lanes)?;
        let TrainConfig { dropout: p, seed, .. } = self.config;
        let dropout = (p > 0.0).then_some(Dropout { p, seed, step: self.state.step });
        // Rows in the order of the step, whatever the micro-batches.
        let mut nats = 0.0;
        for batch in batches {
            let losses = self.decoder.loss_and_grad(batch, scale, &mut self.grads, dropout)?;
            for loss in losses {
                nats += f64::from(loss);
            }
        }
        self.grads.finish()?;
        Ok((nats, self.grads.norm(&self.decoder.params)?))
    }

    fn update(&mut self, lr: f64, grad_scale: f64, number: u64) -> Result<(), TrainError> {
        let decoder = Arc::get_mut(&mut self.decoder).ok_or_else(|| {
            TrainError::Config("a watcher kept the model it was shown, so its weights cannot move on".to_owned())
        })?;
        let (settings, params) = (&self.config.optimizer, &mut decoder.params);
        self.optimizer.update(settings, lr, grad_scale, number, &self.grads, params)?;
        self.state.step = number;
        self.state.next_grain += self.config.grains_per_step as u64;
        Ok(())
    }

    /// Goes through everything that a run does with tensors, as often as something new is held: two steps, because the
    /// first makes the packed weights, and an evaluation. What it computes is not looked at.
    pub(crate) fn rehearse(&mut self) -> Result<(), TrainError> {
        for number in 1..=self.config.schedule.steps.min(2) {
            let (batches, _) = self.batches();
            self.gradients(&batches, 1.0)?;
            self.update(0.0, 1.0, number)?;
        }
        let on_the_way = if self.config.eval_every > 0 { self.config.eval_grains } else { u64::MAX };
        match &mut self.held_out {
            Some(held_out) => held_out.rehearse(&self.decoder, on_the_way),
            None => Ok(()),
        }
    }

    /// The micro-batches of the next step, and what will have been read of each source with them.
    fn batches(&mut self) -> (Vec<TokenBatch>, Vec<SourceUse>) {
        let grains = self.config.grains_per_step;
        let micro = self.config.micro_batch.min(grains);
        let first = self.state.next_grain;
        let cut = |at: usize| (at, micro.min(grains - at));
        let parts: Vec<(usize, usize)> = (0..grains).step_by(micro).map(cut).collect();
        let mut sources = self.state.sources.clone();
        let batch = |(at, count): (usize, usize)| self.mixer.batch(first + at as u64, count, at, &mut sources);
        (parts.into_iter().map(batch).collect(), sources)
    }

    /// Evaluation, sample and checkpoint, where this step asks for one.
    fn look_at(&mut self, watch: &mut dyn Watch) -> Result<(), TrainError> {
        let due = |every: u64| every > 0 && self.state.step.is_multiple_of(every);
        let last = self.state.step == self.config.schedule.steps;
        let (evaluate, sample, save) =
            (due(self.config.eval_every), due(self.config.sample_every), due(self.config.checkpoint_every));
        if last {
            return Ok(());
        }
        let mut is_best = false;
        if evaluate {
            let before = self.state.best;
            // Not cut short by a stop: a run that is resumed must know the same best as one that never stopped.
            self.evaluate(watch, self.config.eval_grains, &Stop::new())?;
            is_best = self.state.best != before;
        }
        if sample {
            watch.sample(self.state.step, &self.decoder);
        }
        if save || (is_best && self.config.keep_best) {
            self.save()?;
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        watch: &mut dyn Watch,
        at_most: u64,
        stop: &Stop,
    ) -> Result<Option<HeldOutLoss>, TrainError> {
        let Some(held_out) = &mut self.held_out else { return Ok(None) };
        let Some(found) = held_out.loss(&self.decoder, at_most, stop)? else { return Ok(None) };
        let loss = found.mean();
        if self.state.best.is_none_or(|best| loss < best.loss) {
            self.state.best = Some(Best { step: self.state.step, loss });
        }
        let line = MetricLine { eval_loss: Some(loss), eval_bits_per_byte: found.bits_per_byte(), ..self.line() };
        watch.line(&line)?;
        Ok(Some(found))
    }

    fn line(&self) -> MetricLine {
        let TrainState { step, tokens, seconds, .. } = self.state;
        MetricLine { step, tokens, seconds, ..MetricLine::default() }
    }

    /// Writes a checkpoint of this moment, if the run keeps any.
    ///
    /// # Errors
    /// If a file cannot be written; earlier checkpoints are then untouched.
    pub fn save(&self) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        checkpoints.save::<TrainError>(self.state.step, |folder| {
            self.decoder.save(folder)?;
            self.optimizer.save(&folder.join(OPTIMIZER), &self.decoder.params)?;
            let json = serde_json::to_vec_pretty(&self.state).expect("numbers and names always serialise");
            Ok(files::write_atomic_bytes(&folder.join(STATE), &json)?)
        })?;
        let best: Vec<u64> =
            self.state.best.filter(|_| self.config.keep_best).map(|best| best.step).into_iter().collect();
        Ok(checkpoints.prune(self.config.keep, &best)?)
    }
}

/// `114k`, `12.3k`, `840`.
fn thousands(value: f64) -> String {
    match value {
        100_000.0.. => format!("{:.0}k", value / 1000.0),
        1000.0.. => format!("{:.1}k", value / 1000.0),
        _ => format!("{value:.0}"),
    }
}
