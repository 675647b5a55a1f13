//! `aquifer data instruct verify`

use super::{Source, Write, sound};
use crate::commands::asking::{AskArgs, Spent};
use crate::commands::data::label::stoppable;
use crate::context::Context;
use aquifer_data::instruct::verify;
use serde::Serialize;
use std::collections::BTreeMap;

/// Have a model examine every answer, and write those with a fault anew
///
/// A corrected answer is examined again. Every row gets a field `verified`; one whose answer was changed says so in `lineage`.
#[derive(clap::Args)]
#[command(
    after_help = "Example: aquifer data instruct verify evolved.jsonl --corrections 2 --endpoint http://localhost:8080 \\\n  \
    --model my-model --out verified.jsonl --yes"
)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    write: Write,
    /// How often an answer with a fault is written anew
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=10))]
    corrections: u64,
    /// Write only rows whose answers were found correct
    #[arg(long)]
    correct_only: bool,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Serialize)]
struct Outcome {
    rows: usize,
    correct: usize,
    with_a_fault: usize,
    without_verdict: usize,
    rewritten: usize,
    failures: BTreeMap<String, usize>,
    spent: Spent,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    args.write.check()?;
    let endpoint = args.ask.endpoint()?;
    let (mut examples, layout) = sound(&args.source, ctx)?;
    let asker = args.ask.asker(&endpoint, &args.write.out, ctx)?;
    let estimate = asker.estimate(&verify::questions(&examples, &args.ask.model));
    let more = "Answers with a fault are asked for anew, in up to 2,000 tokens, and examined again";
    if !args.ask.agreed(&estimate, Some(more), ctx)? {
        return Ok(());
    }
    let verified = stoppable(verify::verify(&mut examples, &args.ask.model, args.corrections as usize, &asker))?;
    let count = |verdict: Option<bool>| verified.correct.iter().filter(|correct| **correct == verdict).count();
    let (correct, with_a_fault, without_verdict) = (count(Some(true)), count(Some(false)), count(None));
    if args.correct_only {
        let mut verdicts = verified.correct.iter();
        examples.retain(|_| verdicts.next() == Some(&Some(true)));
    }
    let rows = args.write.rows(&examples, layout)?;
    let (rewritten, failures) = (verified.rewritten, verified.failures);
    let spent = args.ask.spent(&asker);
    let outcome = Outcome { rows, correct, with_a_fault, without_verdict, rewritten, failures, spent };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{rows} rows in `{}`", args.write.out.display());
    println!(
        "{correct} correct, {with_a_fault} with a fault, {without_verdict} without a verdict; {rewritten} answers written anew"
    );
    for (why, n) in &outcome.failures {
        ctx.say(format!("{n} times no use: {why}"));
    }
    Ok(())
}
