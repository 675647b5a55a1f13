//! `aquifer train`

mod plan;

use crate::commands::doctor::cpu_name;
use crate::commands::runs::go_on;
use crate::context::{Context, Interrupted};
use crate::table::facts;
use anyhow::Context as _;
use aquifer_infer::{Engine, Generate, Limits, Request};
use aquifer_model::Decoder;
use aquifer_optim::{Outcome, Watch};
use aquifer_record::{Progress, RunFolder, figures, measure};
use aquifer_text::Tokenizer;
use aquifer_train::{Job, Places, RECIPE_FILE, Recipe, Trained, forecast_recipe, run_recipe};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Train a model as a recipe says
///
/// A recipe is a TOML file; one line, `data = "my.txt"`, is enough, and `aquifer train --keys` lists the rest. The run
/// goes into a new folder `runs/NAME`: the recipe with every choice made, a forecast written before the first step,
/// metrics, checkpoints, and at the end `model/`, which `transformers` loads too.
///
/// Ctrl-C finishes the step, saves, and prints the command that goes on; a run that was killed goes on with the same
/// command. Either way it ends with the bits of a run that was never interrupted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The recipe; with --resume, the folder of the run to go on with
    #[arg(required_unless_present = "keys")]
    recipe: Option<PathBuf>,
    /// Replace a key of the recipe, such as `--set schedule.steps=200`; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Name of the run [default: the recipe's]
    #[arg(long)]
    name: Option<String>,
    /// Folder in which runs are kept
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    runs: PathBuf,
    /// Go on with a run that was stopped or killed
    #[arg(long)]
    resume: bool,
    /// Say what it would take, and do nothing else
    #[arg(long)]
    dry_run: bool,
    /// List every key of a recipe
    #[arg(long)]
    keys: bool,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    if args.keys {
        return keys(ctx);
    }
    let path = args.recipe.clone().context("name a recipe")?;
    if args.dry_run {
        return dry_run(&args, &path, ctx);
    }
    let (recipe, run) = match args.resume {
        true => resumed(&args, &path)?,
        false => fresh(&args, &args.runs, &path, ctx)?,
    };
    ctx.say(format!("run folder: {}", run.path().display()));
    let places = places(&path, ctx);
    let command: Vec<String> = std::env::args().collect();
    let job = Job {
        recipe: &recipe,
        reasons: &[],
        places: &places,
        run: &run,
        resume: args.resume,
        memory_limit: ctx.memory,
        around: None,
        cpu: &cpu_name(),
        command: &command,
    };
    let mut watch = Samples { run: &run, progress: ctx.progress(), seed: recipe.seed };
    let result = run_recipe(&job, &mut watch, ctx.progress(), ctx.stop());
    let trained = match result {
        Err(error) if !args.resume && !run.join(RECIPE_FILE).exists() => {
            // Nothing was begun: the next try should find its name free.
            let _ = std::fs::remove_dir_all(run.path());
            return Err(error.into());
        }
        result => result.with_context(|| format!("the run in `{}` ended early", run.path().display()))?,
    };
    if let Outcome::Stopped(step) = trained.outcome {
        return Err(Interrupted(format!("stopped after step {step} and saved; go on with\n  {}", go_on(&run))).into());
    }
    let report = aquifer_report::write_run_report(&run)?;
    if ctx.json {
        return ctx.print_json(&trained.manifest);
    }
    print!("{}", outcome(&trained, &report));
    let folder = run.path().display();
    ctx.say(format!("done; go on with:\n  aquifer generate {folder} --prompt \"…\"\n  aquifer serve {folder}"));
    Ok(())
}

/// What a run ended with: its results, the time beside the forecast, and where everything is.
fn outcome(trained: &Trained, report: &Path) -> String {
    let manifest = &trained.manifest;
    let mut rows = vec![("parameters".to_owned(), figures::count(manifest.parameters))];
    for name in measure::ordered(manifest.results.keys()) {
        rows.push((measure::label(name), measure::value(name, manifest.results[name])));
    }
    if let Some(ratio) = trained.forecast.seconds_ratio() {
        rows.push(("time over forecast".to_owned(), format!("{ratio:.2}")));
    }
    let weights = manifest.hashes.get("weights").cloned().unwrap_or_default();
    let places = [("model", trained.model.display()), ("report", report.display())];
    rows.push(("weights (sha256)".to_owned(), weights));
    rows.extend(places.map(|(what, path)| (what.to_owned(), path.to_string())));
    facts(rows)
}

/// Every key of a recipe and what it means.
fn keys(ctx: &Context) -> anyhow::Result<()> {
    let keys = aquifer_train::recipe::keys();
    if ctx.json {
        return ctx.print_json(&keys.map(|(key, help)| json!({ "key": key, "help": help })).collect::<Vec<_>>());
    }
    print!("{}", facts(keys));
    Ok(())
}

fn fresh(args: &Args, runs: &Path, path: &Path, ctx: &Context) -> anyhow::Result<(Recipe, RunFolder)> {
    let mut recipe = Recipe::load(path, &args.set)?;
    if let Some(seed) = ctx.seed {
        recipe.seed = seed;
    }
    if let Some(name) = &args.name {
        recipe.name = name.clone();
    }
    recipe.check()?;
    let run = RunFolder::create(runs, &recipe.name)?;
    Ok((recipe, run))
}

/// The run named by its folder, its name, or the recipe it was begun with.
fn resumed(args: &Args, path: &Path) -> anyhow::Result<(Recipe, RunFolder)> {
    // A run's own recipe stands for the run.
    let inside = path.parent().filter(|folder| path.is_file() && folder.join("manifest.json").is_file());
    let folder = match inside {
        Some(folder) => folder.display().to_string(),
        None if path.is_file() => args.name.clone().unwrap_or(Recipe::load(path, &[])?.name),
        None => path.display().to_string(),
    };
    let run = RunFolder::open(&args.runs, &folder)?;
    let own = run.join(RECIPE_FILE);
    anyhow::ensure!(
        own.is_file(),
        "the run in `{}` was stopped before its recipe was written: nothing was computed yet, so start it afresh",
        run.path().display()
    );
    Ok((Recipe::load(&own, &args.set)?, run))
}

fn dry_run(args: &Args, path: &Path, ctx: &Context) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("making a scratch folder")?;
    let (recipe, run) = fresh(args, scratch.path(), path, ctx)?;
    let places = places(path, ctx);
    let job = Job {
        recipe: &recipe,
        reasons: &[],
        places: &places,
        run: &run,
        resume: false,
        memory_limit: ctx.memory,
        around: None,
        cpu: &cpu_name(),
        command: &[],
    };
    let told = forecast_recipe(&job, ctx.progress(), ctx.stop())?;
    if ctx.json {
        return ctx.print_json(&told);
    }
    print!("{}", plan::in_words(&told));
    ctx.say(
        "Nothing was begun. The recipe with every key: the same with --json, or recipe.toml once the run has begun.",
    );
    Ok(())
}

fn places(recipe: &Path, ctx: &Context) -> Places {
    let folder = recipe.parent().unwrap_or(Path::new("")).to_path_buf();
    Places { recipe_folder: folder, data_folders: ctx.data_folders.clone() }
}

/// Shows what the model says while it learns.
struct Samples<'a> {
    run: &'a RunFolder,
    progress: &'a dyn Progress,
    seed: u64,
}

impl Watch for Samples<'_> {
    fn sample(&mut self, step: u64, decoder: &Arc<Decoder>) {
        let said = (|| {
            let tokenizer = Tokenizer::load(&self.run.join("tokenizer")).ok()?;
            let mut request = Request::greedy(vec![tokenizer.bos()?], 80);
            request.sampling.temperature = 0.8;
            request.seed = self.seed;
            let mut engine = Engine::new(decoder.clone(), Limits::default());
            let answer = engine.generate(vec![request], &mut |_, _| true).ok()?.pop()?;
            tokenizer.decode(&answer.completions.first()?.tokens).ok()
        })();
        if let Some(text) = said {
            self.progress.note(&format!("step {step}: {text:?}"));
        }
    }
}
