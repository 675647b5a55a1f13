//! `aquifer data dedup`

use super::{Change, Input, check_new, go_on};
use crate::context::Context;
use crate::input::Work;
use anyhow::ensure;
use aquifer_corpus::{Document, write_documents};
use aquifer_data::dedup::bloom::{Bloom, BloomOptions};
use aquifer_data::dedup::minhash::{MinHash, MinHashOptions};
use aquifer_data::dedup::sentence::{SentenceDedup, SentenceOptions};
use aquifer_data::dedup::simhash::SimHash;
use aquifer_data::dedup::spill::Spill;
use aquifer_data::dedup::substring::{self, Occurrences};
use aquifer_data::dedup::trim::{Trim, Trimmed, trim};
use aquifer_data::dedup::{DedupOptions, Deduplicated, Duplicate, Keep, Method, Standing, deduplicate, keep_one, near};
use aquifer_data::prepare::size;
use aquifer_text::shingles::{sentences, words};
use aquifer_text::words::Language;
use serde::Serialize;
use std::path::PathBuf;

/// Remove documents that are there twice, word for word or nearly
///
/// Of each group of copies one document stays: the earliest, unless --keep says otherwise.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data dedup a.jsonl.zst b/ --out unique.jsonl.zst --duplicates pairs.jsonl")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// File for the documents that stay: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// What makes a copy
    #[arg(long, value_enum, default_value_t = By::Near, value_name = "METHOD")]
    by: By,
    /// Overlap from which two documents count as nearly the same, 0 to 1 (for --by near)
    #[arg(long, default_value_t = near::DEFAULT_THRESHOLD, value_name = "SHARE")]
    threshold: f64,
    /// Bytes of the shortest stretch to cut out (for --by substrings)
    #[arg(long, default_value_t = substring::DEFAULT_LENGTH, value_name = "BYTES")]
    length: usize,
    /// Only word-for-word copies: the same as --by exact
    #[arg(long, conflicts_with_all = ["threshold", "by"])]
    exact_only: bool,
    /// Which document of a group stays
    #[arg(long, value_enum, default_value_t = Stays::Earliest, value_name = "MEMBER")]
    keep: Stays,
    /// Field of a document's metadata that holds the score for --keep best
    #[arg(long, value_name = "FIELD", required_if_eq("keep", "best"))]
    score: Option<String>,
    /// File that lists every removed document, the one that stays and how alike they are
    #[arg(long, value_name = "FILE.jsonl")]
    duplicates: Option<PathBuf>,
    /// Replace files that are already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum By {
    /// Equal but for case and white space, or runs of five words (or characters, in scripts without spaces) that overlap
    /// by the threshold: found by MinHash, then compared exactly
    Near,
    /// Equal but for case and white space
    Exact,
    /// One address, as the metadata has it (`url`)
    Url,
    /// MinHash signatures that agree in one of 14 bands of 8, as in datatrove: words are spaCy's
    Minhash,
    /// SimHash fingerprints that differ in at most 3 of 64 bits, as in text-dedup
    Simhash,
    /// Three sentences in a row that stand elsewhere already are cut out, as for C4; what then has fewer than 50 words
    /// or 3 sentences goes
    Sentences,
    /// Lines that stand elsewhere already are cut out
    Lines,
    /// Paragraphs that stand elsewhere already are cut out
    Paragraphs,
    /// Stretches of at least --length bytes that stand elsewhere already are cut out
    Substrings,
    /// More than four fifths of all runs of 13 words were met before: one pass, an eighth of --memory
    Bloom,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Stays {
    /// The first in the order given
    Earliest,
    /// The longest text
    Longest,
    /// The one with the highest --score
    Best,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    change: Change,
    exact: usize,
    near: usize,
    cut: usize,
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
    let method = method(&args, ctx)?;
    let collected = args.input.read(Work::Dedup, ctx)?;
    let before = size(&collected.documents);
    let done = work(collected.documents, method, &args, ctx)?;
    go_on(ctx)?;
    write_documents(&args.out, &done.kept)?;
    if let Some(path) = &args.duplicates {
        aquifer_record::write_atomic(path, |out| {
            for duplicate in &done.pairs {
                serde_json::to_writer(&mut *out, duplicate)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
    }
    let change = Change::new(before, &done.kept, collected.skipped_count);
    ctx.say(change.line());
    let Done { exact, near, cut, .. } = done;
    if ctx.json {
        return ctx.print_json(&Outcome { change, exact, near, cut, out: args.out });
    }
    println!("{exact:>9}  exact duplicates\n{near:>9}  near duplicates");
    if cut > 0 {
        println!("{cut:>9}  documents with less text");
    }
    Ok(())
}

/// A method, ready to be applied.
enum Ready {
    /// Exact copies first, then, within this overlap, near ones; and told apart.
    InTurn(Option<f64>),
    Clusters(Method),
    Near(f64),
    Trim(Trim),
}

fn method(args: &Args, ctx: &Context) -> anyhow::Result<Ready> {
    let words = words(Language::English);
    let spans = |options| {
        let sentences = sentences(Language::English);
        Ready::Trim(Trim::Spans(SentenceDedup { options, sentences, words: words.clone() }))
    };
    let by = if args.exact_only { By::Exact } else { args.by };
    let earliest = matches!(args.keep, Stays::Earliest);
    let ready = match by {
        By::Near if earliest => Ready::InTurn(Some(args.threshold)),
        By::Exact if earliest => Ready::InTurn(None),
        By::Near => Ready::Near(args.threshold),
        By::Exact => Ready::Clusters(Method::Exact),
        By::Url => Ready::Clusters(Method::Url),
        By::Minhash => Ready::Clusters(Method::MinHash(MinHash::of_words(&MinHashOptions::default(), words.clone()))),
        By::Simhash => Ready::Clusters(Method::SimHash(SimHash::default())),
        By::Sentences => spans(SentenceOptions::default()),
        By::Lines => spans(SentenceOptions::lines()),
        By::Paragraphs => spans(SentenceOptions::paragraphs()),
        By::Substrings => Ready::Trim(Trim::Substrings(args.length, Occurrences::Later)),
        By::Bloom => {
            let bytes = (ctx.memory as usize / 8).clamp(1, BloomOptions::default().bytes);
            Ready::Trim(Trim::Bloom(Bloom::new(&BloomOptions { bytes, ..Default::default() }, words.clone())))
        }
    };
    if let Ready::Trim(_) = ready {
        ensure!(args.duplicates.is_none(), "--duplicates lists pairs of documents, which this method does not tell");
        ensure!(earliest, "--keep chooses among copies of a document, which this method does not tell");
    }
    Ok(ready)
}

struct Done {
    kept: Vec<Document>,
    exact: usize,
    near: usize,
    cut: usize,
    pairs: Vec<Duplicate>,
}

fn work(documents: Vec<Document>, method: Ready, args: &Args, ctx: &Context) -> anyhow::Result<Done> {
    // An eighth: the documents are in memory too.
    let spill = Spill::to_temporary(ctx.memory as usize / 8);
    let clusters = match method {
        Ready::InTurn(near) => {
            let Deduplicated { kept, exact, near } =
                deduplicate(documents, &DedupOptions { exact: true, near }, ctx.stop());
            let (exact_count, near_count) = (exact.len(), near.len());
            let pairs = exact.into_iter().chain(near).map(|(pair, _)| pair).collect();
            return Ok(Done { kept, exact: exact_count, near: near_count, cut: 0, pairs });
        }
        Ready::Trim(mut method) => {
            let Trimmed { kept, removed, cut } = trim(documents, &mut method, &spill)?;
            return Ok(Done { kept, exact: 0, near: removed.len(), cut, pairs: Vec::new() });
        }
        Ready::Near(threshold) => near::clusters(&documents, threshold),
        Ready::Clusters(ref method) => method.clusters(&documents, spill)?,
    };
    let lengths: Vec<u64> = documents.iter().map(|document| document.text.len() as u64).collect();
    let field = args.score.as_deref().unwrap_or_default();
    let score = |document: &Document| document.metadata.get(field).and_then(|score| score.as_f64()).unwrap_or(f64::NAN);
    let scores: Vec<f64> = documents.iter().map(score).collect();
    let keep = match args.keep {
        Stays::Earliest => Keep::Earliest,
        Stays::Longest => Keep::Longest,
        Stays::Best => Keep::Best,
    };
    ensure!(
        keep != Keep::Best || documents.is_empty() || scores.iter().any(|score| !score.is_nan()),
        "no document has a number in `{field}` of its metadata; name another field with --score"
    );
    let (kept, removed) =
        keep_one(documents, &clusters, keep, Standing { lengths: &lengths, scores: &scores, roots: &[] });
    let pairs: Vec<Duplicate> = removed.into_iter().map(|(pair, _)| pair).collect();
    let (exact, near) = match method {
        Ready::Clusters(Method::Exact) => (pairs.len(), 0),
        _ => (0, pairs.len()),
    };
    Ok(Done { kept, exact, near, cut: 0, pairs })
}
