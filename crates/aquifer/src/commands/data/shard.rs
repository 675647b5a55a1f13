//! `aquifer data shard`

use super::{Input, go_on, say_skipped, tokenizer_in};
use crate::context::Context;
use anyhow::ensure;
use aquifer_corpus::{ReadError, ShardFormat, TokenShards};
use aquifer_text::{LossOn, ShardOptions, write_shards};
use serde::Serialize;
use std::path::PathBuf;

/// Turn documents into token shards that training reads
///
/// Shards are memory-mapped files with the tokens of every document, its id and its size, and a hash of each file. They
/// belong to the tokenizer they were made with. Documents are read, made into tokens and written a few at a time.
///
/// datatrove's and Megatron's layouts have a mark only behind a document, as their own tools write them, and training
/// reads them as they are.
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
    /// Layout of the shards
    #[arg(long, value_enum, default_value_t = Layout::Aquifer)]
    to: Layout,
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

#[derive(Clone, Copy, clap::ValueEnum)]
enum Layout {
    /// Hashed parts and a shards.json
    Aquifer,
    /// A .ds file with its .index, .metadata and, for dialogues, .loss
    Datatrove,
    /// A .bin and an .idx file
    Megatron,
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
    ensure!(
        args.force || ShardFormat::at(&args.out).is_none(),
        "`{}` holds shards already; choose another folder or say --force",
        args.out.display()
    );
    let (tokenizer, folder) = tokenizer_in(&args.tokenizer)?;
    let loss_on = match args.loss_on {
        Learn::Assistant => LossOn::Assistant,
        Learn::All => LossOn::All,
    };
    let format = match args.to {
        Layout::Aquifer => ShardFormat::Aquifer,
        Layout::Datatrove => ShardFormat::Datatrove,
        Layout::Megatron => ShardFormat::Megatron,
    };
    let options = ShardOptions::of_format(format, loss_on, &folder.join("tokenizer.json"));
    let mut documents = args.input.stream(ctx)?;
    // Nothing is replaced before there is something to write.
    let first = documents.next();
    go_on(ctx)?;
    if first.is_none() {
        return Err(ReadError::NothingReadable { count: documents.skipped_count, first: documents.skipped }.into());
    }
    let all = first.into_iter().chain(documents.by_ref());
    let written = write_shards(&args.out, &tokenizer, all, &options, ctx.stop());
    ctx.go_on("stopped before the shards were whole; run the same command again")?;
    written?;
    say_skipped(documents.skipped.iter(), documents.skipped_count, ctx);
    let shards = TokenShards::open(&args.out)?;
    let (skipped, bytes) = (documents.skipped_count, documents.bytes);
    let (documents, tokens) = (shards.len(), shards.tokens());
    ctx.say(format!(
        "{documents} documents, {tokens} tokens, {:.2} bytes a token",
        bytes as f64 / tokens.max(1) as f64
    ));
    if ctx.json {
        let sha256 = shards.sha256().to_owned();
        let folder = args.out;
        return ctx.print_json(&Outcome { folder, documents, tokens, bytes, sha256, skipped });
    }
    println!("{}", args.out.display());
    Ok(())
}
