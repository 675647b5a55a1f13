//! `aquifer quickstart`: the whole path, composed of the stages that are also commands of their own.

mod plan;
mod score;
mod source;
mod speak;
mod why_worse;

use crate::commands::data::presets;
use crate::commands::doctor::cpu_name;
use crate::context::{Context, Interrupted};
use crate::resolve::model_folder;
use anyhow::{Context as _, ensure};
use aquifer_corpus::TokenShards;
use aquifer_model::Decoder;
use aquifer_ops::Precision;
use aquifer_optim::Outcome;
use aquifer_record::{Manifest, RunFolder, measure};
use aquifer_text::Tokenizer;
use aquifer_train::{Around, Job, Places, RECIPE_FILE, Recipe, run_recipe};
use source::Material;
pub(crate) use source::PROMPTS;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Run the whole path: raw text in; a trained, evaluated model and a report out
///
/// Without --input it works on built-in data, a small invented world whose every fact, defect and answer is known, so
/// that cleaning, learning and evaluation are all checked against the truth. The recipe is then fixed, and the run ends
/// with the same weights on every machine whose bf16 products are summed in the same order.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Everything in under forty seconds: a smaller world, a smaller model
    #[arg(long, conflicts_with_all = ["minutes", "input"])]
    fast: bool,
    /// Minutes to plan for, from the first byte to the report; the plan becomes the recipe, and the recipe is the job
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    minutes: Option<f64>,
    /// Your own text: a .txt or .jsonl file (also .gz, .zst), a folder of them, or - for standard input
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// By which recipe of `aquifer data init` your text is cleaned; duplicates go in any case
    #[arg(long, value_name = "PRESET", default_value = "plain", value_parser = presets(), requires = "input")]
    preset: String,
    /// Go on from this model (a folder in the Hugging Face layout, or a run) instead of from nothing
    #[arg(long, value_name = "FOLDER", requires = "input")]
    init_from: Option<PathBuf>,
    /// Go on with a quickstart that was stopped or killed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["fast", "minutes", "input", "name"])]
    resume: Option<PathBuf>,
    /// Name of the run; if it is taken, a number is added
    #[arg(long, default_value = "quickstart")]
    name: String,
    /// Folder that holds the runs
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    runs: PathBuf,
    /// Rounding of matrix products: f32, bf16, bf16x3 or bf16x6, these also with an order as in bf16/tile
    #[arg(long, default_value = "bf16")]
    precision: String,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut stages = Stages::default();
    let job = match &args.resume {
        Some(folder) => go_on(folder)?,
        None => begin(&args, begun, &mut stages, ctx)?,
    };
    let Begun { run, material, recipe, reasons, around } = job;

    ctx.say("2/5 training");
    let places = places(&run);
    let stage = if around.is_some() { "training" } else { "vocabulary, shards, training" };
    let trained = stages.time(stage, || {
        let job = Job {
            recipe: &recipe,
            reasons: &reasons,
            places: &places,
            run: &run,
            resume: args.resume.is_some(),
            memory_limit: ctx.memory,
            around,
            cpu: &cpu_name(),
            command: &std::env::args().collect::<Vec<_>>(),
        };
        run_recipe(&job, &mut (), ctx.progress(), ctx.stop()).map_err(anyhow::Error::from)
    });
    let mut trained = match trained {
        Err(_) if ctx.stop().requested() => return Err(stopped(&run)),
        Err(error) => return Err(error),
        Ok(trained) if matches!(trained.outcome, Outcome::Stopped(_)) => return Err(stopped(&run)),
        Ok(trained) => trained,
    };

    count_tokens(&run)?;

    ctx.say("3/5 evaluation");
    let tokenizer = Tokenizer::load(&trained.model)?;
    let precision =
        Precision::from_name(&trained.manifest.precision).context("the manifest names no known precision")?;
    let decoder = Arc::new(Decoder::load(&trained.model, precision)?);
    let eval = stages.time("evaluation", || score::score(&run, &decoder, &tokenizer, &material.questions, ctx))?;
    score::say(&eval, ctx);

    ctx.say("4/5 samples");
    let samples =
        stages.time("samples", || speak::speak(&run, decoder, &tokenizer, &material.prompts, ctx.seed.unwrap_or(1)))?;
    for sample in &samples.continuations {
        ctx.say(format!("  {} → {}", one_line(&sample.prompt), one_line(&sample.text)));
    }
    for talk in &samples.chats {
        ctx.say(format!("  you: {}\n  it:  {}", one_line(&talk.user), one_line(&talk.assistant)));
    }

    ctx.say("5/5 report");
    let mut manifest = trained.manifest;
    for task in &eval.tasks {
        manifest.results.insert(measure::of_task(task), task.value);
    }
    manifest.stages = stages.0;
    // What the stages leave between them: the whole, as a person waits for it.
    let took = begun.elapsed().as_secs_f64();
    manifest.results.insert("whole_seconds".to_owned(), took);
    run.write("manifest.json", &manifest)?;
    if let (Some(whole), None) = (&mut trained.forecast.whole, &args.resume) {
        whole.took = Some(took);
        run.write("forecast.json", &trained.forecast)?;
    }
    let report = aquifer_report::write_run_report(&run)?;
    farewell(&run, &manifest, &report, !material.prompts.is_empty(), ctx)
}

/// A run folder with its data, and the recipe to carry out in it.
struct Begun {
    run: RunFolder,
    material: Material,
    recipe: Recipe,
    reasons: Vec<(String, String)>,
    around: Option<Around>,
}

/// Checks what was asked for, makes the run folder, prepares the data and decides on the recipe.
fn begin(args: &Args, begun: Instant, stages: &mut Stages, ctx: &Context) -> anyhow::Result<Begun> {
    Precision::from_name(&args.precision)
        .with_context(|| format!("--precision takes {}, got `{}`", Precision::CHOICES, args.precision))?;
    if let Some(minutes) = args.minutes {
        ensure!((0.05..=100_000.0).contains(&minutes), "--minutes takes 0.05 to 100000, got {minutes}");
    }
    let init_from = args.init_from.as_deref().map(model_folder).transpose()?.map(std::path::absolute).transpose()?;
    let run = RunFolder::create(&args.runs, &args.name)?;
    ctx.say(format!("run folder: {}", run.path().display()));
    ctx.say("1/5 data");
    // A folder without a recipe cannot be gone on with, and takes the name.
    let material = stages
        .time("data", || source::prepare(&run, args, ctx))
        .inspect_err(|_| drop(std::fs::remove_dir_all(run.path())))?;
    let work = plan::Work { run: &run, args, init_from: init_from.as_deref(), material: &material, begun };
    let plan::Planned { recipe, reasons, around } = plan::recipe(&work, stages, ctx)?;
    Ok(Begun { run, material, recipe, reasons, around })
}

/// Takes up a quickstart that was stopped or killed.
fn go_on(folder: &Path) -> anyhow::Result<Begun> {
    let (root, name) = (folder.parent().unwrap_or(Path::new("")), folder.display().to_string());
    let run = RunFolder::open(root, &name)?;
    ensure!(
        run.join(RECIPE_FILE).is_file(),
        "the quickstart in `{name}` was stopped before its recipe was written: remove the folder and start again"
    );
    let material = source::prepared(&run).with_context(|| format!("`{name}` was not made by a quickstart"))?;
    let reasons = run.manifest()?.choices;
    Ok(Begun { material, recipe: Recipe::load(&run.join(RECIPE_FILE), &[])?, reasons, around: None, run })
}

/// Adds the tokens of each split to `data.json`, now that there are any.
fn count_tokens(run: &RunFolder) -> anyhow::Result<()> {
    let mut report = run.data()?;
    for (split, size) in &mut report.splits {
        let folder = run.join("shards").join(split);
        if folder.is_dir() {
            size.tokens = TokenShards::open_unhashed(&folder)?.tokens();
        }
    }
    Ok(run.write("data.json", &report)?)
}

fn farewell(run: &RunFolder, manifest: &Manifest, report: &Path, talks: bool, ctx: &Context) -> anyhow::Result<()> {
    if ctx.json {
        ctx.print_json(manifest)?;
    } else {
        println!("report   {}", report.display());
        println!("weights  {} ({})", manifest.hashes.get("weights").map_or("", String::as_str), manifest.precision);
    }
    let seconds = manifest.results.get("whole_seconds").copied().unwrap_or_default();
    let folder = run.path().display();
    let first = match talks {
        true => format!("aquifer chat {folder}"),
        // It has never seen a dialogue.
        false => format!("aquifer generate {folder} --prompt \"…\""),
    };
    ctx.say(format!("done in {seconds:.0} s; go on with:\n  {first}\n  aquifer serve {folder}"));
    Ok(())
}

/// A quickstart's recipe names what lies in its own folder.
fn places(run: &RunFolder) -> Places {
    Places { recipe_folder: run.path().to_path_buf(), data_folders: Vec::new() }
}

fn stopped(run: &RunFolder) -> anyhow::Error {
    let recipe = run.join(RECIPE_FILE);
    let message = match recipe.exists() {
        true => format!("stopped and saved; go on with\n  aquifer quickstart --resume {}", run.path().display()),
        false => format!("stopped before training began; remove `{}` and start again", run.path().display()),
    };
    Interrupted(message).into()
}

/// How long each stage took, in order.
#[derive(Default)]
struct Stages(Vec<(String, f64)>);

impl Stages {
    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.0.push((name.to_owned(), start.elapsed().as_secs_f64()));
        result
    }
}

/// At most 160 characters, on one line.
fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let flat = flat.trim();
    match flat.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", &flat[..at]),
        None => flat.to_owned(),
    }
}
