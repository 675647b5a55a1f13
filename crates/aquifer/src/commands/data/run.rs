//! `aquifer data run`

use crate::context::Context;
use crate::table::facts;
use anyhow::Context as _;
use aquifer_data::pipeline::{Outcome, Pipeline, Recipe, RunOptions, Share};
use aquifer_record::figures;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Take raw files to clean documents by a recipe, with a reason for every document dropped
///
/// A recipe is a TOML file of stages; `aquifer data init` writes some to start from. Its outcome is a folder: `documents/`
/// stay, `dropped/` went, each with rule, value and bound, `columns/` hold everything that was measured (Arrow files),
/// `data.json` the funnel, `report.html` the same to look at. Neither threads nor tasks nor interruptions change a byte.
///
/// Ctrl-C stops between documents; the same command goes on. With `--task I/N` this process does the I-th of N shares of
/// the input files, in a folder that all of them can see, as far as it can be done: where documents are compared with each
/// other, all shares have to be there. Run the same commands again until one says that it is finished.
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
    let path = &args.recipe;
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read the recipe `{}` (`aquifer data init` writes one to start from)", path.display())
    })?;
    let recipe = Recipe::parse(&text, &path.display().to_string())?;
    let paths = if args.inputs.is_empty() { &recipe.input.paths } else { &args.inputs };
    anyhow::ensure!(
        !paths.is_empty(),
        "nothing to read: name files or folders behind the recipe, or in its [input] paths"
    );
    if args.dry_run {
        return dry_run(&recipe, paths, ctx);
    }
    let pipeline = Pipeline::open(recipe.clone(), paths, &args.out)?;
    let (files, bytes) = pipeline.size();
    ctx.say(format!("{files} files, {}", figures::bytes(bytes)));
    let options = RunOptions { threads: ctx.threads, memory: ctx.memory, share: args.task };
    match pipeline.run(&options, ctx.progress(), ctx.stop())? {
        Some(outcome) => finished(&args.out, outcome, ctx),
        None => {
            ctx.go_on("stopped; what is done is kept, and the same command goes on")?;
            ctx.say("this share is done as far as it can be: the others have to catch up; then run it again");
            if ctx.json {
                ctx.print_json(&serde_json::json!({ "finished": false }))?;
            }
            Ok(())
        }
    }
}

fn dry_run(recipe: &Recipe, paths: &[PathBuf], ctx: &Context) -> anyhow::Result<()> {
    let (files, bytes) = Pipeline::survey(paths)?;
    if ctx.json {
        return ctx.print_json(&Plan { files, bytes, recipe });
    }
    println!("{files} files, {}", figures::bytes(bytes));
    print!("{}", recipe.to_toml());
    Ok(())
}

fn finished(out: &Path, outcome: Outcome, ctx: &Context) -> anyhow::Result<()> {
    let Outcome { report, documents } = outcome;
    let page = super::report::draw(out, &report)?;
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
    rows.push(("report".to_owned(), page.display().to_string()));
    print!("{}", facts(rows));
    for skipped in report.skipped.iter().take(5) {
        ctx.say(format!("skipped {}: {}", skipped.at, skipped.why));
    }
    ctx.say(format!("done; go on with:\n  aquifer data explain {} ID", out.display()));
    Ok(())
}
