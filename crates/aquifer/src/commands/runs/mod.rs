//! `aquifer runs …`

pub(crate) mod compare;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;

use crate::context::Context;

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
