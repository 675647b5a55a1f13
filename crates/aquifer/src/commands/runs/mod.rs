//! `aquifer runs …`

pub(crate) mod compare;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;

use crate::context::Context;
use aquifer_record::{Manifest, RunFolder};
use aquifer_train::RECIPE_FILE;

/// Look at past runs, compare them, do one again
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    List(list::Args),
    Show(show::Args),
    Compare(compare::Args),
    Replay(replay::Args),
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    match args.verb {
        Verb::List(args) => list::run(args, ctx),
        Verb::Show(args) => show::run(args, ctx),
        Verb::Compare(args) => compare::run(args, ctx),
        Verb::Replay(args) => replay::run(args, ctx),
    }
}

/// Where runs lie; shared by the commands that take a run's name.
#[derive(clap::Args, Clone)]
pub(crate) struct Root {
    /// Folder that holds the runs
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    pub(crate) runs: std::path::PathBuf,
}

/// A run's manifest, its status as it is now.
fn manifest(run: &RunFolder) -> anyhow::Result<Manifest> {
    let manifest = run.manifest()?;
    Ok(Manifest { status: run.status(&manifest), ..manifest })
}

/// The command that goes on with a run.
pub(crate) fn go_on(run: &RunFolder) -> String {
    let folder = run.path().display();
    match run.join(RECIPE_FILE).is_file() {
        // A quickstart has stages after its training.
        true if run.join(super::quickstart::PROMPTS).is_file() => format!("aquifer quickstart --resume {folder}"),
        true => format!("aquifer train --resume {folder}"),
        false => format!("nothing was computed yet: remove {folder} and start again"),
    }
}
