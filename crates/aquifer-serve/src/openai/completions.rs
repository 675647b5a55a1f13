//! `POST /v1/completions`: text or token ids in, what follows out; with `echo` and `logprobs` also what the model
//! thinks of the prompt itself, which is how evaluation harnesses score.

use super::fields::Fields;
use super::options::{MOST_PROMPTS, Options, listed, refusal};
use super::run::{Collected, Dialect, Prepared};
use crate::answer::{Piece, Spoken, token_text};
use crate::error::ApiError;
use crate::state::State;
use aquifer_infer::Scored;
use serde_json::{Map, Value, json};

/// OpenAI's default for this endpoint.
const DEFAULT_MAX_TOKENS: u64 = 16;

const REFUSED: [(&str, &str); 4] = [
    ("suffix", "this model writes forwards only"),
    ("guided_json", "answers are not constrained to a grammar"),
    ("guided_regex", "answers are not constrained to a grammar"),
    ("guided_choice", "answers are not constrained to a grammar"),
];

/// One prompt as it came and as the model reads it.
struct Prompt {
    text: String,
    ids: Vec<u32>,
    /// Ids before the text's own: the mark that begins a text, which an echo does not show.
    marks: usize,
}

/// Reads a body: prompts to go on from.
pub(crate) fn prepare(state: &State, body: &[u8]) -> Result<Prepared<Completions>, ApiError> {
    let fields = Fields::parse(body)?;
    fields.refuse(&REFUSED)?;
    let options = Options::read(&fields, state)?;
    if fields.count("best_of", 1, 1 << 20)?.is_some_and(|best| best != u64::from(options.choices)) {
        return Err(ApiError::unsupported("best_of", "`best_of` is supported only where it equals `n`"));
    }
    let (echo, logprobs) = (fields.flag("echo")?.unwrap_or(false), listed(&fields, "logprobs")?);
    let max_tokens = fields.count("max_tokens", 0, u32::MAX.into())?.unwrap_or(DEFAULT_MAX_TOKENS) as usize;
    if max_tokens == 0 && !echo {
        return Err(ApiError::invalid(
            "max_tokens".to_owned(),
            "`max_tokens: 0` only means something with `echo: true`",
        ));
    }
    let prompts = prompts(&fields, state)?;
    let mut requests = Vec::with_capacity(prompts.len());
    for prompt in &prompts {
        let mut request = options.request(prompt.ids.clone(), max_tokens, state);
        request.logprobs = logprobs;
        request.prompt_logprobs = logprobs.filter(|_| echo);
        state.scheduler.check(&request).map_err(refusal)?;
        requests.push(request);
    }
    let dialect = Completions { prompts, choices: options.choices as usize, echo, logprobs: logprobs.is_some() };
    Ok(Prepared { dialect, options, requests })
}

/// A string, an array of strings, an array of ids, or an array of arrays of ids.
fn prompts(fields: &Fields, state: &State) -> Result<Vec<Prompt>, ApiError> {
    let wrong = |message: &str| ApiError::invalid("prompt".to_owned(), message);
    let Some(value) = fields.get("prompt") else {
        return Err(wrong("`prompt` is missing: what should be gone on from?"));
    };
    let shape = "`prompt` should be a string, token ids, or an array of one or the other";
    let prompts: Vec<Prompt> = match value {
        Value::String(text) => vec![from_text(text, state)?],
        Value::Array(items) if items.len() > MOST_PROMPTS && !items[0].is_number() => {
            return Err(wrong(&format!("{} prompts came; at most {MOST_PROMPTS} go into one request", items.len())));
        }
        Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![from_ids(value, state)?],
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => from_text(text, state),
                Value::Array(_) => from_ids(item, state),
                _ => Err(wrong(shape)),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong(shape)),
    };
    if prompts.is_empty() || prompts.iter().any(|p| p.ids.len() == p.marks) {
        return Err(wrong("the prompt is empty: the model needs at least one token to go on from"));
    }
    Ok(prompts)
}

fn from_text(text: &str, state: &State) -> Result<Prompt, ApiError> {
    let ids = state.model.tokenizer.encode(text);
    let ids = ids.map_err(|error| ApiError::invalid("prompt".to_owned(), error.to_string()))?;
    let own = ids.len();
    let ids = state.model.tokenizer.begin(ids);
    Ok(Prompt { text: text.to_owned(), marks: ids.len() - own, ids })
}

fn from_ids(value: &Value, state: &State) -> Result<Prompt, ApiError> {
    let id = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids: Option<Vec<u32>> = value.as_array().and_then(|ids| ids.iter().map(id).collect());
    let wrong = || ApiError::invalid("prompt".to_owned(), "token ids should be whole numbers from 0 up");
    let ids = ids.ok_or_else(wrong)?;
    let text = state.model.tokenizer.decode(&ids).unwrap_or_default();
    Ok(Prompt { text, ids, marks: 0 })
}

/// How plain completions are written.
pub(crate) struct Completions {
    prompts: Vec<Prompt>,
    choices: usize,
    echo: bool,
    logprobs: bool,
}

impl Completions {
    fn prompt(&self, index: usize) -> &Prompt {
        &self.prompts[index / self.choices]
    }

    /// The prompt's own tokens. The first has a score only where a mark stands before it.
    fn write_prompt(&self, state: &State, index: usize, scores: &[Scored], table: &mut Table) {
        let mut decoder = state.model.tokenizer.stream();
        let mut start = 0;
        let Prompt { ids, marks, .. } = self.prompt(index);
        for (i, &token) in ids.iter().enumerate().skip(*marks) {
            table.push(state, token, start, i.checked_sub(1).and_then(|before| scores.get(before)));
            start += decoder.push(token).map_or(0, |text| text.chars().count());
        }
    }

    /// Where the answer begins in the text of the choice.
    fn answer_start(&self, index: usize) -> usize {
        if self.echo { self.prompt(index).text.chars().count() } else { 0 }
    }

    fn write_answer(&self, state: &State, index: usize, tokens: &[Spoken], table: &mut Table) {
        let offset = self.answer_start(index);
        for token in tokens {
            table.push(state, token.token, offset + token.start, token.scored.as_ref());
        }
    }
}

/// OpenAI's four parallel lists.
#[derive(Default)]
struct Table {
    tokens: Vec<String>,
    logprobs: Vec<Option<f32>>,
    top: Vec<Option<Map<String, Value>>>,
    offsets: Vec<usize>,
}

impl Table {
    fn push(&mut self, state: &State, token: u32, offset: usize, scored: Option<&Scored>) {
        let text = |token| token_text(&state.model.tokenizer, token);
        self.tokens.push(text(token));
        self.offsets.push(offset);
        self.logprobs.push(scored.map(|s| s.logprob));
        self.top.push(scored.map(|s| {
            let mut top = Map::new();
            // Likeliest first; where two tokens are written alike, the likelier one stands.
            for &(token, logprob) in &s.top {
                top.entry(text(token)).or_insert_with(|| json!(logprob));
            }
            top.entry(text(s.token)).or_insert_with(|| json!(s.logprob));
            top
        }));
    }

    fn json(self) -> Value {
        json!({
            "tokens": self.tokens, "token_logprobs": self.logprobs, "top_logprobs": self.top,
            "text_offset": self.offsets,
        })
    }
}

impl Dialect for Completions {
    const PREFIX: &'static str = "cmpl";
    const WHOLE: &'static str = "text_completion";
    const CHUNK: &'static str = "text_completion";

    fn whole(&self, state: &State, index: usize, answer: &Collected, prompt: &[Scored]) -> Value {
        let text = if self.echo { format!("{}{}", self.prompt(index).text, answer.text) } else { answer.text.clone() };
        let mut table = Table::default();
        if self.logprobs && self.echo {
            self.write_prompt(state, index, prompt, &mut table);
        }
        self.write_answer(state, index, &answer.tokens, &mut table);
        let logprobs = if self.logprobs { table.json() } else { Value::Null };
        json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": answer.finish})
    }

    fn opening(&self, state: &State, index: usize, prompt: Option<&[Scored]>) -> Option<Value> {
        // With scores the echo waits for them, so that text and scores come together.
        if !self.echo || self.logprobs != prompt.is_some() {
            return None;
        }
        let logprobs = prompt.map(|scores| {
            let mut table = Table::default();
            self.write_prompt(state, index, scores, &mut table);
            table.json()
        });
        let text = &self.prompt(index).text;
        Some(json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": null}))
    }

    fn piece(&self, state: &State, index: usize, piece: &Piece, finish: Option<&'static str>) -> Value {
        let logprobs = (self.logprobs && !piece.tokens.is_empty()).then(|| {
            let mut table = Table::default();
            self.write_answer(state, index, &piece.tokens, &mut table);
            table.json()
        });
        json!({"index": index, "text": piece.text, "logprobs": logprobs, "finish_reason": finish})
    }
}
