//! `aquifer data dedup`

use super::{Change, Input, check_new, go_on};
use crate::context::Context;
use crate::input::Work;
use anyhow::ensure;
use aquifer_corpus::write_documents;
use aquifer_data::dedup::{DedupOptions, deduplicate, near};
use aquifer_data::prepare::size;
use serde::Serialize;
use std::path::PathBuf;

/// Remove documents that are there twice, word for word or nearly
///
/// Word for word: equal but for case and white space. Nearly: their runs of five words (or characters, in scripts without
/// spaces) overlap by at least the threshold; candidates are found by MinHash and then compared exactly. Of each group
/// the earliest document stays.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data dedup a.jsonl.zst b/ --out unique.jsonl.zst --duplicates pairs.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the documents that stay: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Overlap from which two documents count as nearly the same, 0 to 1
    #[arg(long, default_value_t = near::DEFAULT_THRESHOLD, value_name = "SHARE")]
    threshold: f64,
    /// Only word-for-word copies
    #[arg(long, conflicts_with = "threshold")]
    exact_only: bool,
    /// File that lists every removed document, the one that stays and how alike they are
    #[arg(long, value_name = "FILE.jsonl")]
    duplicates: Option<PathBuf>,
    /// Replace files that are already there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    change: Change,
    exact: usize,
    near: usize,
    out: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    ensure!(
        args.threshold > 0.0 && args.threshold <= 1.0,
        "--threshold takes a share from 0 to 1, got {}",
        args.threshold
    );
    for path in [Some(&args.out), args.duplicates.as_ref()].into_iter().flatten() {
        check_new(path, args.force)?;
    }
    let collected = args.input.read(Work::Dedup, ctx)?;
    let before = size(&collected.documents);
    let options = DedupOptions { exact: true, near: (!args.exact_only).then_some(args.threshold) };
    let result = deduplicate(collected.documents, &options, ctx.stop());
    go_on(ctx)?;
    write_documents(&args.out, &result.kept)?;
    if let Some(path) = &args.duplicates {
        aquifer_record::write_atomic(path, |out| {
            for (duplicate, _) in result.exact.iter().chain(&result.near) {
                serde_json::to_writer(&mut *out, duplicate)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
    }
    let change = Change::new(before, &result.kept, collected.skipped_count);
    ctx.say(change.line());
    let (exact, near) = (result.exact.len(), result.near.len());
    if ctx.json {
        return ctx.print_json(&Outcome { change, exact, near, out: args.out });
    }
    println!("{exact:>9}  exact duplicates\n{near:>9}  near duplicates");
    Ok(())
}
