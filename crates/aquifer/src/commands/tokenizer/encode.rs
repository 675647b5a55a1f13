//! `aquifer tokenizer encode`

use super::{given_or_stdin, load};
use crate::context::Context;
use serde::Serialize;
use std::path::PathBuf;

/// Turn text into token ids
///
/// Special tokens in the text, such as <|im_end|>, are ordinary characters unless --special is given.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer tokenizer encode runs/quickstart 'Hello, world' --pieces")]
pub(crate) struct Args {
    /// A tokenizer's folder, a model or a run
    tokenizer: PathBuf,
    /// The text; without it, or with `-`, stdin is read
    text: Option<String>,
    /// Read special tokens in the text as such
    #[arg(long)]
    special: bool,
    /// Show each token's text beside its id, one a line
    #[arg(long)]
    pieces: bool,
}

#[derive(Serialize)]
struct Token {
    id: u32,
    text: String,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let tokenizer = load(&args.tokenizer)?;
    let text = given_or_stdin(args.text, "text")?;
    let ids = if args.special { tokenizer.encode_with_special(&text)? } else { tokenizer.encode(&text)? };
    let pieces = || -> anyhow::Result<Vec<Token>> {
        let token = |&id: &u32| Ok(Token { id, text: tokenizer.decode_with_special(&[id])? });
        ids.iter().map(token).collect()
    };
    match (ctx.json, args.pieces) {
        (true, true) => ctx.print_json(&pieces()?)?,
        (true, false) => ctx.print_json(&ids)?,
        (false, true) => pieces()?.iter().for_each(|token| println!("{:>8}  {:?}", token.id, token.text)),
        (false, false) => println!("{}", ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")),
    }
    let bytes_per_token = text.len() as f64 / ids.len().max(1) as f64;
    ctx.say(format!("{} tokens, {} bytes: {bytes_per_token:.2} bytes a token", ids.len(), text.len()));
    Ok(())
}
