//! `aquifer data cut`

use super::check_new;
use crate::context::Context;
use crate::table::facts;
use aquifer_data::dedup::Keep;
use aquifer_data::pipeline::{Condition, Cut, CutOutcome, CutTo, Pipeline};
use aquifer_data::rules::Bound;
use aquifer_record::figures;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Cut the documents of a finished run again, by another condition
///
/// Everything `aquifer data run` measured stands in columns; a condition on them says which documents stay, in place of the
/// recipe's own bounds. Nothing is measured twice, save for documents that were dropped before the columns you ask for:
/// these are taken on from where they fell, and counted. Of copies one stays.
///
/// Conditions are SQL: comparisons, and, or, not, + - * /, between, in, is null. Without one, the columns are listed.
#[derive(clap::Args)]
#[command(
    after_help = "Example: aquifer data cut clean --where 'fineweb_quality.short_lines < 0.5 and bytes > 500' --out cut.jsonl.zst"
)]
pub(crate) struct Args {
    /// Folder of the run
    run: PathBuf,
    /// Which documents stay
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// File for the documents: .jsonl, .jsonl.gz or .jsonl.zst; or, of a run that ended in token shards, a new folder for
    /// such shards, by the same vocabulary; without one they are only counted
    #[arg(long, short, value_name = "FILE|FOLDER")]
    out: Option<PathBuf>,
    /// Which of several copies stays
    #[arg(long, value_enum, default_value_t = Copies::Earliest)]
    keep: Copies,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Copies {
    /// The first in the order of the input
    Earliest,
    /// The longest
    Longest,
    /// All of them
    All,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let pipeline = Pipeline::reopen(&args.run)?;
    let folder = args.run.display();
    anyhow::ensure!(
        pipeline.is_finished(),
        "the run in `{folder}` is not finished: `aquifer data run` goes on with it"
    );
    let cut = Cut::of(&pipeline);
    let Some(text) = &args.condition else { return columns(&cut, ctx) };
    let to = args.out.as_deref().map(|out| destination(out, &pipeline, args.force)).transpose()?;
    let condition = Condition::parse(text, cut.schema())?;
    let keep = match args.keep {
        Copies::Earliest => Some(Keep::Earliest),
        Copies::Longest => Some(Keep::Longest),
        Copies::All => None,
    };
    let outcome = cut.run(&condition, keep, to, ctx.progress(), ctx.stop())?;
    ctx.go_on("stopped before anything was written; run the same command again")?;
    let outcome = outcome.unwrap_or_default();
    let CutOutcome { documents, kept, rescued, measured, not_compared, shards } = &outcome;
    if *measured > 0 {
        ctx.say(format!(
            "{measured} dropped documents were taken on through the rules behind the one that dropped them"
        ));
    }
    for (stage, count) in not_compared {
        ctx.say(format!(
            "{count} of those that stay never met `{stage}`: they may be copies (raise its bounds and run again)"
        ));
    }
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    let mut rows = vec![
        ("documents".to_owned(), figures::count(*documents)),
        ("that stay".to_owned(), figures::count(kept.documents)),
        ("of these, dropped before".to_owned(), figures::count(*rescued)),
        ("their text, as it came".to_owned(), figures::bytes(kept.bytes)),
    ];
    rows.extend(super::run::shard_rows(shards));
    rows.extend(args.out.as_ref().map(|out| ("in".to_owned(), out.display().to_string())));
    print!("{}", facts(rows));
    Ok(())
}

/// A file of documents by its name, else a folder of shards.
fn destination<'a>(out: &'a Path, pipeline: &Pipeline, force: bool) -> anyhow::Result<CutTo<'a>> {
    if pipeline.ends_in_shards() && out.extension().is_none() {
        anyhow::ensure!(!out.exists(), "`{}` is there already; choose another folder", out.display());
        return Ok(CutTo::Shards(out));
    }
    check_new(out, force)?;
    Ok(CutTo::File(out))
}

/// What there is to ask for.
#[derive(Serialize)]
struct Asked<'a> {
    column: &'a str,
    about: &'a str,
    bound: Bound,
    /// Which version of the text it was measured on.
    version: &'a str,
}

fn columns(cut: &Cut, ctx: &Context) -> anyhow::Result<()> {
    let asked = cut.schema().fields().iter().map(|field| {
        let said = |key: &str| field.metadata().get(key).map_or("", String::as_str);
        let about = match field.name().as_str() {
            "id" => "of the document",
            "bytes" => "of its text as it came",
            _ => said("about"),
        };
        let bound = serde_json::from_str(said("bound")).unwrap_or_default();
        Asked { column: field.name(), about, bound, version: said("version") }
    });
    let asked: Vec<Asked> = asked.collect();
    if ctx.json {
        return ctx.print_json(&asked);
    }
    let width = asked.iter().map(|asked| asked.column.len()).max().unwrap_or(0);
    for Asked { column, about, bound, .. } in asked {
        println!("{column:<width$}  {about}: {bound}");
    }
    Ok(())
}
