//! `aquifer tokenizer info`

use super::load;
use crate::context::Context;
use serde::Serialize;
use std::path::PathBuf;

/// Say what a tokenizer knows: its size, special tokens, chat template and longest entries
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A tokenizer's folder, a model or a run
    tokenizer: PathBuf,
    /// How many of the longest entries to show
    #[arg(long, default_value_t = 10, value_name = "N")]
    longest: usize,
}

#[derive(Serialize)]
struct Findings {
    vocab_size: usize,
    sha256: String,
    special_tokens: Vec<(u32, String)>,
    bos: Option<u32>,
    eos: Option<u32>,
    pad: Option<u32>,
    stops_at: Vec<u32>,
    chat_template: Option<String>,
    longest: Vec<(u32, String)>,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let tokenizer = load(&args.tokenizer)?;
    let mut ids: Vec<u32> = (0..tokenizer.vocab_size() as u32).filter(|&id| !tokenizer.is_special(id)).collect();
    let length = |id: u32| tokenizer.bytes_of(id).map_or(tokenizer.token(id).map_or(0, str::len), <[u8]>::len);
    ids.sort_by_key(|&id| (std::cmp::Reverse(length(id)), id));
    let longest = ids.iter().take(args.longest).map(|&id| Ok((id, tokenizer.decode(&[id])?)));
    let found = Findings {
        vocab_size: tokenizer.vocab_size(),
        sha256: tokenizer.sha256(),
        special_tokens: tokenizer.special_tokens().into_iter().map(|(id, token)| (id, token.to_owned())).collect(),
        bos: tokenizer.bos(),
        eos: tokenizer.eos(),
        pad: tokenizer.pad(),
        stops_at: tokenizer.stop_ids(),
        chat_template: tokenizer.chat_template().map(|template| template.source().to_owned()),
        longest: longest.collect::<anyhow::Result<_>>()?,
    };
    if ctx.json {
        return ctx.print_json(&found);
    }
    let show =
        |id: Option<u32>| id.map_or("none".to_owned(), |id| format!("{id} {}", tokenizer.token(id).unwrap_or("?")));
    println!("entries        {}", found.vocab_size);
    println!("sha256         {}", found.sha256);
    println!("begins a text  {}", show(found.bos));
    println!("ends a text    {}", show(found.eos));
    println!("fills          {}", show(found.pad));
    println!("stops at       {}", found.stops_at.iter().map(|&id| show(Some(id))).collect::<Vec<_>>().join(", "));
    println!("chat template  {}", if found.chat_template.is_some() { "yes (--json shows it)" } else { "none" });
    println!(
        "longest        {}",
        found.longest.iter().map(|(_, text)| format!("{text:?}")).collect::<Vec<_>>().join(" ")
    );
    Ok(())
}
