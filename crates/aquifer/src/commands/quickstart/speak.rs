//! What the trained model says: continuations of held-out beginnings, and exchanges through the chat template.

use anyhow::Context as _;
use aquifer_corpus::TokenShards;
use aquifer_infer::{Engine, Generate, Limits, Request, Sampling};
use aquifer_model::Decoder;
use aquifer_record::RunFolder;
use aquifer_record::samples::{Continuation, Exchange, Samples};
use aquifer_text::{Message, Tokenizer};
use std::sync::Arc;

/// Samples shown of each sort.
const SHOWN: usize = 3;

/// Tokens of a held-out document that are given.
const GIVEN: usize = 12;

/// Tokens the model may add.
const ADDED: usize = 64;

/// Something to ask, and the known answer if there is one.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Prompt {
    /// The user's words.
    pub(super) user: String,
    /// The truth.
    pub(super) expected: Option<String>,
}

/// Continues three held-out beginnings and answers `prompts`; writes `samples.json`.
pub(super) fn speak(
    run: &RunFolder,
    decoder: Arc<Decoder>,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    seed: u64,
) -> anyhow::Result<Samples> {
    let mut engine = Engine::new(decoder, Limits::default());
    let context = engine.context();
    let mut requests = Vec::new();
    let beginnings = beginnings(run, tokenizer, context)?;
    for (i, tokens) in beginnings.iter().enumerate() {
        let sampling = Sampling { temperature: 0.7, top_p: 0.95, ..Sampling::greedy() };
        requests.push(request(tokens.clone(), sampling, seed + i as u64, tokenizer, context));
    }
    for prompt in prompts {
        let ids = tokenizer.encode_chat(&[Message::new("user", &prompt.user)], true)?.ids;
        requests.push(request(tokenizer.begin(ids), Sampling::greedy(), seed, tokenizer, context));
    }
    let answers = engine.generate(requests, &mut |_, _| true).context("generating samples")?;
    let texts = answers
        .iter()
        .map(|answer| tokenizer.decode(&answer.completions[0].tokens))
        .collect::<Result<Vec<String>, _>>()?;
    let (continued, answered) = texts.split_at(beginnings.len());
    let continuations = beginnings
        .iter()
        .zip(continued)
        .map(|(given, text)| Ok(Continuation { prompt: tokenizer.decode(given)?, text: text.clone() }));
    let chats = prompts.iter().zip(answered).map(|(prompt, answer)| Exchange {
        user: prompt.user.clone(),
        assistant: answer.trim().to_owned(),
        expected: prompt.expected.clone(),
    });
    let samples = Samples { continuations: continuations.collect::<anyhow::Result<_>>()?, chats: chats.collect() };
    run.write("samples.json", &samples)?;
    Ok(samples)
}

fn request(prompt: Vec<u32>, sampling: Sampling, seed: u64, tokenizer: &Tokenizer, context: usize) -> Request {
    let max_tokens = ADDED.min(context.saturating_sub(prompt.len()));
    Request { sampling, seed, stop_tokens: tokenizer.stop_ids(), ..Request::greedy(prompt, max_tokens) }
}

/// The first tokens of three held-out documents, evenly apart.
fn beginnings(run: &RunFolder, tokenizer: &Tokenizer, context: usize) -> anyhow::Result<Vec<Vec<u32>>> {
    let folder = ["shards/heldout", "shards/train"].map(|name| run.join(name)).into_iter().find(|path| path.is_dir());
    let shards = TokenShards::open(&folder.context("the run has no token shards")?)?;
    let n = shards.len().min(SHOWN);
    let given = |i: usize| {
        let tokens = shards.doc(i * shards.len() / n).to_vec();
        let mut keep = GIVEN.min(context / 2).min(tokens.len().saturating_sub(1));
        // A beginning ends with a whole word, so that what follows it can be read by itself.
        let inside_a_word = |next: u32| {
            let text = tokenizer.decode(&[next]).unwrap_or_default();
            text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '\u{FFFD}')
        };
        while keep > 1 && inside_a_word(tokens[keep]) {
            keep -= 1;
        }
        tokens[..keep].to_vec()
    };
    Ok((0..n).map(given).filter(|tokens| !tokens.is_empty()).collect())
}
