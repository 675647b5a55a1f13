//! A recipe with every choice made: what was left to a default, and what depends on the machine or the data.

use crate::RunError;
use crate::recipe::Recipe;
use aquifer_model::DecoderConfig;
use aquifer_ops::order::default_lanes;
use aquifer_ops::{Precision, order};
use aquifer_optim::{OptimizerSettings, Schedule, Shape, TrainConfig};
use aquifer_text::Tokenizer;

/// Tokens computed at a time unless the recipe says otherwise: large enough for full speed, small enough for caches.
const MICRO_TOKENS: usize = 8192;

/// The recipe with no default left open. Doing it twice changes nothing.
///
/// # Errors
/// [`RunError::Recipe`] if a value is refused.
pub fn resolve(recipe: &Recipe) -> Result<Recipe, RunError> {
    recipe.check()?;
    let mut r = recipe.clone();
    r.precision = precision(recipe).name().to_owned();
    let m = &mut r.model;
    m.kv_heads.get_or_insert(m.heads);
    m.head_dim.get_or_insert(m.width / m.heads);
    m.feed_forward.get_or_insert((m.width * 8).div_ceil(3).next_multiple_of(32));
    // None and nothing are the same job, and should have the same name.
    m.dropout = m.dropout.filter(|p| *p > 0.0);
    let b = &mut r.batch;
    b.micro.get_or_insert((MICRO_TOKENS / b.sequence).clamp(1, b.grains));
    b.lanes.get_or_insert(default_lanes(b.grains, b.sequence));
    let s = &mut r.schedule;
    s.warmup_steps.get_or_insert((s.steps / 20).min(200));
    s.decay_steps.get_or_insert(if s.shape == Shape::Wsd { s.steps / 5 } else { 0 });
    r.run.eval_every.get_or_insert((s.steps / 10).max(1));
    r.run.checkpoint_every.get_or_insert((s.steps / 5).max(1));
    r.run.keep_best |= r.run.export == crate::Export::Best;
    Ok(r)
}

/// The rung of a recipe; plain `bf16` is this machine's order.
pub(crate) fn precision(recipe: &Recipe) -> Precision {
    Precision::from_name(&recipe.precision).expect("a recipe is checked when it is read")
}

/// The model of a resolved recipe and its tokenizer.
pub fn decoder_config(recipe: &Recipe, tokenizer: &Tokenizer) -> DecoderConfig {
    let m = &recipe.model;
    let base = DecoderConfig::small(m.width, m.layers, m.heads, m.kv_heads.unwrap_or(m.heads), tokenizer.vocab_size());
    DecoderConfig {
        intermediate_size: m.feed_forward.unwrap_or(base.intermediate_size),
        head_dim: m.head_dim.unwrap_or(m.width / m.heads),
        max_position_embeddings: recipe.batch.sequence,
        rms_norm_eps: m.norm_eps as f32,
        rope_theta: m.rope_theta,
        tie_word_embeddings: m.tied,
        initializer_range: m.init_std as f32,
        bos_token_id: tokenizer.bos(),
        eos_token_ids: tokenizer.stop_ids(),
        pad_token_id: tokenizer.pad(),
        min_shard: m.min_shard.unwrap_or(order::MIN_SHARD),
        ..base
    }
}

/// The loop of a resolved recipe.
pub fn train_config(recipe: &Recipe) -> TrainConfig {
    let (b, s, o, run) = (&recipe.batch, &recipe.schedule, &recipe.optimizer, &recipe.run);
    TrainConfig {
        grain_len: b.sequence,
        grains_per_step: b.grains,
        micro_batch: b.micro.unwrap_or(b.grains),
        lanes: b.lanes.unwrap_or_else(|| default_lanes(b.grains, b.sequence)),
        schedule: Schedule {
            shape: s.shape,
            steps: s.steps,
            warmup_steps: s.warmup_steps.unwrap_or(0),
            decay_steps: s.decay_steps.unwrap_or(0),
            peak_lr: s.peak_lr,
            floor: s.floor,
        },
        optimizer: OptimizerSettings {
            method: o.name,
            beta1: o.beta1 as f32,
            beta2: o.beta2 as f32,
            eps: o.eps as f32,
            weight_decay: o.weight_decay as f32,
            momentum: o.momentum as f32,
        },
        clip: o.clip,
        dropout: recipe.model.dropout.unwrap_or(0.0) as f32,
        seed: recipe.seed,
        eval_every: run.eval_every.unwrap_or(0),
        eval_grains: run.eval_grains,
        checkpoint_every: run.checkpoint_every.unwrap_or(0),
        keep: run.keep,
        keep_best: run.keep_best,
        sample_every: run.sample_every,
    }
}
