//! `aquifer data instruct convert`

use super::{Layout, Source};
use crate::commands::data::check_new;
use crate::context::Context;
use aquifer_corpus::write_rows;
use aquifer_data::instruct::Format;
use aquifer_data::instruct::convert::convert;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Write instruction data in another layout, and say what is lost
///
/// Rows with errors are left out (`check` names them), and so is what the other layout cannot hold. Ids, sources, scores and
/// whatever else a row says are kept. `messages` is what `aquifer data shard` reads.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data instruct convert alpaca.json --to messages --out talk.jsonl.zst")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// The layout to write
    #[arg(long, value_enum, value_name = "LAYOUT")]
    to: Layout,
    /// File to write: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Outcome {
    out: PathBuf,
    from: &'static str,
    to: &'static str,
    rows: usize,
    left_out: BTreeMap<&'static str, usize>,
    lost: BTreeMap<&'static str, usize>,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    check_new(&args.out, args.force)?;
    let set = args.source.read(ctx)?;
    let to = Format::from(args.to);
    let converted = convert(&set, to);
    write_rows(&args.out, &converted.rows)?;
    let outcome = Outcome {
        out: args.out,
        from: set.format.map_or("none", |format| format.name()),
        to: to.name(),
        rows: converted.rows.len(),
        left_out: converted.left_out,
        lost: converted.lost,
    };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{} rows of {} in `{}`", outcome.rows, outcome.to, outcome.out.display());
    for (why, n) in &outcome.left_out {
        println!("{n} left out: {why}");
    }
    for (what, n) in &outcome.lost {
        println!("{n} without what {} has no place for: {what}", outcome.to);
    }
    Ok(())
}
