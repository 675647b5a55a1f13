//! `aquifer data instruct evolve`

use super::{Source, Write, sound};
use crate::commands::asking::{AskArgs, Spent};
use crate::commands::data::label::stoppable;
use crate::context::Context;
use aquifer_data::instruct::Format;
use aquifer_data::instruct::evolve::{self, EvolveOptions};
use serde::Serialize;
use std::collections::BTreeMap;

/// Make new instructions out of old ones, and answer them
///
/// Each question is made harder in one of four ways, or another is written beside it; then it is answered. What only repeats
/// the old one, speaks of itself or is declined is dropped and counted. Every new row says in `lineage` which row it comes
/// from, by what, of which model, and which question was asked. Rows of several turns, pairs and tools are passed over.
#[derive(clap::Args)]
#[command(
    after_help = "Example: aquifer data instruct evolve seeds.jsonl --rounds 2 --endpoint http://localhost:8080 \\\n  \
    --model my-model --out evolved.jsonl --yes"
)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    write: Write,
    /// How often what came out is evolved further
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10))]
    rounds: u64,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Serialize)]
struct Outcome {
    rows: usize,
    dropped: BTreeMap<String, usize>,
    spent: Spent,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    args.write.check()?;
    let endpoint = args.ask.endpoint()?;
    let (examples, layout) = sound(&args.source, ctx)?;
    let layout = if layout == Format::Preference { Format::Messages } else { layout };
    let options =
        EvolveOptions { model: args.ask.model.clone(), rounds: args.rounds as usize, seed: ctx.seed.unwrap_or(0) };
    let asker = args.ask.asker(&endpoint, &args.write.out, ctx)?;
    let estimate = asker.estimate(&evolve::questions(&examples, &options));
    let more = format!(
        "This is the first half of the first round: each new instruction is answered too, in up to 2,000 tokens; there are {} rounds",
        args.rounds
    );
    if !args.ask.agreed(&estimate, Some(&more), ctx)? {
        return Ok(());
    }
    let evolved = stoppable(evolve::evolve(&examples, &options, &asker))?;
    let rows = args.write.rows(&evolved.examples, layout)?;
    let outcome = Outcome { rows, dropped: evolved.dropped, spent: args.ask.spent(&asker) };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{rows} new rows in `{}`", args.write.out.display());
    for (why, n) in &outcome.dropped {
        ctx.say(format!("{n} dropped: {why}"));
    }
    Ok(())
}
