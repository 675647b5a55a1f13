//! `aquifer data clean`

use super::one_file::{Done, OneFile};
use super::{Change, Input, check_new};
use crate::context::Context;
use anyhow::Context as _;
use aquifer_data::pipeline::{PRESETS, Recipe};
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Repair encodings and, on request, filter out what is no good text
///
/// Always repaired: UTF-8 that was read as Latin-1 or Windows-1252 (`cafÃ©`, also twice over), byte-order marks, control
/// characters, accents that stand apart from their letters. `--preset web` also takes out cookie notices and navigation
/// and drops pages by rules of Gopher and FineWeb; every dropped document keeps the rule, its value and the bound.
///
/// This is `aquifer data run` with a preset and one file for its outcome; `aquifer data init PRESET` writes the preset's
/// recipe to look at and to change.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data clean crawl/ --preset web --out clean.jsonl.zst --dropped dropped.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the documents that stay: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Which recipe to go by
    #[arg(long, default_value = "plain", value_parser = presets())]
    preset: String,
    /// File for the documents that were dropped, each with the reason in its metadata
    #[arg(long, value_name = "FILE")]
    dropped: Option<PathBuf>,
    /// Replace files that are already there
    #[arg(long)]
    force: bool,
}

/// The presets' names as values of an option, each with what it is for.
pub(crate) fn presets() -> PossibleValuesParser {
    PRESETS.iter().map(|preset| clap::builder::PossibleValue::new(preset.name).help(preset.about)).into()
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    change: Change,
    reasons: BTreeMap<String, u64>,
    repaired: u64,
    repairs: BTreeMap<String, u64>,
    out: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    for path in [Some(&args.out), args.dropped.as_ref()].into_iter().flatten() {
        check_new(path, args.force)?;
    }
    let recipe = Recipe::preset(&args.preset).context("the preset is one of those listed")?;
    let dropped = args.dropped.as_deref();
    let task = OneFile { input: &args.input, recipe, out: &args.out, dropped, duplicates: None, save_index: None };
    let Done { change, report } = task.run(ctx)?;
    let mut outcome =
        Outcome { change, reasons: BTreeMap::new(), repaired: 0, repairs: BTreeMap::new(), out: args.out };
    for stage in report.stages {
        outcome.reasons.extend(stage.reasons);
        outcome.repaired += stage.repaired;
        stage.repairs.into_iter().for_each(|(what, count)| *outcome.repairs.entry(what).or_default() += count);
    }
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    for (reason, count) in &outcome.reasons {
        println!("{count:>9}  removed: {reason}");
    }
    for (repair, count) in &outcome.repairs {
        println!("{count:>9}  repaired: {repair}");
    }
    Ok(())
}
