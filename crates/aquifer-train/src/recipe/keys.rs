//! The keys of a recipe. The comment above a key is its documentation everywhere: here, in the files written
//! for people, and in the list that help texts print.

use aquifer_optim::{Method, Shape};
pub use aquifer_text::LossOn;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Declares a table of keys with documentation and defaults in one place.
macro_rules! table {
    ($(#[doc = $about:literal])+ $name:ident { $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr, )* }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $( $(#[doc = $doc])+ pub $field: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            const KEYS: &'static [(&'static str, &'static str)] = &[$((stringify!($field), concat!($($doc),+)),)*];
        }
    };
}

table! {
    /// A training job.
    Recipe {
        /// Name of the run and its folder.
        name: String = "run".to_owned(),
        /// What this recipe is for, for people.
        about: String = String::new(),
        /// The text: a .txt or .jsonl file (also .gz, .zst), a folder of them, or a folder of token shards (or with
        /// `train` and `heldout` shards in it).
        data: String = String::new(),
        /// Held-out text (or token shards, where `data` is), where it is not a part of `data`.
        heldout: Option<String> = None,
        /// Part of `data` that is held out: the end of a few texts, every so many-th of many, blocks of neighbours of token
        /// shards. 0 holds out nothing, and there is then no held-out loss.
        val_fraction: f64 = 0.05,
        /// `char`, `bpe`, or a folder with a tokenizer.json.
        tokenizer: String = "bpe".to_owned(),
        /// Entries of a `bpe` vocabulary that is learnt here; a run's own recipe says how many its vocabulary has.
        vocab_size: usize = 4096,
        /// What of a dialogue is learnt: `all` of it, or what the `assistant` says.
        loss_on: LossOn = LossOn::Assistant,
        /// A model folder to go on from instead of from nothing; `[model]` and `tokenizer` are then its own.
        init_from: Option<PathBuf> = None,
        /// Rounding of products: `f32`, `bf16`, `bf16x3` or `bf16x6`; `/tile` or `/pair` behind a name fixes the order of
        /// its sums, which is otherwise this machine's.
        precision: String = "bf16".to_owned(),
        /// Seeds the first weights and the order of the data.
        seed: u64 = 1,
        /// Several token shards read in turn, instead of `data`.
        mixture: MixtureKeys = MixtureKeys::default(),
        /// The shape of the model.
        model: ModelShape = ModelShape::default(),
        /// What one step looks at.
        batch: Batch = Batch::default(),
        /// How long, and how fast it learns on the way.
        schedule: ScheduleKeys = ScheduleKeys::default(),
        /// How weights are updated.
        optimizer: Optimizer = Optimizer::default(),
        /// What is looked at and kept on the way.
        run: Run = Run::default(),
    }
}

table! {
    /// Several token shards read in turn, instead of `data`.
    MixtureKeys {
        /// The token shards that are mixed, all of one tokenizer: `["web", "books"]`. They stand instead of `data`.
        sources: Option<Vec<String>> = None,
        /// The part of each source in the tokens that are read, in any unit: `[3, 1]`. Default: by size and `temperature`.
        weights: Option<Vec<f64>> = None,
        /// A source counts as its tokens to the power of 1/`temperature`: 1 (the default) is by size, more favours the small.
        temperature: Option<f64> = None,
    }
}

impl MixtureKeys {
    /// The sources; none where `data` is read.
    pub fn sources(&self) -> &[String] {
        self.sources.as_deref().unwrap_or_default()
    }
}

table! {
    /// The shape of a Llama-type decoder.
    ModelShape {
        /// Layers.
        layers: usize = 4,
        /// Width of the residual stream.
        width: usize = 128,
        /// Attention heads.
        heads: usize = 4,
        /// Heads of keys and values; fewer than `heads` is grouped-query attention. Default: as `heads`.
        kv_heads: Option<usize> = None,
        /// Width of a head. Default: `width` over `heads`.
        head_dim: Option<usize> = None,
        /// Width of the gated feed-forward layer. Default: 8/3 of `width`, rounded up to a multiple of 32.
        feed_forward: Option<usize> = None,
        /// Whether the embedding is also the head.
        tied: bool = false,
        /// Base of the rotary embedding's wavelengths.
        rope_theta: f64 = 10000.0,
        /// Added to the mean square in norms.
        norm_eps: f64 = 1e-5,
        /// Standard deviation of new weights; those that write to the residual stream get less with depth.
        init_std: f64 = 0.02,
        /// Share dropped in training after the embedding, each attention and each feed-forward. Default: none.
        dropout: Option<f64> = None,
        /// The least shard of a product; only for tiny test models.
        min_shard: Option<usize> = None,
    }
}

table! {
    /// What one step looks at.
    Batch {
        /// Tokens of a grain, the longest context a prediction sees.
        sequence: usize = 256,
        /// Grains of a step.
        grains: usize = 16,
        /// Grains computed at a time: memory and speed, never a bit. Default: up to 8,192 tokens.
        micro: Option<usize> = None,
        /// Chains of each sum over tokens, a power of two. Default: up to 8, of 1,024 tokens at least.
        lanes: Option<usize> = None,
    }
}

table! {
    /// How long, and how fast it learns on the way.
    ScheduleKeys {
        /// `cosine`, `wsd` (warm-up, stable, decay) or `constant`.
        shape: Shape = Shape::Cosine,
        /// Optimiser steps.
        steps: u64 = 1000,
        /// Steps over which the learning rate rises to its peak. Default: a twentieth of `steps`, up to 200.
        warmup_steps: Option<u64> = None,
        /// Steps of the final descent of `wsd`. Default: a fifth of `steps`.
        decay_steps: Option<u64> = None,
        /// The highest learning rate.
        peak_lr: f64 = 3e-3,
        /// The last learning rate over the highest.
        floor: f64 = 0.0,
    }
}

table! {
    /// How weights are updated.
    Optimizer {
        /// `adamw`; `lion` (a third to a tenth of its learning rate); or `muon` for hidden matrices, the rest by AdamW.
        name: Method = Method::AdamW,
        /// Decay of the first moment; for `lion`, the momentum's part in a step.
        beta1: f64 = 0.9,
        /// Decay of the second moment; for `lion`, of the momentum.
        beta2: f64 = 0.95,
        /// Added to the root of the second moment.
        eps: f64 = 1e-8,
        /// Decay of matrices and embeddings, per unit of learning rate.
        weight_decay: f64 = 0.1,
        /// Decay of the momentum of `muon`.
        momentum: f64 = 0.95,
        /// Longer gradients are shortened to this norm; 0 never.
        clip: f64 = 1.0,
    }
}

table! {
    /// What is looked at and kept on the way.
    Run {
        /// Steps between evaluations on held-out text; 0 only at the end. Default: a tenth of `steps`.
        eval_every: Option<u64> = None,
        /// Held-out grains of an evaluation on the way; the last one takes all.
        eval_grains: u64 = 256,
        /// Steps between checkpoints; 0 only at the end. Default: a fifth of `steps`.
        checkpoint_every: Option<u64> = None,
        /// Checkpoints kept.
        keep: usize = 2,
        /// Whether the checkpoint of the lowest held-out loss is made and kept too.
        keep_best: bool = false,
        /// Steps between samples; 0 never.
        sample_every: u64 = 0,
        /// Which weights the run ends with: the `last`, or the `best` on held-out text (asks for `keep_best`).
        export: Export = Export::Last,
    }
}

/// Which weights a run ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// Those of the last step.
    #[default]
    Last,
    /// Those of the lowest held-out loss.
    Best,
}

/// Tables in a recipe and their keys; the top level has no name.
pub(super) const TABLES: &[(&str, &[(&str, &str)])] = &[
    ("", Recipe::KEYS),
    ("mixture", MixtureKeys::KEYS),
    ("model", ModelShape::KEYS),
    ("batch", Batch::KEYS),
    ("schedule", ScheduleKeys::KEYS),
    ("optimizer", Optimizer::KEYS),
    ("run", Run::KEYS),
];

/// Every key with its documentation, in order: `("model.layers", "Layers.")`.
pub fn keys() -> impl Iterator<Item = (String, &'static str)> {
    TABLES.iter().flat_map(|(table, keys)| {
        let leaf = |key: &str| table.is_empty() && TABLES.iter().any(|(name, _)| *name == key);
        let path = move |key: &str| if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        keys.iter().filter(move |(key, _)| !leaf(key)).map(move |(key, help)| (path(key), help.trim()))
    })
}
