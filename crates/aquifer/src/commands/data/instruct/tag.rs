//! `aquifer data instruct tag`

use super::{Source, Write, sound};
use crate::commands::asking::{AskArgs, Spent};
use crate::commands::data::label::stoppable;
use crate::context::Context;
use aquifer_data::instruct::tag;
use serde::Serialize;
use std::collections::BTreeMap;

/// Ask a model for the tags of what is asked: intentions, fields, conditions
///
/// Every row gets a field `tags`, by which `select --by tags` chooses. Answers are kept as they come: a command that was
/// stopped goes on where it was.
#[derive(clap::Args)]
#[command(
    after_help = "Example: aquifer data instruct tag pool.jsonl --endpoint http://localhost:8080 --model my-model \\\n  \
    --out tagged.jsonl --yes"
)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    write: Write,
    /// Leave out tags that fewer rows have
    #[arg(long, default_value_t = 1, value_name = "N")]
    least: usize,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Serialize)]
struct Outcome {
    rows: usize,
    without_tags: BTreeMap<String, usize>,
    spent: Spent,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    args.write.check()?;
    let endpoint = args.ask.endpoint()?;
    let (mut examples, layout) = sound(&args.source, ctx)?;
    let asker = args.ask.asker(&endpoint, &args.write.out, ctx)?;
    let estimate = asker.estimate(&tag::questions(&examples, &args.ask.model));
    if !args.ask.agreed(&estimate, None, ctx)? {
        return Ok(());
    }
    let without_tags = stoppable(tag::tag(&mut examples, &args.ask.model, args.least, &asker))?;
    let rows = args.write.rows(&examples, layout)?;
    let outcome = Outcome { rows, without_tags, spent: args.ask.spent(&asker) };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{rows} rows in `{}`", args.write.out.display());
    for (why, n) in &outcome.without_tags {
        ctx.say(format!("{n} without tags: {why}"));
    }
    Ok(())
}
