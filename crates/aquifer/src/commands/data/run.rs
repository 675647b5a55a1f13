//! `aquifer data run`

use crate::context::Context;
use crate::elsewhere::elsewhere;
use crate::table::facts;
use anyhow::Context as _;
use aquifer_data::pipeline::{Elsewhere, Outcome, Pipeline, Recipe, RunOptions, Share};
use aquifer_record::data::Size;
use aquifer_record::figures;
use aquifer_record::storage::is_address;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Take raw files to clean documents, and on to token shards, by a recipe, with a reason for every document dropped
///
/// A recipe is a TOML file of stages; `aquifer data init` writes some to start from. Its outcome is a folder: `documents/`
/// stay, `dropped/` went, each with rule, value and bound, `columns/` hold everything that was measured (Arrow files),
/// `data.json` the funnel, `report.html` the same to look at. Neither threads nor tasks nor interruptions change a byte.
///
/// A recipe with `[shards]` ends in token shards: `shards/` holds the tokenizer, and a set to train on and a held-out one,
/// of each `[[source]]` if it names several. `aquifer train` reads that folder as its `data`, and mixes the sources by
/// their weights.
///
/// Ctrl-C stops between documents; the same command goes on. With `--task I/N` this process does the I-th of N shares of
/// the input files, in a folder that all of them can see, as far as it can be done: where documents are compared with each
/// other, all shares have to be there. Run the same commands again until one says that it is finished. `--step S` does
/// one step only, and ends with exit code 75 if that builds on one that is not through; `aquifer data submit` hands such
/// tasks to Slurm or Kubernetes.
///
/// Inputs and the folder may lie in an object store (s3://bucket/prefix, in builds with `--features full`); keys, region and
/// endpoint are those of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true).
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data init fineweb && aquifer data run fineweb.toml crawl/ --out clean")]
pub(crate) struct Args {
    /// The recipe
    recipe: PathBuf,
    /// Files and folders to read [default: those of the recipe]
    inputs: Vec<PathBuf>,
    /// Folder of the outcome, new or with an unfinished run of the same
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// Which share of the input files to do, such as 0/8
    #[arg(long, value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    task: Share,
    /// Which step to do: 1 takes the files up to the first comparison, 2 compares, 3 goes on, …; the last adds up
    #[arg(long, value_name = "S")]
    step: Option<usize>,
    /// Folder for what is brought from an object store, as large as a task's share [default: the system's]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Build every stage and list the input, and do nothing else
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Plan<'a> {
    files: usize,
    bytes: u64,
    recipe: &'a Recipe,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let (recipe, paths) = asked(&args.recipe, &args.inputs)?;
    if args.dry_run {
        return dry_run(&recipe, &paths, elsewhere(&paths, None)?, ctx);
    }
    let elsewhere = elsewhere(paths.iter().chain([&args.out]), args.scratch.as_deref())?;
    let pipeline = match &elsewhere {
        None => Pipeline::open(recipe, &paths, &args.out)?,
        Some((elsewhere, _)) => Pipeline::open_elsewhere(recipe, &paths, &args.out, elsewhere.clone())?,
    };
    let (files, bytes) = pipeline.size();
    ctx.say(format!("{files} files, {}", figures::bytes(bytes)));
    let options = RunOptions { threads: ctx.threads, memory: ctx.memory, share: args.task, step: args.step };
    match pipeline.run(&options, ctx.progress(), ctx.stop())? {
        Some(outcome) => finished(&pipeline, outcome, ctx),
        None => {
            ctx.go_on("stopped; what is done is kept, and the same command goes on")?;
            match args.step {
                Some(step) => ctx.say(format!("step {step} of this share is through")),
                None => {
                    ctx.say("this share is done as far as it can be: the others have to catch up; then run it again")
                }
            }
            if ctx.json {
                ctx.print_json(&serde_json::json!({ "finished": false }))?;
            }
            Ok(())
        }
    }
}

/// The recipe in a file, and what to read: `inputs`, or what the recipe names.
pub(super) fn asked(path: &Path, inputs: &[PathBuf]) -> anyhow::Result<(Recipe, Vec<PathBuf>)> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read the recipe `{}` (`aquifer data init` writes one to start from)", path.display())
    })?;
    let recipe = Recipe::parse(&text, &path.display().to_string())?;
    let paths = if inputs.is_empty() { recipe.input.paths.clone() } else { inputs.to_vec() };
    let sources = recipe.sources.iter().any(|source| !source.paths.is_empty());
    anyhow::ensure!(
        sources || !paths.is_empty(),
        "nothing to read: name files or folders behind the recipe, or in the `paths` of its [input] or [[source]]"
    );
    Ok((recipe, paths))
}

fn dry_run(
    recipe: &Recipe,
    paths: &[PathBuf],
    elsewhere: Option<(Elsewhere, TempDir)>,
    ctx: &Context,
) -> anyhow::Result<()> {
    let (files, bytes) = Pipeline::survey(recipe, paths, elsewhere.as_ref().map(|(elsewhere, _)| elsewhere))?;
    if ctx.json {
        return ctx.print_json(&Plan { files, bytes, recipe });
    }
    println!("{files} files, {}", figures::bytes(bytes));
    print!("{}", recipe.to_toml());
    Ok(())
}

fn finished(pipeline: &Pipeline, outcome: Outcome, ctx: &Context) -> anyhow::Result<()> {
    let Outcome { report, documents, shards } = outcome;
    let page = super::report::draw(pipeline.folder(), &report)?;
    let page = pipeline.store(&page)?;
    if ctx.json {
        return ctx.print_json(&report);
    }
    for stage in &report.stages {
        let (went, came) = (stage.input.documents - stage.output.documents, stage.input.documents);
        println!("{:<24} {came:>10} in {went:>10} dropped {:>10} edited", stage.name, stage.repaired);
        for (reason, count) in &stage.reasons {
            println!("    {count:>10}  {reason}");
        }
    }
    let kept = report.splits.get("documents").copied().unwrap_or_default();
    let mut rows = vec![("documents that stay".to_owned(), figures::count(kept.documents))];
    rows.push(("text".to_owned(), figures::bytes(kept.bytes)));
    rows.push(("rows skipped".to_owned(), figures::count(report.skipped_total)));
    rows.push(("in".to_owned(), documents.display().to_string()));
    let sets = report.splits.iter().filter(|(name, _)| *name != "documents");
    rows.extend(shard_rows(&sets.map(|(name, size)| (name.clone(), *size)).collect()));
    rows.push(("report".to_owned(), page.display().to_string()));
    print!("{}", facts(rows));
    for skipped in report.skipped.iter().take(5) {
        ctx.say(format!("skipped {}: {}", skipped.at, skipped.why));
    }
    match is_address(&documents) {
        true => ctx.say("done"),
        false => ctx.say(format!("done; go on with:\n  aquifer data explain {} ID", pipeline.folder().display())),
    }
    if let Some(shards) = shards {
        ctx.say(format!("  aquifer train RECIPE --set data={}", shards.display()));
    }
    Ok(())
}

/// Sets of token shards by name, a line each.
pub(super) fn shard_rows(sets: &BTreeMap<String, Size>) -> impl Iterator<Item = (String, String)> {
    sets.iter().map(|(name, size)| {
        let (tokens, documents) = (figures::count(size.tokens), figures::count(size.documents));
        (format!("tokens in {name}"), format!("{tokens} of {documents} documents"))
    })
}
