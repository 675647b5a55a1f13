//! Which recipe a quickstart carries out: fixed on built-in data, planned from a calibration otherwise.

use super::Args;
use super::source::Material;
use crate::context::Context;
use aquifer_model::DecoderConfig;
use aquifer_ops::Precision;
use aquifer_record::RunFolder;
use aquifer_train::{LossOn, Recipe, Speed, plan_continuation, plan_quickstart};
use std::path::Path;

/// Minutes a quickstart plans for on a person's own text.
const DEFAULT_MINUTES: f64 = 3.0;

/// A recipe and the reason for each choice in it.
pub(super) struct Planned {
    pub(super) recipe: Recipe,
    pub(super) reasons: Vec<(String, String)>,
}

/// The built-in recipe of the standard quickstart. Changing a number here changes the hashes in README.md.
const STANDARD: &str = r#"
vocab_size = 2048
loss_on = "all"
seed = 1
[model]
layers = 4
width = 256
heads = 4
tied = true
[batch]
sequence = 128
grains = 32
[schedule]
shape = "cosine"
steps = 600
peak_lr = 4e-3
[optimizer]
weight_decay = 0.05
"#;

/// The built-in recipe of `--fast`.
const FAST: &str = r#"
vocab_size = 1024
loss_on = "all"
seed = 1
[model]
layers = 3
width = 128
heads = 4
tied = true
[batch]
sequence = 128
grains = 16
[schedule]
shape = "cosine"
steps = 400
peak_lr = 6e-3
[optimizer]
weight_decay = 0.05
"#;

/// Decides. Only `--minutes` and a person's own text ask for a calibration; its result is a recipe like any other.
pub(super) fn recipe(
    run: &RunFolder,
    args: &Args,
    init_from: Option<&Path>,
    material: &Material,
    ctx: &Context,
) -> anyhow::Result<Planned> {
    let mut planned = match (&args.input, args.minutes) {
        (None, None) => built_in(args.fast, run)?,
        _ => planned(args, init_from, material, ctx)?,
    };
    let recipe = &mut planned.recipe;
    recipe.name = run.name();
    recipe.data = "data/train.jsonl.zst".to_owned();
    recipe.heldout = material.has_heldout.then(|| "data/heldout.jsonl.zst".to_owned());
    recipe.precision = args.precision.clone();
    recipe.seed = ctx.seed.unwrap_or(recipe.seed);
    if material.prompts.is_empty() {
        // Without dialogues every token is learnt.
        recipe.loss_on = LossOn::All;
    }
    if let Some(folder) = init_from {
        recipe.tokenizer = folder.to_string_lossy().into_owned();
        recipe.init_from = Some(folder.to_path_buf());
    }
    Ok(planned)
}

fn built_in(fast: bool, run: &RunFolder) -> anyhow::Result<Planned> {
    let text = if fast { FAST } else { STANDARD };
    let recipe = Recipe::parse(text, &run.join("recipe.toml"), &[])?;
    let why = "fixed on built-in data, so that every machine can compare its hash with the README's";
    let reason = |what: &str| (what.to_owned(), why.to_owned());
    Ok(Planned { recipe, reasons: ["vocab_size", "model", "batch", "schedule"].map(reason).into() })
}

/// Measures the machine for a moment and plans for the time that was asked for, three minutes unless it says otherwise.
fn planned(args: &Args, init_from: Option<&Path>, material: &Material, ctx: &Context) -> anyhow::Result<Planned> {
    let minutes = args.minutes.unwrap_or(DEFAULT_MINUTES);
    ctx.say("  measuring this machine for a moment");
    let precision = Precision::from_name(&args.precision).expect("it was checked before anything was made");
    let speed = Speed::measure(precision)?;
    let plan = match init_from {
        Some(folder) => plan_continuation(minutes, &DecoderConfig::read(&folder.join("config.json"))?, &speed),
        None => plan_quickstart(minutes, material.train_bytes, &speed),
    };
    for (key, why) in &plan.reasons {
        ctx.say(format!("  {key}: {why}"));
    }
    Ok(Planned { recipe: plan.recipe, reasons: plan.reasons })
}
