//! `aquifer data instruct select`

use super::Source;
use crate::commands::data::check_new;
use crate::context::Context;
use anyhow::ensure;
use aquifer_corpus::write_rows;
use aquifer_data::instruct::check::{bad_rows, check};
use aquifer_data::instruct::convert::to_row;
use aquifer_data::instruct::select::{by_tags, ranked, spread};
use aquifer_data::instruct::{Example, Format, Vectors};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Choose a part of instruction data that teaches as much: good examples that differ
///
/// Rows with errors are never chosen. Likeness is that of the words of what is asked, rare words counting more; any number of
/// threads chooses the same rows. They are written in the layout and the order they had.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    A thousand that lie far from one another:\n    \
    aquifer data instruct select pool.jsonl --count 1000 --out part.jsonl\n  \
    The best by a score of each row, none like a better one:\n    \
    aquifer data instruct select pool.jsonl --count 1000 --by rank --score quality --out part.jsonl\n  \
    Many and various tags:\n    \
    aquifer data instruct select tagged.jsonl --count 1000 --by tags --out part.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// How many to choose
    #[arg(long, value_name = "N")]
    count: usize,
    /// What makes a choice
    #[arg(long, value_enum, default_value_t = By::Spread, value_name = "METHOD")]
    by: By,
    /// Field of a row that holds its score
    #[arg(long, value_name = "FIELD", required_if_eq("by", "rank"))]
    score: Option<String>,
    /// Leave out rows with a lower score, or none
    #[arg(long, value_name = "SCORE", requires = "score")]
    min_score: Option<f64>,
    /// Likeness to a chosen row, 0 to 1, from which a row is left out (for --by rank)
    #[arg(long, default_value_t = 0.9, value_name = "LIKENESS")]
    nearest: f32,
    /// Field of a row that lists its tags (for --by tags)
    #[arg(long, default_value = "tags", value_name = "FIELD")]
    tags: String,
    /// File for the chosen rows: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// As far from one another as can be (k-center, greedily); the first is the best by --score
    Spread,
    /// From the best --score down, leaving out what is too like a better one
    Rank,
    /// From those with the most tags down, each with a tag that is new
    Tags,
}

#[derive(Serialize)]
struct Outcome {
    out: PathBuf,
    chosen: usize,
    of: usize,
    with_errors: usize,
    below_min_score: usize,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    check_new(&args.out, args.force)?;
    let set = args.source.read(ctx)?;
    let layout = set.format.unwrap_or(Format::Messages);
    let bad = bad_rows(&check(&set));
    let (read, rows_with_errors) = (set.examples.len(), bad.len());
    let sound: Vec<Example> = set.examples.into_iter().filter(|example| !bad.contains(&example.row)).collect();
    let number = |example: &Example| args.score.as_ref().and_then(|field| example.extra.get(field)?.as_f64());
    let before = sound.len();
    let pool: Vec<Example> = match args.min_score {
        Some(least) => {
            sound.into_iter().filter(|example| number(example).is_some_and(|score| score >= least)).collect()
        }
        None => sound,
    };
    let below_min_score = before - pool.len();
    let quality: Vec<f64> = pool.iter().map(|example| number(example).unwrap_or(f64::NAN)).collect();
    if let Some(field) = &args.score {
        ensure!(pool.is_empty() || quality.iter().any(|score| !score.is_nan()), "no row has a number in `{field}`");
    }
    let vectors = || Vectors::of(&pool.iter().map(Example::prompt).collect::<Vec<_>>());
    let mut chosen = match args.by {
        By::Spread => spread(&vectors(), args.count, args.score.as_ref().map(|_| quality.as_slice())),
        By::Rank => ranked(&vectors(), args.count, &quality, args.nearest),
        By::Tags => {
            let tags: Vec<BTreeSet<String>> = pool.iter().map(|example| tags(example, &args.tags)).collect();
            ensure!(
                pool.is_empty() || tags.iter().any(|tags| !tags.is_empty()),
                "no row has tags in `{}`; `aquifer data instruct tag` gives some, --tags names another field",
                args.tags
            );
            by_tags(&tags, args.count)
        }
    };
    chosen.sort_unstable();
    let rows: Vec<_> = chosen.iter().filter_map(|&at| to_row(&pool[at], layout).ok()).map(|(row, _)| row).collect();
    write_rows(&args.out, &rows)?;
    let outcome =
        Outcome { out: args.out, chosen: rows.len(), of: read, with_errors: rows_with_errors, below_min_score };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{} of {} examples in `{}`", outcome.chosen, outcome.of, outcome.out.display());
    if rows_with_errors > 0 {
        ctx.say(format!("{rows_with_errors} rows with errors were left out (`check` names them)"));
    }
    Ok(())
}

fn tags(example: &Example, field: &str) -> BTreeSet<String> {
    let list = example.extra.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}
