//! `aquifer tokenizer decode`

use super::{given_or_stdin, load};
use crate::context::Context;
use anyhow::Context as _;
use std::path::PathBuf;

/// Turn token ids back into text
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer tokenizer encode T 'some text' | aquifer tokenizer decode T")]
pub(crate) struct Args {
    /// A tokenizer's folder, a model or a run
    tokenizer: PathBuf,
    /// The ids, separated by spaces or commas; without them stdin is read
    #[arg(num_args = 0..)]
    ids: Vec<String>,
    /// Write special tokens out instead of leaving them away
    #[arg(long)]
    special: bool,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let tokenizer = load(&args.tokenizer)?;
    let given = if args.ids.is_empty() { None } else { Some(args.ids.join(" ")) };
    let written = given_or_stdin(given, "ids")?;
    // Brackets too, so that the JSON of `encode --json` can be given as it is.
    let apart = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']');
    let ids = written.split(apart).filter(|word| !word.is_empty()).map(|word| {
        word.parse::<u32>().with_context(|| format!("`{word}` is not a token id: ids are whole numbers from 0"))
    });
    let ids: Vec<u32> = ids.collect::<anyhow::Result<_>>()?;
    let text = if args.special { tokenizer.decode_with_special(&ids)? } else { tokenizer.decode(&ids)? };
    if ctx.json {
        return ctx.print_json(&text);
    }
    println!("{text}");
    Ok(())
}
