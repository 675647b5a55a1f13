//! `aquifer data instruct check`

use super::Source;
use crate::commands::data::check_new;
use crate::context::Context;
use crate::table::table;
use aquifer_data::instruct::Kind;
use aquifer_data::instruct::check::{bad_rows, check, counts};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name what is wrong with the rows of instruction data
///
/// Every finding has a kind, a row and a field: fields that are missing or of another type, empty turns, roles out of order,
/// answers that are not there, calls without results and results without calls, tools that were not declared, prompts that
/// occur twice, marks of chat templates. Errors make a row unfit to learn from, warnings do not.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    aquifer data instruct check alpaca.json.gz\n  \
    aquifer data instruct check talk.jsonl --list findings.jsonl --strict")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// File for all findings, one a line
    #[arg(long, value_name = "FILE.jsonl")]
    list: Option<PathBuf>,
    /// Fail if there is an error
    #[arg(long)]
    strict: bool,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Outcome {
    layout: &'static str,
    rows: usize,
    examples: usize,
    rows_with_errors: usize,
    findings: BTreeMap<Kind, usize>,
}

/// Findings shown one by one, of each kind.
const SHOWN: usize = 3;

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    if let Some(path) = &args.list {
        check_new(path, args.force)?;
    }
    let set = args.source.read(ctx)?;
    let findings = check(&set);
    let outcome = Outcome {
        layout: set.format.map_or("none", |format| format.name()),
        rows: set.rows,
        examples: set.examples.len(),
        rows_with_errors: bad_rows(&findings).len(),
        findings: counts(&findings),
    };
    if let Some(path) = &args.list {
        aquifer_record::write_atomic(path, |out| {
            for finding in &findings {
                serde_json::to_writer(&mut *out, finding)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
    }
    if ctx.json {
        ctx.print_json(&outcome)?;
    } else {
        let bad = outcome.rows_with_errors;
        println!("{} rows of {}, {} examples; {bad} rows with errors", set.rows, outcome.layout, set.examples.len());
        let row = |(kind, n): (&Kind, &usize)| {
            let weight = if kind.is_error() { "error" } else { "warning" };
            vec![kind.name().to_owned(), weight.to_owned(), n.to_string(), kind.about().to_owned()]
        };
        let rows: Vec<_> = outcome.findings.iter().map(row).collect();
        if !rows.is_empty() {
            print!("{}", table(Some(&["finding", "", "times", ""]), &[2], &rows));
        }
        for &kind in outcome.findings.keys() {
            for finding in findings.iter().filter(|finding| finding.kind == kind).take(SHOWN) {
                let field = if finding.field.is_empty() { String::new() } else { format!(", {}", finding.field) };
                ctx.say(format!("{}: row {}{field}: {}", kind.name(), finding.row, finding.why));
            }
        }
    }
    anyhow::ensure!(
        !args.strict || outcome.rows_with_errors == 0,
        "{} of {} rows of `{}` have errors",
        outcome.rows_with_errors,
        set.rows,
        args.source.name()
    );
    Ok(())
}
