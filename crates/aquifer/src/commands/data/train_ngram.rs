//! `aquifer data train-ngram`

use super::Input;
use super::train_classifier::stoppable;
use crate::context::Context;
use crate::input::Work;
use anyhow::ensure;
use aquifer_text::kenlm::{NgramOptions, train_ngrams};
use serde::Serialize;
use std::path::PathBuf;

/// Learn an n-gram model of words from text, for perplexities
///
/// Each line is a sentence; words are what white space separates. Writes an ARPA file with the probabilities that KenLM's
/// lmplz gives. KenLM reads it too, and its build_binary makes it smaller; recipes of `aquifer data run` take either. All
/// counts are in memory, some 60 bytes for every different n-gram.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data train-ngram novels/ --order 5 --prune 0,0,1 --out novels.arpa")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the model, ending in .arpa
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Words in the longest n-grams
    #[arg(long, default_value_t = 5, value_name = "N")]
    order: usize,
    /// Leave out what is seen so often or less: a number for each length, the last for all longer ones
    #[arg(long, value_delimiter = ',', value_name = "N,N,…")]
    prune: Vec<u64>,
    /// Discount by 0.5, 1 and 1.5 where the text is too small or too odd to tell
    #[arg(long)]
    discount_fallback: bool,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Outcome {
    file: PathBuf,
    ngrams: Vec<usize>,
    documents: usize,
    skipped: u64,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let name = args.out.to_string_lossy();
    ensure!(name.ends_with(".arpa"), "`{name}` should end with .arpa");
    ensure!(args.force || !args.out.exists(), "`{name}` is there already; choose another name or say --force");
    let collected = args.input.read(Work::Look, ctx)?;
    let options = NgramOptions {
        order: args.order,
        prune: args.prune,
        discount_fallback: args.discount_fallback.then_some([0.5, 1.0, 1.5]),
    };
    let sentences = collected.documents.iter().flat_map(|document| document.text.lines());
    let model = stoppable(train_ngrams(sentences, &options, ctx.stop()))?;
    model.save(&args.out)?;
    let outcome = Outcome {
        ngrams: model.counts(),
        documents: collected.documents.len(),
        skipped: collected.skipped_count,
        file: args.out.clone(),
    };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{:?} n-grams of 1 to {} words in `{name}`", outcome.ngrams, args.order);
    Ok(())
}
