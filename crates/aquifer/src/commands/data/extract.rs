//! `aquifer data extract`

use super::{Change, Input, check_new, go_on};
use crate::context::Context;
use crate::input::Work;
use aquifer_corpus::{Document, write_documents};
use aquifer_data::extract::{self, Format};
use aquifer_data::prepare::size;
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
    pages: usize,
    without_text: usize,
    out: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    check_new(&args.out, args.force)?;
    let collected = args.input.read(Work::Clean, ctx)?;
    let before = size(&collected.documents);
    let format = match args.format {
        As::Text => Format::Text,
        As::Markdown => Format::Markdown,
    };
    let pages = collected.documents.iter().filter(|document| extract::is_page(document)).count();
    let extracted = extract::documents(collected.documents, format);
    let (kept, empty): (Vec<Document>, Vec<Document>) = extracted.into_iter().partition(|d| !d.text.is_empty());
    go_on(ctx)?;
    write_documents(&args.out, &kept)?;
    let change = Change::new(before, &kept, collected.skipped_count);
    ctx.say(change.line());
    let without_text = empty.len();
    if ctx.json {
        return ctx.print_json(&Outcome { change, pages, without_text, out: args.out });
    }
    println!("{pages:>9}  pages");
    println!("{without_text:>9}  of them without a text");
    Ok(())
}
