//! `aquifer data instruct …`

mod check;
mod convert;
mod evolve;
mod select;
mod tag;
mod verify;

use super::check_new;
use crate::context::Context;
use aquifer_corpus::write_rows;
use aquifer_data::instruct::check::{self as findings, bad_rows};
use aquifer_data::instruct::convert::to_row;
use aquifer_data::instruct::{self, Example, Format, Set};
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
    Tag(tag::Args),
    Evolve(evolve::Args),
    Verify(verify::Args),
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    match args.verb {
        Verb::Check(args) => check::run(args, ctx),
        Verb::Convert(args) => convert::run(args, ctx),
        Verb::Select(args) => select::run(args, ctx),
        Verb::Tag(args) => tag::run(args, ctx),
        Verb::Evolve(args) => evolve::run(args, ctx),
        Verb::Verify(args) => verify::run(args, ctx),
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

/// Where to write
#[derive(clap::Args)]
struct Write {
    /// File to write: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

impl Write {
    /// Refuses a name before the work begins.
    fn check(&self) -> anyhow::Result<()> {
        check_new(&self.out, self.force)
    }

    /// Writes the examples in a layout that holds them; how many.
    fn rows(&self, examples: &[Example], layout: Format) -> anyhow::Result<usize> {
        let rows = examples.iter().filter_map(|example| to_row(example, layout).ok()).map(|(row, _)| row);
        Ok(write_rows(&self.out, rows)? as usize)
    }
}

/// The examples without an error, and their layout; how many were left out is said.
fn sound(source: &Source, ctx: &Context) -> anyhow::Result<(Vec<Example>, Format)> {
    let set = source.read(ctx)?;
    let bad = bad_rows(&findings::check(&set));
    if !bad.is_empty() {
        ctx.say(format!("{} rows with errors are left out (`aquifer data instruct check` names them)", bad.len()));
    }
    let sound = set.examples.into_iter().filter(|example| !bad.contains(&example.row)).collect();
    Ok((sound, set.format.unwrap_or(Format::Messages)))
}
