//! `aquifer data label`

use super::{Input, check_new, go_on};
use crate::commands::asking::{AskArgs, Spent};
use crate::context::Context;
use crate::input::Work;
use crate::table::table;
use anyhow::{Context as _, ensure};
use aquifer_client::ClientError;
use aquifer_corpus::{Document, write_documents};
use aquifer_data::label::{self, RUBRICS, Rubric};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Ask a model to label a sample of documents, for `train-classifier` to learn from
///
/// A rubric says what to ask, on which scale or of which classes, and how the answer is read: one of ours (quality,
/// industry) or a TOML file. Every answer is kept beside --out as it comes, so a command that was stopped goes on where it
/// was, and a larger sample asks only about the documents that are new. Answers that cannot be read are asked for again,
/// bolder; what remains without a label is counted with its reason.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    What would it cost?\n    \
    aquifer data label web/ --rubric quality --sample 5000 --endpoint https://host/v1 --model big \\\n      \
    --price-in 0.5 --price-out 1.5 --out rated.jsonl\n  \
    The same with --yes asks; then a small model learns from it:\n    \
    aquifer data train-classifier rated.jsonl --out quality.ftz\n  \
    As many documents of each language, by a model served here:\n    \
    aquifer data label web/ --rubric industry --sample 2000 --stratify lang \\\n      \
    --endpoint http://localhost:8080 --model my-model --out sorted.jsonl --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// What to ask: `quality`, `industry`, or a TOML file
    #[arg(long, value_name = "NAME")]
    rubric: String,
    /// File for the labelled documents: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Documents to ask about, drawn by --seed [default: all]
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Field of the metadata of whose every value as many documents are drawn
    #[arg(long, value_name = "FIELD", requires = "sample")]
    stratify: Option<String>,
    /// How often a document is asked about until the answer can be read
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=20))]
    tries: u64,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Serialize)]
struct Outcome<'a> {
    out: PathBuf,
    rubric: &'a str,
    labelled: usize,
    labels: BTreeMap<&'a str, usize>,
    without_label: BTreeMap<&'a str, usize>,
    skipped: u64,
    spent: Spent,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    check_new(&args.out, args.force)?;
    let rubric = rubric(&args.rubric)?;
    let endpoint = args.ask.endpoint()?;
    let collected = args.input.read(Work::Look, ctx)?;
    let mut documents = collected.documents;
    if let Some(n) = args.sample {
        let field = args.stratify.as_deref();
        ensure!(
            field.is_none_or(|field| documents.iter().any(|document| document.metadata.contains_key(field))),
            "no document has a field `{}`; --stratify names one",
            field.unwrap_or_default()
        );
        let mut taken = label::sample(&documents, n, ctx.seed.unwrap_or(0), field).into_iter().peekable();
        let mut at = 0..;
        documents.retain(|_| taken.next_if_eq(&at.next().unwrap_or_default()).is_some());
    }
    let asker = args.ask.asker(&endpoint, &args.out, ctx)?;
    let questions = label::questions(&documents, &rubric, &args.ask.model);
    if !args.ask.agreed(&asker.estimate(&questions), None, ctx)? {
        return Ok(());
    }
    drop(questions);
    let labelled = stoppable(label::label(&documents, &rubric, &args.ask.model, args.tries, &asker))?;
    go_on(ctx)?;
    let rows = documents.iter().zip(&labelled.labels).filter_map(|(document, label)| {
        let label = label.as_ref().ok()?;
        Some(label::row(document, label, &rubric, &args.ask.model))
    });
    let rows: Vec<Document> = rows.collect();
    write_documents(&args.out, &rows)?;
    let outcome = Outcome {
        out: args.out.clone(),
        rubric: &rubric.name,
        labelled: rows.len(),
        labels: labelled.counts(),
        without_label: labelled.failures(),
        skipped: collected.skipped_count,
        spent: args.ask.spent(&asker),
    };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    let row = |name: &str, n: &usize| vec![name.to_owned(), n.to_string()];
    let rows: Vec<_> = outcome.labels.iter().map(|(name, n)| row(name, n)).collect();
    print!("{}", table(Some(&["label", "documents"]), &[1], &rows));
    for (why, n) in &outcome.without_label {
        ctx.say(format!("{n} without a label: {why}"));
    }
    ctx.say(format!("{} labelled documents in `{}`", outcome.labelled, args.out.display()));
    Ok(())
}

/// One of ours, or a file.
fn rubric(name: &str) -> anyhow::Result<Rubric> {
    if let Some((_, _, text)) = RUBRICS.iter().find(|(known, ..)| *known == name) {
        return Ok(Rubric::parse(text, name)?);
    }
    let known: Vec<&str> = RUBRICS.iter().map(|(name, ..)| *name).collect();
    let text = std::fs::read_to_string(name);
    let text =
        text.with_context(|| format!("`{name}` is neither a rubric of ours ({}) nor a file", known.join(", ")))?;
    Ok(Rubric::parse(&text, name)?)
}

/// A signal is no failure.
pub(super) fn stoppable<T>(result: Result<T, ClientError>) -> anyhow::Result<T> {
    match result {
        Err(error @ ClientError::Stopped) => Err(crate::context::Interrupted(error.to_string()).into()),
        other => Ok(other?),
    }
}
