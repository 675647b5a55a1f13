//! `aquifer data instruct …`

mod check;
mod convert;
mod select;

use crate::context::Context;
use aquifer_data::instruct::{self, Format, Set};
use std::path::{Path, PathBuf};

/// Check, convert, select and extend instruction data
///
/// Reads .json arrays and .jsonl files, plain or .gz or .zst, in four layouts told by their fields: alpaca (instruction,
/// input, output), sharegpt (conversations), messages, and preference (chosen, rejected); with calls of tools.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Check(check::Args),
    Convert(convert::Args),
    Select(select::Args),
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    match args.verb {
        Verb::Check(args) => check::run(args, ctx),
        Verb::Convert(args) => convert::run(args, ctx),
        Verb::Select(args) => select::run(args, ctx),
    }
}

/// What to read
#[derive(clap::Args)]
struct Source {
    /// File of rows: .json or .jsonl, also .gz or .zst
    input: PathBuf,
    /// The layout, where the fields do not tell it
    #[arg(long, value_enum, value_name = "LAYOUT")]
    from: Option<Layout>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// instruction, input, output; also response, system, history, instances
    Alpaca,
    /// conversations of from and value
    Sharegpt,
    /// messages of role and content
    Messages,
    /// chosen and rejected answers
    Preference,
}

impl From<Layout> for Format {
    fn from(layout: Layout) -> Format {
        match layout {
            Layout::Alpaca => Format::Alpaca,
            Layout::Sharegpt => Format::ShareGpt,
            Layout::Messages => Format::Messages,
            Layout::Preference => Format::Preference,
        }
    }
}

impl Source {
    /// Rows take about eight times their bytes once they are parsed.
    fn read(&self, ctx: &Context) -> anyhow::Result<Set> {
        Ok(instruct::read(&self.input, self.from.map(Format::from), ctx.memory / 8)?)
    }

    fn name(&self) -> std::path::Display<'_> {
        Path::display(&self.input)
    }
}
