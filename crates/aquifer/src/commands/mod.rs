//! The tree of subcommands: one file each.

pub(crate) mod doctor;

use crate::context::{Context, Globals};

/// Raw text in; a trained, evaluated and served language model out
#[derive(clap::Parser)]
#[command(
    name = "aquifer",
    version,
    propagate_version = true,
    after_help = "Start with `aquifer quickstart`: it runs the whole path on built-in data in about three minutes.\n\
                  `aquifer COMMAND --help` explains each command."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The nouns.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Doctor(doctor::Args),
}

impl Command {
    /// Runs the one that was asked for.
    pub(crate) fn run(self, ctx: &Context) -> anyhow::Result<()> {
        match self {
            Command::Doctor(args) => doctor::run(args, ctx),
        }
    }
}
