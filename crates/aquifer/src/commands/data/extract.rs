//! `aquifer data extract`

use super::one_file::{Done, OneFile};
use super::{Change, Input, check_new};
use crate::context::Context;
use aquifer_data::pipeline::Recipe;
use serde::Serialize;
use std::path::PathBuf;

/// Take the main text out of web pages: no menus, boxes, comments
///
/// Pages come from web archives (.warc, .wet, .arc) and .html files, in any charset. Documents that are no pages are
/// passed on as they are. A page with no text of its own is left out and counted.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data extract crawl.warc.gz --format markdown --out pages.jsonl.zst")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the documents: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// How the text is written
    #[arg(long, value_enum, default_value_t = As::Text)]
    format: As,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum As {
    /// Paragraphs as lines
    Text,
    /// Headings, lists, tables, quotes, code and formulas keep their marks
    Markdown,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    change: Change,
    pages: u64,
    without_text: u64,
    out: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    check_new(&args.out, args.force)?;
    let format = match args.format {
        As::Text => "text",
        As::Markdown => "markdown",
    };
    let recipe = Recipe::default().then([("rule", "extract".into()), ("format", format.into())]);
    let task =
        OneFile { input: &args.input, recipe, out: &args.out, dropped: None, duplicates: None, save_index: None };
    let Done { change, report } = task.run(ctx)?;
    let stage = report.stages.first();
    let without_text = stage.map_or(0, |stage| stage.reasons.values().sum());
    let pages = without_text + stage.map_or(0, |stage| stage.repaired);
    if ctx.json {
        return ctx.print_json(&Outcome { change, pages, without_text, out: args.out });
    }
    println!("{pages:>9}  pages");
    println!("{without_text:>9}  of them without a text");
    Ok(())
}
