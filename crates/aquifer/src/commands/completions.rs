//! `aquifer completions`

use crate::commands::Cli;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print completions for a shell, to be sourced by it
///
/// For bash: `aquifer completions bash > ~/.local/share/bash-completion/completions/aquifer`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) {
    clap_complete::generate(args.shell, &mut Cli::command(), "aquifer", &mut std::io::stdout());
}
