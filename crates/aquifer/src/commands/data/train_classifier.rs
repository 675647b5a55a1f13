//! `aquifer data train-classifier`

use super::{Input, go_on};
use crate::context::{Context, Interrupted};
use crate::input::Work;
use anyhow::{Context as _, ensure};
use aquifer_corpus::Document;
use aquifer_metrics::{kappa, kappa_on_a_scale, rank_correlation};
use aquifer_record::files;
use aquifer_record::progress::Unit;
use aquifer_tensor::random::Stream;
use aquifer_text::TextError;
use aquifer_text::fasttext::{Example, FastText, Loss, QuantiseOptions, TrainOptions};
use serde::Serialize;
use std::path::PathBuf;

/// Learn to label documents from documents that have labels
///
/// Reads JSON lines whose field --label-field holds a label or a list of them (what a person or a model said of the
/// document, its source, its subject), and writes a model of fastText's kind that recipes of `aquifer data run` use as a
/// rule and that `fasttext` loads too. Some documents are held back, and how often the model is right about those is
/// told. The same documents and seed give the same bytes, whatever the threads.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data train-classifier rated.jsonl --label-field subject --out subjects.ftz")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the model: .bin, or .ftz for a small, quantised one
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Field of a JSON line that holds its label or labels
    #[arg(long, default_value = "label", value_name = "FIELD")]
    label_field: String,
    /// One label a document, the same by a tree (for hundreds of labels), or several labels a document
    #[arg(long, value_enum, default_value_t = Kind::Softmax)]
    loss: Kind,
    /// Numbers in a document's vector
    #[arg(long, default_value_t = 16, value_name = "N")]
    dim: usize,
    /// How often each document is seen
    #[arg(long, default_value_t = 10, value_name = "N")]
    epochs: usize,
    /// At the beginning; it falls to zero
    #[arg(long, default_value_t = 0.5, value_name = "RATE")]
    learning_rate: f32,
    /// Longest n-grams of words
    #[arg(long, default_value_t = 2, value_name = "N")]
    word_ngrams: usize,
    /// Longest n-grams of characters, which are from 1 long; none by default. Chinese and other text without spaces needs 3
    /// or 4
    #[arg(long, default_value_t = 0, value_name = "N")]
    char_ngrams: usize,
    /// Rows that n-grams share
    #[arg(long, default_value_t = 1 << 20, value_name = "N")]
    buckets: u32,
    /// Rows that a .ftz file keeps
    #[arg(long, default_value_t = 50_000, value_name = "N")]
    keep: usize,
    /// Documents of a hundred that are held back to be asked afterwards
    #[arg(long, default_value_t = 10, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=90))]
    held_out: u64,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// One label
    Softmax,
    /// One of very many labels
    Tree,
    /// Any number of labels
    Several,
}

#[derive(Serialize)]
struct Outcome {
    file: PathBuf,
    bytes: u64,
    labels: usize,
    learnt_from: usize,
    held_out: usize,
    /// Of the documents held out, those whose most probable label is one of theirs; absent if there are none.
    accuracy: Option<f64>,
    /// What always naming the most frequent label would give.
    most_frequent: Option<f64>,
    /// Cohen's kappa about the documents held out: agreement beyond chance.
    kappa: Option<f64>,
    /// Kappa with quadratic weights, where every label is a whole number: a score.
    kappa_on_a_scale: Option<f64>,
    /// Spearman's, where every label is a number.
    rank_correlation: Option<f64>,
    without_label: usize,
    skipped: u64,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let name = args.out.to_string_lossy();
    let small = name.ends_with(".ftz");
    ensure!(small || name.ends_with(".bin"), "`{name}` should end with .bin or .ftz");
    ensure!(args.force || !args.out.exists(), "`{name}` is there already; choose another name or say --force");
    let collected = args.input.read(Work::Look, ctx)?;
    let examples: Vec<Example> = collected.documents.iter().filter_map(|d| example(d, &args.label_field)).collect();
    let without_label = collected.documents.len() - examples.len();
    ensure!(
        !examples.is_empty(),
        "no document has a label in `{}`; --label-field names the field that holds one",
        args.label_field
    );
    let seed = ctx.seed.unwrap_or(0);
    let draw = Stream::new(seed, "train-classifier", "held out");
    let held = |i: usize| draw.below(0, i as u64, 100) < args.held_out;
    let (asked, learnt): (Vec<_>, Vec<_>) = examples.into_iter().enumerate().partition(|&(i, _)| held(i));
    let [asked, learnt] = [asked, learnt].map(|part| part.into_iter().map(|(_, example)| example).collect::<Vec<_>>());

    let options = TrainOptions {
        dim: args.dim,
        epochs: args.epochs,
        learning_rate: args.learning_rate,
        word_ngrams: args.word_ngrams,
        char_ngrams: (usize::from(args.char_ngrams > 0), args.char_ngrams),
        buckets: args.buckets,
        loss: match args.loss {
            Kind::Softmax => Loss::Softmax,
            Kind::Tree => Loss::HierarchicalSoftmax,
            Kind::Several => Loss::OneVsAll,
        },
        seed,
        ..TrainOptions::default()
    };
    let again = if small { args.epochs.div_ceil(2) } else { 0 };
    let total = (learnt.len() * (args.epochs + again)) as u64;
    let bar = ctx.progress().bar("learning", Some(total), Unit::Count("documents"));
    let mut model = stoppable(FastText::train(&learnt, &options, &*bar, ctx.stop()))?;
    if small {
        model.prune(args.keep);
        stoppable(model.fit(&learnt, again, args.learning_rate / 2.0, seed, &*bar, ctx.stop()))?;
        let bytes = model.quantise(&QuantiseOptions::default())?;
        model = FastText::from_bytes(&bytes, &args.out)?;
        files::write_atomic_bytes(&args.out, &bytes)?;
    } else {
        model.save(&args.out)?;
    }
    drop(bar);
    go_on(ctx)?;

    let most_frequent = model.labels()[0].as_str();
    let share = |right: &dyn Fn(&Example) -> bool| {
        let n = asked.iter().filter(|example| right(example)).count();
        (!asked.is_empty()).then(|| n as f64 / asked.len() as f64)
    };
    let best = |text: &str| model.predict(text, 1, 0.0).first().map(|found| found.label);
    // Raters are compared where each names one label.
    let single = !asked.is_empty() && asked.iter().all(|example| example.labels.len() == 1);
    let said = asked.iter().filter_map(|example| Some((*example.labels.first()?, best(example.text)?)));
    let pairs: Vec<(&str, &str)> = if single { said.collect() } else { Vec::new() };
    let whole: Option<Vec<(i64, i64)>> = numbers(&pairs);
    let scores: Option<Vec<(f64, f64)>> = numbers(&pairs);
    let outcome = Outcome {
        bytes: std::fs::metadata(&args.out).with_context(|| format!("reading `{name}`"))?.len(),
        labels: model.labels().len(),
        learnt_from: learnt.len(),
        held_out: asked.len(),
        accuracy: share(&|example| best(example.text).is_some_and(|label| example.labels.contains(&label))),
        most_frequent: share(&|example| example.labels.contains(&most_frequent)),
        kappa: kappa(&pairs),
        kappa_on_a_scale: whole.as_deref().and_then(kappa_on_a_scale),
        rank_correlation: scores.as_deref().and_then(rank_correlation),
        without_label,
        skipped: collected.skipped_count,
        file: args.out.clone(),
    };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{} labels in `{name}`, {} bytes", outcome.labels, outcome.bytes);
    if let (Some(accuracy), Some(frequent)) = (outcome.accuracy, outcome.most_frequent) {
        println!(
            "right about {:.1} % of {} documents held out; `{most_frequent}` alone would be about {:.1} %",
            100.0 * accuracy,
            asked.len(),
            100.0 * frequent
        );
    }
    let said = [
        ("kappa", outcome.kappa),
        ("kappa with quadratic weights", outcome.kappa_on_a_scale),
        ("rank correlation", outcome.rank_correlation),
    ];
    let said: Vec<String> = said.iter().filter_map(|(name, value)| Some(format!("{name} {:.3}", (*value)?))).collect();
    if !said.is_empty() {
        println!("agreement about them: {}", said.join(", "));
    }
    ctx.say(format!("learnt from {} documents; {without_label} had no label", outcome.learnt_from));
    Ok(())
}

/// Nothing for a document without a label.
fn example<'a>(document: &'a Document, field: &str) -> Option<Example<'a>> {
    let value = document.metadata.get(field)?;
    let labels: Vec<&str> = match value {
        serde_json::Value::String(label) => vec![label],
        serde_json::Value::Array(labels) => labels.iter().filter_map(|label| label.as_str()).collect(),
        _ => return None,
    };
    (!labels.is_empty()).then_some(Example { labels, text: &document.text })
}

/// Both labels of every pair as numbers; nothing if one is none.
fn numbers<T: std::str::FromStr>(pairs: &[(&str, &str)]) -> Option<Vec<(T, T)>> {
    pairs.iter().map(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))).collect()
}

/// A signal is no failure.
pub(super) fn stoppable<T>(result: Result<T, TextError>) -> anyhow::Result<T> {
    match result {
        Err(TextError::Stopped) => Err(Interrupted(TextError::Stopped.to_string()).into()),
        other => Ok(other?),
    }
}
