//! `aquifer runs replay`

use super::Root;
use crate::commands::doctor::cpu_name;
use crate::context::{Context, Interrupted};
use anyhow::{Context as _, ensure};
use aquifer_optim::Outcome;
use aquifer_record::RunFolder;
use aquifer_train::{Job, Places, RECIPE_FILE, Recipe, run_recipe};

/// Do a run again from its recipe and compare the hashes
///
/// The new run stands beside the old one as NAME-replay. The same recipe, data and version end with the same weights on
/// any machine and any number of threads: the recipe says in which order bf16 products are summed, and every machine
/// keeps it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name or folder of the run
    name: String,
    #[command(flatten)]
    root: Root,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let old = RunFolder::open(&args.root.runs, &args.name)?;
    let before = old.manifest()?;
    ensure!(
        before.hashes.contains_key("weights"),
        "the run in `{}` never finished, so there is nothing to compare with",
        old.path().display()
    );
    ensure!(
        before.version == env!("CARGO_PKG_VERSION"),
        "that run was made by version {}, this is {}: equal bits are promised within a version only",
        before.version,
        env!("CARGO_PKG_VERSION")
    );
    let recipe = Recipe::load(&old.join(RECIPE_FILE), &[])?;
    let new = RunFolder::create(&args.root.runs, &format!("{}-replay", old.name()))?;
    ctx.say(format!("replaying `{}` in {}", old.name(), new.path().display()));
    let after = replay(&recipe, &old, &new, ctx)?;
    let mut equal = true;
    let mut compared = Vec::new();
    for what in ["data", "heldout", "tokenizer", "weights"] {
        let (then, now) = (before.hashes.get(what), after.hashes.get(what));
        let same = then == now;
        equal &= same;
        let short = |hash: Option<&String>| hash.map_or("none", |h| &h[..h.len().min(16)]).to_owned();
        let verdict = if same { "equal" } else { "DIFFERENT" };
        if !ctx.json && (then.is_some() || now.is_some()) {
            println!("{what:<10} {verdict:<10} {} {}", short(then), short(now));
        }
        compared.push(serde_json::json!({ "what": what, "equal": same, "then": then, "now": now }));
    }
    if ctx.json {
        ctx.print_json(
            &serde_json::json!({ "run": old.name(), "replay": new.name(), "equal": equal, "hashes": compared }),
        )?;
    }
    if equal {
        ctx.say("same bits");
    }
    ensure!(equal, "the replay ended with other bits; compare `manifest.json` of both runs");
    Ok(())
}

fn replay(
    recipe: &Recipe,
    old: &RunFolder,
    new: &RunFolder,
    ctx: &Context,
) -> anyhow::Result<aquifer_record::Manifest> {
    let places = Places { recipe_folder: old.path().to_path_buf(), data_folders: ctx.data_folders.clone() };
    let job = Job {
        recipe,
        reasons: &[],
        places: &places,
        run: new,
        resume: false,
        memory_limit: ctx.memory,
        around: None,
        cpu: &cpu_name(),
        command: &std::env::args().collect::<Vec<_>>(),
    };
    let trained = run_recipe(&job, &mut (), ctx.progress(), ctx.stop()).context("the replay ended early")?;
    match trained.outcome {
        Outcome::Finished(_) => Ok(trained.manifest),
        Outcome::Stopped(step) => Err(Interrupted(format!("stopped after step {step} of the replay")).into()),
    }
}
