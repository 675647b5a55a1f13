//! `aquifer tokenizer train`

use crate::context::{Context, Interrupted};
use crate::input::{self, Work};
use anyhow::Context as _;
use aquifer_corpus::ReadOptions;
use aquifer_record::progress::Unit;
use aquifer_text::{BpeOptions, TextError, train_bpe, train_char};
use serde::Serialize;
use std::path::PathBuf;

/// Learn a vocabulary from text
///
/// Reads .txt and .jsonl files (also .gz and .zst) and folders of them, and writes a folder with tokenizer.json and
/// tokenizer_config.json that `transformers` loads too. The same text gives the same vocabulary, whatever the threads
/// and the order of the files.
///
/// `bpe` learns pieces of words over bytes, so that any text can be written. `char` takes every character as a token;
/// a character it has not seen becomes its bytes.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer tokenizer train novels/ --vocab-size 8192 --out tokenizer")]
pub(crate) struct Args {
    /// Files or folders of text; `-` is stdin
    #[arg(required = true)]
    texts: Vec<PathBuf>,
    /// Folder for the tokenizer; it should not hold one yet
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// What a token is
    #[arg(long, value_enum, default_value_t = Kind::Bpe)]
    kind: Kind,
    /// Entries in the finished vocabulary, 260 or more; `char` needs no number
    #[arg(long, default_value_t = 8192, value_name = "N")]
    vocab_size: usize,
    /// Pairs seen less often than this are not joined
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_frequency: u64,
    /// Field of a JSON line that holds the text [default: text, else content, else the turns of messages]
    #[arg(long, value_name = "FIELD", alias = "field")]
    text_field: Option<String>,
    /// Replace a tokenizer that is already there
    #[arg(long)]
    force: bool,
}

/// Bytes of the texts that tell how long a token is.
const SAMPLED_BYTES: usize = 256 << 10;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Byte-level byte-pair encoding
    Bpe,
    /// One token a character
    Char,
}

#[derive(Serialize)]
struct Outcome {
    folder: PathBuf,
    vocab_size: usize,
    sha256: String,
    documents: usize,
    bytes: u64,
    skipped: u64,
    bytes_per_token: f64,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.force || !args.out.join("tokenizer.json").exists(),
        "`{}` holds a tokenizer already; give another --out, or --force to replace it",
        args.out.display()
    );
    let options = ReadOptions { text_field: args.text_field, ..ReadOptions::default() };
    let found = input::collect(&args.texts, &options, Work::Vocabulary, ctx)?;
    let (texts, skipped) = (found.documents.into_iter().map(|document| document.text), found.skipped_count);
    let texts: Vec<String> = texts.collect();
    let bytes: u64 = texts.iter().map(|text| text.len() as u64).sum();
    let tokenizer = match args.kind {
        Kind::Char => train_char(&texts),
        Kind::Bpe => {
            let bar = ctx.progress().bar("counting words", Some(bytes), Unit::Bytes);
            let bpe = BpeOptions { vocab_size: args.vocab_size, min_frequency: args.min_frequency };
            train_bpe(&texts, &bpe, &*bar, ctx.stop())
        }
    };
    let tokenizer = match tokenizer {
        Err(TextError::Stopped) => return Err(Interrupted(TextError::Stopped.to_string()).into()),
        other => other?,
    };
    // The beginning says well enough how long a token is; encoding holds some fifty times its text.
    let mut sample = Vec::new();
    let mut sampled = 0;
    for text in &texts {
        let piece = &text[..text.floor_char_boundary(SAMPLED_BYTES - sampled)];
        sampled += piece.len();
        sample.push(piece);
        if sampled + 4 > SAMPLED_BYTES {
            break;
        }
    }
    let tokens: usize = tokenizer.encode_batch(&sample)?.iter().map(Vec::len).sum();
    tokenizer.save(&args.out).with_context(|| format!("writing the tokenizer to `{}`", args.out.display()))?;
    let outcome = Outcome {
        vocab_size: tokenizer.vocab_size(),
        sha256: tokenizer.sha256(),
        documents: texts.len(),
        bytes,
        skipped,
        bytes_per_token: sampled as f64 / tokens.max(1) as f64,
        folder: args.out,
    };
    if ctx.json {
        return ctx.print_json(&outcome);
    }
    println!("{} tokens in `{}`", outcome.vocab_size, outcome.folder.display());
    ctx.say(format!(
        "learnt from {} documents, {bytes} bytes; a token is {:.2} bytes of them",
        outcome.documents, outcome.bytes_per_token
    ));
    if outcome.skipped > 0 {
        ctx.say(format!("{skipped} files or lines were skipped; `aquifer data stats` lists them with reasons"));
    }
    if args.kind == Kind::Bpe && outcome.vocab_size < args.vocab_size {
        let seen = args.min_frequency;
        ctx.say(format!("fewer than the {} asked for: no further pair occurs {seen} times", args.vocab_size));
    }
    Ok(())
}
