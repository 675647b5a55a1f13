//! `aquifer data …`

pub(crate) mod catalog;
pub(crate) mod clean;
pub(crate) mod cut;
pub(crate) mod dedup;
pub(crate) mod explain;
pub(crate) mod extract;
pub(crate) mod init;
pub(crate) mod instruct;
pub(crate) mod label;
mod one_file;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod shard;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod submit;
pub(crate) mod train_classifier;
pub(crate) mod train_ngram;

pub(crate) use clean::presets;

use crate::context::Context;
use crate::input::{self, Streamed, Work};
use anyhow::Context as _;
use aquifer_corpus::{Collected, ReadOptions, Skipped};
use aquifer_record::data::Size;
use aquifer_text::Tokenizer;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Extract, clean, deduplicate, count and show text, turn it into token shards
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Init(init::Args),
    Run(run::Args),
    Submit(Box<submit::Args>),
    Cut(cut::Args),
    Explain(explain::Args),
    Report(report::Args),
    Extract(extract::Args),
    Clean(clean::Args),
    Dedup(dedup::Args),
    Stats(stats::Args),
    Shard(shard::Args),
    Show(show::Args),
    Label(label::Args),
    Instruct(instruct::Args),
    Catalog(catalog::Args),
    TrainClassifier(train_classifier::Args),
    TrainNgram(train_ngram::Args),
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    match args.verb {
        Verb::Init(args) => init::run(args, ctx),
        Verb::Run(args) => run::run(args, ctx),
        Verb::Submit(args) => submit::run(*args, ctx),
        Verb::Cut(args) => cut::run(args, ctx),
        Verb::Explain(args) => explain::run(args, ctx),
        Verb::Report(args) => report::run(args, ctx),
        Verb::Extract(args) => extract::run(args, ctx),
        Verb::Clean(args) => clean::run(args, ctx),
        Verb::Dedup(args) => dedup::run(args, ctx),
        Verb::Stats(args) => stats::run(args, ctx),
        Verb::Shard(args) => shard::run(args, ctx),
        Verb::Show(args) => show::run(args, ctx),
        Verb::Label(args) => label::run(args, ctx),
        Verb::Instruct(args) => instruct::run(args, ctx),
        Verb::Catalog(args) => catalog::run(args, ctx),
        Verb::TrainClassifier(args) => train_classifier::run(args, ctx),
        Verb::TrainNgram(args) => train_ngram::run(args, ctx),
    }
}

/// What to read
#[derive(clap::Args)]
pub(crate) struct Input {
    /// Files or folders: .txt, .jsonl, .csv, .tsv, .html, .warc, .wet, .arc, each also .gz, .zst or .lz4; .epub (.parquet and
    /// .pdf with `--features full`); `-` is stdin
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Field of a JSON line, or column of a table, that holds the text [default: text, else content, else the turns of messages, else html]
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
}

impl Input {
    /// All documents of all inputs. What had to be skipped is said: the first few one by one, the rest counted.
    fn read(&self, work: Work, ctx: &Context) -> anyhow::Result<Collected> {
        let options = ReadOptions { text_field: self.text_field.clone(), ..ReadOptions::default() };
        let all = input::collect(&self.inputs, &options, work, ctx)?;
        go_on(ctx)?;
        say_skipped(all.skipped.iter(), all.skipped_count, ctx);
        Ok(all)
    }

    /// The documents of all inputs one after another.
    fn stream<'a>(&self, ctx: &'a Context) -> anyhow::Result<Streamed<'a>> {
        let options = ReadOptions { text_field: self.text_field.clone(), ..ReadOptions::default() };
        Streamed::open(&self.inputs, &options, ctx)
    }

    /// The same as files, standard input put down in `folder`; and what of it had to be skipped.
    fn files(&self, folder: &Path, ctx: &Context) -> anyhow::Result<(Vec<PathBuf>, Vec<Skipped>)> {
        input::put_down(&self.inputs, folder, self.text_field.as_deref(), None, ctx)
    }
}

/// The tokenizer in a folder, or of a run or model there, and its own folder.
fn tokenizer_in(folder: &Path) -> anyhow::Result<(Tokenizer, PathBuf)> {
    let places = [folder.to_path_buf(), folder.join("tokenizer"), folder.join("model")];
    let found = places.into_iter().find(|folder| folder.join("tokenizer.json").is_file());
    let found = found.with_context(|| format!("there is no tokenizer.json at `{}`", folder.display()))?;
    Ok((Tokenizer::load(&found)?, found))
}

/// The first few one by one, the rest counted.
fn say_skipped(listed: impl Iterator<Item = impl std::fmt::Display>, count: u64, ctx: &Context) {
    listed.take(5).for_each(|skipped| ctx.say(format!("skipped {skipped}")));
    if count > 5 {
        ctx.say(format!("skipped {} more", count - 5));
    }
}

/// Ends here if a signal asked for it; nothing was written yet.
fn go_on(ctx: &Context) -> anyhow::Result<()> {
    ctx.go_on("stopped before anything was written; run the same command again")
}

/// Refuses a name that says no known format, and to replace a file unless told to; asked before the work begins.
fn check_new(path: &Path, force: bool) -> anyhow::Result<()> {
    let name = path.to_string_lossy();
    let known = [".jsonl", ".jsonl.gz", ".jsonl.zst"].iter().any(|end| name.ends_with(end));
    anyhow::ensure!(known, "`{name}` should end with .jsonl, .jsonl.gz or .jsonl.zst");
    anyhow::ensure!(force || !path.exists(), "`{name}` is there already; choose another name or say --force");
    Ok(())
}

/// Documents and bytes before and after.
#[derive(Serialize)]
struct Change {
    input: Size,
    output: Size,
    skipped: u64,
}

impl Change {
    fn line(&self) -> String {
        let Change { input, output, .. } = self;
        format!(
            "{} documents ({} bytes) in, {} ({} bytes) out",
            input.documents, input.bytes, output.documents, output.bytes
        )
    }
}
