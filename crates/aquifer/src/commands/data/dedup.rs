//! `aquifer data dedup`

use super::one_file::{Done, OneFile};
use super::{Change, Input, check_new};
use crate::context::Context;
use anyhow::ensure;
use aquifer_data::dedup::bloom::BloomOptions;
use aquifer_data::dedup::substring;
use aquifer_data::pipeline::Recipe;
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
    /// Overlap (for --by near) or cosine (for --by semantic) from which two documents are copies, 0 to 1
    /// [default: 0.7, 0.98]
    #[arg(long, value_name = "SHARE")]
    threshold: Option<f64>,
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
    /// Index of earlier input, whose documents win always; may be given several times (for --by exact, url, minhash, bloom)
    #[arg(long, value_name = "FILE")]
    index: Vec<PathBuf>,
    /// File for an index of this input and of all --index, for input that is still to come
    #[arg(long, value_name = "FILE")]
    save_index: Option<PathBuf>,
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
    /// Averages of word vectors, learnt from the input, whose cosine reaches the threshold: other words, the same meaning
    Semantic,
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
    /// The one datatrove's order of unions leaves (for --by minhash)
    Datatrove,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    change: Change,
    exact: u64,
    near: u64,
    cut: u64,
    out: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    if let Some(threshold) = args.threshold {
        ensure!(threshold > 0.0 && threshold <= 1.0, "--threshold takes a share from 0 to 1, got {threshold}");
    }
    if let Some(path) = &args.save_index {
        ensure!(
            args.force || !path.exists(),
            "`{}` is there already; choose another name or say --force",
            path.display()
        );
    }
    for path in [Some(&args.out), args.duplicates.as_ref()].into_iter().flatten() {
        check_new(path, args.force)?;
    }
    let recipe = recipe(&args, ctx)?;
    let duplicates = args.duplicates.as_deref();
    let save_index = args.save_index.as_deref();
    let task = OneFile { input: &args.input, recipe, out: &args.out, dropped: None, duplicates, save_index };
    let Done { change, report } = task.run(ctx)?;
    let (mut exact, mut near, mut cut) = (0, 0, 0);
    for stage in &report.stages {
        let went = stage.input.documents - stage.output.documents;
        *(if stage.name == "exact" { &mut exact } else { &mut near }) += went;
        cut += stage.repaired;
    }
    if ctx.json {
        return ctx.print_json(&Outcome { change, exact, near, cut, out: args.out });
    }
    for stage in &report.stages {
        let what = match stage.name.as_str() {
            name @ ("exact" | "near") => format!("{name} duplicates"),
            name => format!("dropped by {name}"),
        };
        println!("{:>9}  {what}", stage.input.documents - stage.output.documents);
    }
    if cut > 0 {
        println!("{cut:>9}  documents with less text");
    }
    Ok(())
}

/// The comparison that was asked for, as the stages of a recipe.
fn recipe(args: &Args, ctx: &Context) -> anyhow::Result<Recipe> {
    let by = if args.exact_only { By::Exact } else { args.by };
    let (names, tells): (&[&str], bool) = match by {
        By::Near => (&["exact", "near"], true),
        By::Exact => (&["exact"], true),
        By::Url => (&["url"], true),
        By::Minhash => (&["minhash"], true),
        By::Simhash => (&["simhash"], true),
        By::Semantic => (&["semantic"], true),
        By::Sentences => (&["sentences"], false),
        By::Lines => (&["lines"], false),
        By::Paragraphs => (&["paragraphs"], false),
        By::Substrings => (&["substrings"], false),
        By::Bloom => (&["bloom"], false),
    };
    let keep = match args.keep {
        Stays::Earliest => "earliest",
        Stays::Longest => "longest",
        Stays::Best => "best",
        Stays::Datatrove => "datatrove",
    };
    ensure!(
        tells || args.duplicates.is_none(),
        "--duplicates lists pairs of documents, which this method does not tell"
    );
    ensure!(tells || keep == "earliest", "--keep chooses among copies of a document, which this method does not tell");
    let stage = |name: &'static str| {
        let mut stage: Vec<(&str, toml::Value)> = vec![("dedup", name.into())];
        if tells {
            stage.push(("keep", keep.into()));
        }
        if let Some(field) = args.score.clone().filter(|_| keep == "best") {
            stage.push(("score", field.into()));
        }
        let index = args.index.iter().map(|path| path.display().to_string().into());
        if !args.index.is_empty() {
            stage.push(("index", toml::Value::Array(index.collect())));
        }
        if args.save_index.is_some() {
            stage.push(("save_index", true.into()));
        }
        match by {
            By::Near | By::Semantic if name != "exact" => {
                stage.extend(args.threshold.map(|threshold| ("threshold", threshold.into())));
            }
            By::Substrings => stage.push(("length", (args.length as i64).into())),
            By::Bloom => {
                let most = BloomOptions::default().bytes as u64;
                stage.push(("bytes", ((ctx.memory / 8).clamp(1, most) as i64).into()));
            }
            _ => {}
        }
        stage
    };
    let by_keys = matches!(by, By::Exact | By::Url | By::Minhash | By::Bloom);
    ensure!(
        by_keys || (args.index.is_empty() && args.save_index.is_none()),
        "--index and --save-index are for --by exact, url, minhash or bloom"
    );
    Ok(names.iter().fold(Recipe::default(), |recipe, name| recipe.then(stage(name))))
}
