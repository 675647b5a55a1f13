//! `aquifer data shard`

use super::{Input, go_on};
use crate::context::Context;
use crate::input::Work;
use anyhow::{Context as _, ensure};
use aquifer_corpus::TokenShards;
use aquifer_train::{LossOn, write_shards};
use serde::Serialize;
use std::path::PathBuf;

/// Turn documents into token shards that training reads
///
/// Shards are memory-mapped files with the tokens of every document, its id and its size, and a hash of each file. They
/// belong to the tokenizer they were made with.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data shard clean.jsonl.zst --tokenizer tokenizer --out shards")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// Folder of the tokenizer, or of a run or model that has one
    #[arg(long, value_name = "FOLDER")]
    tokenizer: PathBuf,
    /// Folder for the shards
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// What is learnt of a dialogue
    #[arg(long, value_enum, default_value_t = Learn::Assistant)]
    loss_on: Learn,
    /// Replace shards that are already there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Learn {
    /// What the assistant says
    Assistant,
    /// Every token
    All,
}

#[derive(Serialize)]
struct Outcome {
    folder: PathBuf,
    documents: usize,
    tokens: u64,
    bytes: u64,
    sha256: String,
    skipped: u64,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let there = args.out.join("shards.json").exists();
    ensure!(
        args.force || !there,
        "`{}` holds shards already; choose another folder or say --force",
        args.out.display()
    );
    let places = [args.tokenizer.clone(), args.tokenizer.join("tokenizer"), args.tokenizer.join("model")];
    let folder = places.iter().find(|folder| folder.join("tokenizer.json").is_file());
    let folder = folder.with_context(|| format!("there is no tokenizer.json at `{}`", args.tokenizer.display()))?;
    let tokenizer = aquifer_text::Tokenizer::load(folder)?;
    let collected = args.input.read(Work::Shard, ctx)?;
    let loss_on = match args.loss_on {
        Learn::Assistant => LossOn::Assistant,
        Learn::All => LossOn::All,
    };
    let sha256 = write_shards(&args.out, &tokenizer, collected.documents, loss_on, ctx.progress(), ctx.stop());
    go_on(ctx)?;
    let sha256 = sha256?;
    let shards = TokenShards::open(&args.out)?;
    let (documents, tokens, bytes) = (shards.len(), shards.tokens(), shards.text_bytes());
    ctx.say(format!(
        "{documents} documents, {tokens} tokens, {:.2} bytes a token",
        bytes as f64 / tokens.max(1) as f64
    ));
    if ctx.json {
        let (folder, skipped) = (args.out, collected.skipped_count);
        return ctx.print_json(&Outcome { folder, documents, tokens, bytes, sha256, skipped });
    }
    println!("{}", args.out.display());
    Ok(())
}
