//! Which recipe a quickstart carries out: fixed on built-in data, planned from a calibration otherwise.

use super::score::{self, Cost};
use super::source::Material;
use super::{Args, Stages, places, stopped};
use crate::context::Context;
use crate::limits::peak_memory;
use aquifer_model::DecoderConfig;
use aquifer_ops::Precision;
use aquifer_record::RunFolder;
use aquifer_train::{
    Around, Budget, Calibration, LossOn, Prepared, Recipe, Speed, Text, decoder_config, plan_continuation,
    plan_quickstart, prepare, resolve, train_config, vocabulary_for,
};
use std::path::Path;
use std::time::Instant;

/// Minutes a quickstart plans for on a person's own text.
const DEFAULT_MINUTES: f64 = 3.0;

/// Seconds that samples and the report take; mostly decoding a few hundred tokens.
const SAMPLES_AND_REPORT_SECONDS: f64 = 1.0;

/// A recipe, the reason for each choice in it, and what is known of the work around it.
pub(super) struct Planned {
    pub(super) recipe: Recipe,
    pub(super) reasons: Vec<(String, String)>,
    pub(super) around: Option<Around>,
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
pub(super) fn recipe(work: &Work<'_>, stages: &mut Stages, ctx: &Context) -> anyhow::Result<Planned> {
    match (&work.args.input, work.args.minutes) {
        (None, None) => built_in(work, ctx),
        _ => planned(work, stages, ctx),
    }
}

/// What is decided for.
pub(super) struct Work<'a> {
    pub(super) run: &'a RunFolder,
    pub(super) args: &'a Args,
    pub(super) init_from: Option<&'a Path>,
    pub(super) material: &'a Material,
    pub(super) begun: Instant,
}

impl Work<'_> {
    /// What every recipe of a quickstart says, whatever its shape.
    fn complete(&self, mut recipe: Recipe, ctx: &Context) -> Recipe {
        recipe.name = self.run.name();
        recipe.data = "data/train.jsonl.zst".to_owned();
        recipe.heldout = self.material.has_heldout.then(|| "data/heldout.jsonl.zst".to_owned());
        recipe.precision = self.args.precision.clone();
        recipe.seed = ctx.seed.unwrap_or(recipe.seed);
        if self.material.prompts.is_empty() {
            // Without dialogues every token is learnt.
            recipe.loss_on = LossOn::All;
        }
        if let Some(folder) = self.init_from {
            recipe.tokenizer = folder.to_string_lossy().into_owned();
            recipe.init_from = Some(folder.to_path_buf());
        }
        recipe
    }
}

fn built_in(work: &Work<'_>, ctx: &Context) -> anyhow::Result<Planned> {
    let text = if work.args.fast { FAST } else { STANDARD };
    let recipe = Recipe::parse(text, &work.run.join("recipe.toml"), &[])?;
    let why = "fixed on built-in data, so that every machine can compare its hash with the README's";
    let reason = |what: &str| (what.to_owned(), why.to_owned());
    let reasons = ["vocab_size", "model", "batch", "schedule"].map(reason).into();
    Ok(Planned { recipe: work.complete(recipe, ctx), reasons, around: None })
}

/// Makes vocabulary and shards, measures the machine for a moment, and plans for what is left of the time that was
/// asked for, three minutes unless it says otherwise.
fn planned(work: &Work<'_>, stages: &mut Stages, ctx: &Context) -> anyhow::Result<Planned> {
    let Work { run, material, begun, .. } = *work;
    let asked = 60.0 * work.args.minutes.unwrap_or(DEFAULT_MINUTES);
    let precision = Precision::from_name(&work.args.precision).expect("it was checked before anything was made");
    let first = Recipe { vocab_size: vocabulary_for(material.train_bytes), ..Recipe::default() };
    let (first, places) = (work.complete(first, ctx), places(run));
    let prepared =
        stages.time("vocabulary, shards", || prepare(&first, &places, run, ctx.memory, ctx.progress(), ctx.stop()));
    let Prepared { tokenizer, train, heldout, .. } = match prepared {
        Err(_) if ctx.stop().requested() => return Err(stopped(run)),
        other => other?,
    };
    let document_bytes = peak_memory().unwrap_or(0);
    let measuring = Instant::now();
    ctx.say("  measuring this machine for a moment");
    let Cost { seconds: scores, rows } = score::cost(run, &material.questions, ctx)?;
    let text = Text {
        bytes: material.train_bytes,
        tokens: train.tokens(),
        heldout: heldout.as_ref().map_or(0, |heldout| heldout.tokens()),
        scored: rows,
    };
    let speed = Speed::measure(precision)?;
    let after = scores + SAMPLES_AND_REPORT_SECONDS;
    let budget = || Budget { asked, gone: begun.elapsed().as_secs_f64(), after };
    let mut plan = match work.init_from {
        Some(folder) => plan_continuation(&budget(), &text, &DecoderConfig::read(&folder.join("config.json"))?, &speed),
        None => plan_quickstart(&budget(), &text, tokenizer.vocab_size(), &speed),
    };
    plan.recipe = work.complete(plan.recipe, ctx);
    // A few steps of the very model, so that the time holds; the forecast will take as long again.
    let (trying, whole) = (Instant::now(), resolve(&plan.recipe)?);
    let model = match work.init_from {
        Some(folder) => DecoderConfig::read(&folder.join("config.json"))?,
        None => decoder_config(&whole, &tokenizer),
    };
    let tried = Calibration::measure(&model, precision, &train_config(&whole), train)?;
    let again = trying.elapsed().as_secs_f64();
    let Budget { gone, .. } = budget();
    plan.fit(&Budget { asked, gone: gone + again, after }, &text, tried.median_seconds());
    for (key, why) in &plan.reasons {
        ctx.say(format!("  {key}: {why}"));
    }
    stages.0.push(("measuring".to_owned(), measuring.elapsed().as_secs_f64()));
    let after = after + rows as f64 / 3.0 * tried.median_seconds() / tried.tokens_per_step.max(1) as f64;
    let around = Some(Around { asked: Some(asked), begun, after, document_bytes });
    Ok(Planned { recipe: plan.recipe, reasons: plan.reasons, around })
}
