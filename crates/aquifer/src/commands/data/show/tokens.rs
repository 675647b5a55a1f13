//! Documents as their tokens, and which of these are learned.

use super::{Args, shortened};
use crate::commands::data::tokenizer_in;
use crate::context::Context;
use anyhow::{Context as _, ensure};
use aquifer_corpus::{Document, ShardFormat, TokenShards};
use aquifer_tensor::random::Stream;
use aquifer_text::{LossOn, ShardOptions, Tokenizer, Tokens, tokenise};
use serde_json::json;
use std::io::IsTerminal;
use std::path::Path;

/// The token shards that were named, if it was shards.
pub(super) fn shards(args: &Args) -> anyhow::Result<Option<TokenShards>> {
    match &args.input.inputs[..] {
        [path] if ShardFormat::at(path).is_some() => Ok(Some(TokenShards::open_unhashed(path)?)),
        _ => Ok(None),
    }
}

/// Shows some documents of token shards.
pub(super) fn show_shards(shards: &TokenShards, args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let path = &args.input.inputs[0];
    let tokenizer = match &args.tokenizer {
        Some(folder) => tokenizer_in(folder)?.0,
        None => beside(path)?,
    };
    let mut chosen: Vec<usize> = (0..shards.len()).collect();
    if let Some(id) = &args.id {
        chosen.retain(|&i| shards.doc_id(i) == *id);
        ensure!(!chosen.is_empty(), "no document has the id `{id}`");
    }
    if args.random {
        Stream::new(ctx.seed.unwrap_or(0), "data show", "").sequence(0).shuffle(&mut chosen);
    }
    chosen.truncate(if args.id.is_some() { usize::MAX } else { args.count });
    for i in chosen {
        let tokens = Tokens { ids: shards.doc(i).to_vec(), learned: shards.doc_mask(i) };
        show(&shards.doc_id(i), &tokens, &tokenizer, args, ctx)?;
    }
    Ok(())
}

/// Shows documents as they would be written to shards.
pub(super) fn show_documents(documents: Vec<Document>, args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let folder = args
        .tokenizer
        .as_ref()
        .context("what is learned of documents depends on the tokenizer: name its folder with --tokenizer")?;
    let (tokenizer, _) = tokenizer_in(folder)?;
    for document in documents {
        let id = document.id.clone();
        show(&id, &tokenise(&tokenizer, document, &ShardOptions::new(LossOn::Assistant))?, &tokenizer, args, ctx)?;
    }
    Ok(())
}

fn beside(path: &Path) -> anyhow::Result<Tokenizer> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let found =
        [folder.to_path_buf(), folder.join(".."), folder.join("../..")].iter().find_map(|at| tokenizer_in(at).ok());
    let (tokenizer, _) = found.with_context(|| {
        format!("there is no tokenizer beside `{}`: name its folder with --tokenizer", path.display())
    })?;
    Ok(tokenizer)
}

fn show(id: &str, tokens: &Tokens, tokenizer: &Tokenizer, args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let stretches = stretches(tokens, tokenizer)?;
    let (all, learned) = (
        tokens.ids.len(),
        tokens.learned.as_ref().map_or(tokens.ids.len(), |learned| learned.iter().filter(|on| **on).count()),
    );
    if ctx.json {
        let parts: Vec<_> = stretches.iter().map(|(learned, text)| json!({"learned": learned, "text": text})).collect();
        println!("{}", json!({"id": id, "tokens": all, "learned": learned, "stretches": parts}));
        return Ok(());
    }
    println!("── {id} ({all} tokens, {learned} learned)");
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut left = if args.width == 0 { usize::MAX } else { args.width };
    for (learned, text) in stretches {
        let shown = if left < text.chars().count() { shortened(&text, left) } else { text.clone() };
        left = left.saturating_sub(text.chars().count());
        match (args.mask && learned, colour) {
            (false, _) => print!("{shown}"),
            (true, true) => print!("\x1b[32m{shown}\x1b[0m"),
            (true, false) => print!("⟦{shown}⟧"),
        }
        if left == 0 {
            break;
        }
    }
    println!("\n");
    Ok(())
}

/// The text of neighbours that are learned, or not, together.
fn stretches(tokens: &Tokens, tokenizer: &Tokenizer) -> anyhow::Result<Vec<(bool, String)>> {
    let learned = |at: usize| tokens.learned.as_ref().is_none_or(|learned| learned[at]);
    let places: Vec<usize> = (0..tokens.ids.len()).collect();
    let runs = places.chunk_by(|&a, &b| learned(a) == learned(b));
    runs.map(|run| {
        let ids = &tokens.ids[run[0]..=run[run.len() - 1]];
        Ok((learned(run[0]), tokenizer.decode_with_special(ids)?))
    })
    .collect()
}
