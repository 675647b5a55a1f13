//! `aquifer data show`

mod tokens;

use super::Input;
use crate::context::Context;
use crate::input::Work;
use anyhow::ensure;
use aquifer_corpus::Document;
use aquifer_tensor::random::Stream;
use std::path::PathBuf;

/// Look at a few documents
///
/// Token shards, those of datatrove and Megatron too, are shown as the text of their tokens.
#[derive(clap::Args)]
#[command(after_help = "Examples: aquifer data show clean.jsonl.zst --count 3 --random\n          \
                        aquifer data show shards/ --mask")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// How many
    #[arg(long, short = 'n', default_value_t = 5, value_name = "N")]
    count: usize,
    /// Any of them, instead of the first; `--seed` chooses which
    #[arg(long)]
    random: bool,
    /// Only the document with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["random", "count"])]
    id: Option<String>,
    /// Characters of each to show; 0 shows all
    #[arg(long, default_value_t = 600, value_name = "N")]
    width: usize,
    /// Show what is learned of each: in colour on a terminal, else in ⟦brackets⟧; of documents, as `data shard` with
    /// `--tokenizer` would write them
    #[arg(long)]
    mask: bool,
    /// Folder of the tokenizer [default: of token shards, the one beside them]
    #[arg(long, value_name = "FOLDER")]
    tokenizer: Option<PathBuf>,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    if let Some(shards) = tokens::shards(&args)? {
        return tokens::show_shards(&shards, &args, ctx);
    }
    let mut documents = args.input.read(Work::Look, ctx)?.documents;
    if let Some(id) = &args.id {
        documents.retain(|document| document.id == *id);
        ensure!(!documents.is_empty(), "no document has the id `{id}`");
    }
    if args.random {
        Stream::new(ctx.seed.unwrap_or(0), "data show", "").sequence(0).shuffle(&mut documents);
    }
    documents.truncate(if args.id.is_some() { usize::MAX } else { args.count });
    if args.mask {
        return tokens::show_documents(documents, &args, ctx);
    }
    for document in &documents {
        match ctx.json {
            true => println!("{}", serde_json::to_string(document)?),
            false => show(document, args.width),
        }
    }
    Ok(())
}

fn show(document: &Document, width: usize) {
    println!("── {} ({} bytes)", document.id, document.text.len());
    let limit = if width == 0 { usize::MAX } else { width };
    let turns = document.messages().unwrap_or_default();
    match turns.is_empty() {
        true => println!("{}", shortened(&document.text, limit)),
        false => turns.iter().for_each(|turn| println!("{}: {}", turn.role, shortened(&turn.content, limit))),
    }
    println!();
}

fn shortened(text: &str, limit: usize) -> String {
    let text = text.trim_end();
    let short: String = text.chars().take(limit).collect();
    if short.len() < text.len() { format!("{short} …") } else { short }
}
