//! `aquifer data clean`

use super::{Change, Input, check_new, go_on};
use crate::context::Context;
use crate::input::Work;
use aquifer_corpus::write_documents;
use aquifer_data::clean::clean;
use aquifer_data::filters;
use aquifer_data::prepare::size;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Repair encodings and, on request, filter out what is no good text
///
/// Always repaired: UTF-8 that was read as Latin-1 or Windows-1252 (`cafÃ©`, also twice over), byte-order marks, control
/// characters, accents that stand apart from their letters. `--preset web` also takes out cookie notices and navigation
/// and drops pages by the rules of Gopher and FineWeb; every dropped document keeps the rule, its value and the bound.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data clean crawl/ --preset web --out clean.jsonl.zst --dropped dropped.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the documents that stay: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Which filters to apply after the repair
    #[arg(long, value_enum, default_value_t = Preset::Plain)]
    preset: Preset,
    /// File for the documents that were dropped, each with the reason in its metadata
    #[arg(long, value_name = "FILE")]
    dropped: Option<PathBuf>,
    /// Replace files that are already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Preset {
    /// None
    Plain,
    /// Pages from the web: notices, noise, repetition, quality of words and lines
    Web,
    /// Short documents: notices and noise only
    Short,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    change: Change,
    reasons: BTreeMap<String, u64>,
    repaired: usize,
    repairs: BTreeMap<String, u64>,
    out: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    for path in [Some(&args.out), args.dropped.as_ref()].into_iter().flatten() {
        check_new(path, args.force)?;
    }
    let collected = args.input.read(Work::Clean, ctx)?;
    let before = size(&collected.documents);
    let preset = match args.preset {
        Preset::Plain => filters::Preset::Plain,
        Preset::Web => filters::Preset::Web,
        Preset::Short => filters::Preset::Short,
    };
    let mut cleaned = clean(collected.documents, preset);
    go_on(ctx)?;
    write_documents(&args.out, &cleaned.kept)?;
    let (reasons, repairs, repaired) = (cleaned.reasons(), cleaned.repairs(), cleaned.changed.len());
    if let Some(path) = &args.dropped {
        let dropped = std::mem::take(&mut cleaned.dropped).into_iter().map(|(verdict, mut document)| {
            document.metadata.insert("dropped".to_owned(), serde_json::json!(verdict));
            document
        });
        write_documents(path, dropped)?;
    }
    let change = Change::new(before, &cleaned.kept, collected.skipped_count);
    ctx.say(change.line());
    if ctx.json {
        return ctx.print_json(&Outcome { change, reasons, repaired, repairs, out: args.out });
    }
    for (reason, count) in &reasons {
        println!("{count:>9}  removed: {reason}");
    }
    for (repair, count) in &repairs {
        println!("{count:>9}  repaired: {repair}");
    }
    Ok(())
}
