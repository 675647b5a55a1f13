//! What a run will need, told before its first step: memory by going through the same code without its arithmetic, time
//! by a few real steps whose results are thrown away.

use crate::RunError;
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_optim::{Mixture, TokenSource, TrainConfig, Trainer, plan_memory};
use aquifer_record::Forecast;
use aquifer_record::forecast::{Estimate, Outcome};
use std::sync::Arc;

/// Steps of a calibration: the first warms caches and pools and is not counted.
const FEWEST: usize = 3;
const MOST: usize = 12;
/// A calibration is over when its counted steps took this long.
const ENOUGH_SECONDS: f64 = 0.4;

/// What a few real steps showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Seconds of each counted step, ascending.
    pub step_seconds: Vec<f64>,
    /// Tokens of a step.
    pub tokens_per_step: u64,
    /// Floating-point operations of the matrix products of a step.
    pub step_flops: f64,
}

impl Calibration {
    /// Trains a throw-away copy of the model for a moment. Nothing of it reaches the run: neither weights nor the
    /// position in the data.
    ///
    /// # Errors
    /// Those of a training step.
    pub fn measure(
        config: &DecoderConfig,
        precision: Precision,
        train: &TrainConfig,
        source: impl Into<Mixture>,
    ) -> Result<Self, RunError> {
        let decoder = Decoder::init(config.clone(), 0, precision)?;
        let mut trainer = Trainer::new(decoder, train.clone(), source, None, None, "calibration")?;
        trainer.time_steps(1)?;
        let mut step_seconds = Vec::new();
        while step_seconds.len() < FEWEST
            || (step_seconds.len() < MOST && step_seconds.iter().sum::<f64>() < ENOUGH_SECONDS)
        {
            step_seconds.extend(trainer.time_steps(1)?);
        }
        step_seconds.sort_by(f64::total_cmp);
        let tokens_per_step = train.tokens_per_step();
        let step_flops = flops_per_token(config, train.grain_len) * tokens_per_step as f64;
        Ok(Calibration { step_seconds, tokens_per_step, step_flops })
    }

    /// The middle step.
    pub fn median_seconds(&self) -> f64 {
        self.step_seconds.get(self.step_seconds.len() / 2).copied().unwrap_or(0.0)
    }

    /// Tokens a second.
    pub fn tokens_per_second(&self) -> f64 {
        self.tokens_per_step as f64 / self.median_seconds().max(1e-9)
    }

    /// Floating-point operations a second.
    pub fn flops_per_second(&self) -> f64 {
        self.step_flops / self.median_seconds().max(1e-9)
    }
}

/// Operations of a forward and a backward pass for one token: six for each weight of a product, and attention
/// over half of the context.
pub fn flops_per_token(config: &DecoderConfig, sequence: usize) -> f64 {
    let table = config.vocab_size * config.hidden_size;
    let in_products = config.param_count() - if config.tie_word_embeddings { 0 } else { table };
    let attended = config.num_hidden_layers * config.num_attention_heads * config.head_dim * sequence;
    6.0 * in_products as f64 + 6.0 * attended as f64
}

/// Bytes by purpose that the run will hold at its peak, of a [plan](plan_memory): they add up to it.
///
/// # Errors
/// If the training step's values do not fit together.
pub fn memory_parts(
    config: &DecoderConfig,
    precision: Precision,
    train: &TrainConfig,
    source: impl Into<Mixture>,
    held_out: Option<Arc<dyn TokenSource>>,
) -> Result<Vec<(String, u64)>, RunError> {
    let planned = plan_memory(config, precision, train, source, held_out)?;
    Ok(planned.parts.into_iter().map(|(what, bytes)| (what.to_owned(), bytes as u64)).collect())
}

/// Refuses a run that cannot fit, saying what to change; `needed_with` plans it with other micro-batches.
///
/// # Errors
/// [`RunError::Memory`], and those of a plan.
pub fn check_memory(
    parts: &[(String, u64)],
    limit: u64,
    train: &TrainConfig,
    mut needed_with: impl FnMut(usize) -> Result<u64, RunError>,
) -> Result<u64, RunError> {
    let needed = total(parts);
    if needed <= limit {
        return Ok(needed);
    }
    // The largest micro-batch that fits, between one that does (none at all) and one that does not.
    let (mut fits, mut fails) = (0, train.micro_batch.min(train.grains_per_step));
    while fails - fits > 1 {
        let micro = fits.midpoint(fails);
        if needed_with(micro)? <= limit { fits = micro } else { fails = micro }
    }
    let activations: u64 = parts.iter().filter(|(what, _)| what.contains("activation")).map(|(_, bytes)| bytes).sum();
    let advice = if fits > 0 {
        format!("set `batch.micro` to {fits} (it is {}; the result stays the same)", train.micro_batch)
    } else if needed - activations <= limit {
        format!("shorten `batch.sequence` (it is {})", train.grain_len)
    } else {
        "choose a smaller model (`model.width`, `model.layers`) or vocabulary".to_owned()
    };
    Err(RunError::Memory { needed, limit, advice })
}

/// The bytes of all parts.
pub(crate) fn total(parts: &[(String, u64)]) -> u64 {
    parts.iter().map(|(_, bytes)| bytes).sum()
}

/// The forecast of a run of `train.schedule.steps` steps that also looks at `eval_tokens` held-out tokens; what is
/// around the run is left open.
pub fn forecast(
    calibration: &Calibration,
    parts: Vec<(String, u64)>,
    limit: u64,
    train: &TrainConfig,
    eval_tokens: u64,
) -> Forecast {
    let steps = train.schedule.steps;
    // A forward pass alone is a third of a step.
    let in_steps = eval_tokens as f64 / calibration.tokens_per_step.max(1) as f64 / 3.0;
    let all = |step: f64| step * (steps as f64 + in_steps);
    let fastest = calibration.step_seconds.first().copied().unwrap_or(0.0);
    let slowest = calibration.step_seconds.last().copied().unwrap_or(0.0);
    Forecast {
        memory_bytes: total(&parts),
        memory_parts: parts,
        memory_limit_bytes: limit,
        document_bytes: 0,
        whole: None,
        seconds: Estimate {
            expected: all(calibration.median_seconds()),
            low: 0.9 * all(fastest),
            high: 1.2 * all(slowest),
        },
        steps,
        tokens: steps * calibration.tokens_per_step,
        flops: steps as f64 * calibration.step_flops,
        method: format!(
            "{} steps on throw-away weights took {:.0} to {:.0} ms each (median {:.0}); the interval goes from 10 % \
             below the fastest to 20 % above the slowest",
            calibration.step_seconds.len(),
            fastest * 1e3,
            slowest * 1e3,
            calibration.median_seconds() * 1e3
        ),
        outcome: None,
    }
}

/// Writes down what happened beside what was forecast.
pub fn score_forecast(forecast: &mut Forecast, seconds: f64, memory_bytes: u64) {
    forecast.outcome = Some(Outcome { memory_bytes, seconds });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn a_run_that_cannot_fit_is_told_what_to_change() {
        let recipe = Recipe { data: "x".into(), ..Recipe::default() };
        let train = crate::train_config(&crate::resolve(&recipe).unwrap());
        let parts = vec![("weights".to_owned(), 100), ("activations".to_owned(), 1600)];
        let needed_with = |micro| Ok(100 + 100 * micro as u64);
        assert_eq!(check_memory(&parts, 1700, &train, needed_with).unwrap(), 1700);
        for (limit, part) in [(1000, "`batch.micro` to 9"), (150, "`batch.sequence`"), (50, "`model.width`")] {
            let told = check_memory(&parts, limit, &train, needed_with).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }
}
