//! `aquifer eval …`

pub(crate) mod run;

use crate::context::Context;

/// Score a model on text and questions it has not seen
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Run(run::Args),
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    match args.verb {
        Verb::Run(args) => run::run(args, ctx),
    }
}
