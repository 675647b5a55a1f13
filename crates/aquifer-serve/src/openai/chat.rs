//! `POST /v1/chat/completions`.

use super::fields::{Fields, kind};
use super::options::{Options, listed, refusal};
use super::run::{Collected, Dialect, Prepared};
use crate::answer::{Piece, Spoken, token_bytes, token_text};
use crate::error::ApiError;
use crate::state::State;
use aquifer_infer::Scored;
use aquifer_text::Message;
use serde_json::{Value, json};

/// What would change the meaning of the answer and can not be honoured.
const REFUSED: [(&str, &str); 9] = [
    ("tools", "this model was not taught to call tools"),
    ("functions", "this model was not taught to call functions"),
    ("tool_choice", "this model was not taught to call tools"),
    ("function_call", "this model was not taught to call functions"),
    ("audio", "this model writes text only"),
    ("web_search_options", "this server does not search"),
    ("guided_json", "answers are not constrained to a grammar"),
    ("guided_regex", "answers are not constrained to a grammar"),
    ("guided_choice", "answers are not constrained to a grammar"),
];

/// Reads a body: a conversation to answer.
pub(crate) fn prepare(state: &State, body: &[u8]) -> Result<Prepared<Chat>, ApiError> {
    let fields = Fields::parse(body)?;
    fields.refuse(&REFUSED)?;
    refuse_formats(&fields)?;
    let options = Options::read(&fields, state)?;
    let logprobs = match (fields.flag("logprobs")?.unwrap_or(false), listed(&fields, "top_logprobs")?) {
        (true, top) => Some(top.unwrap_or(0)),
        (false, None | Some(0)) => None,
        (false, Some(_)) => {
            return Err(ApiError::invalid("top_logprobs".to_owned(), "`top_logprobs` needs `logprobs: true`"));
        }
    };
    let messages = messages(&fields)?;
    let prompt = encode(state, &messages)?;
    let max_tokens = match fields.count("max_completion_tokens", 1, u32::MAX.into())? {
        Some(n) => Some(n),
        None => fields.count("max_tokens", 1, u32::MAX.into())?,
    };
    let room = state.scheduler.context().saturating_sub(prompt.len()).max(1);
    let mut request = options.request(prompt, max_tokens.map_or(room, |n| n as usize), state);
    request.logprobs = logprobs;
    state.scheduler.check(&request).map_err(refusal)?;
    Ok(Prepared { dialect: Chat { logprobs: logprobs.is_some() }, options, requests: vec![request] })
}

/// Plain text is all there is, so asking for it is fine and asking for anything else is not.
fn refuse_formats(fields: &Fields) -> Result<(), ApiError> {
    if let Some(format) = fields.object("response_format")?
        && format.string("type")? != Some("text")
    {
        let why = "only `{\"type\": \"text\"}` is supported: answers are not constrained to JSON or a schema";
        return Err(ApiError::unsupported("response_format", why));
    }
    let text_only = |value: &Value| value.as_array().is_some_and(|m| m.iter().all(|m| m == "text"));
    if fields.get("modalities").is_some_and(|value| !text_only(value)) {
        return Err(ApiError::unsupported("modalities", "this model writes text only"));
    }
    Ok(())
}

fn messages(fields: &Fields) -> Result<Vec<Message>, ApiError> {
    let wrong = |place: String, message: String| Err(ApiError::invalid(place, message));
    let Some(list) = fields.read("messages", "an array of messages", Value::as_array)? else {
        return wrong("messages".into(), "`messages` is missing: what should be answered?".into());
    };
    if list.is_empty() {
        return wrong("messages".into(), "`messages` is empty: there is nothing to answer".into());
    }
    let mut messages = Vec::with_capacity(list.len());
    for (i, message) in list.iter().enumerate() {
        let place = |field: &str| format!("messages[{i}].{field}");
        let Value::Object(message) = message else {
            let found = kind(message);
            return wrong(format!("messages[{i}]"), format!("`messages[{i}]` should be an object, but is {found}"));
        };
        let role = match message.get("role").and_then(Value::as_str) {
            Some("developer") => "system",
            Some(role @ ("system" | "user" | "assistant")) => role,
            Some(role @ ("tool" | "function")) => {
                return Err(ApiError::unsupported(&place("role"), format!("role `{role}`: tools are not supported")));
            }
            _ => {
                let want = "should be `system`, `developer`, `user` or `assistant`";
                return wrong(place("role"), format!("`{}` {want}", place("role")));
            }
        };
        let content = content(message.get("content"), &place("content"), role)?;
        messages.push(Message::new(role, content));
    }
    if messages.iter().all(|message| message.content.is_empty()) {
        return wrong("messages".into(), "every message is empty: there is nothing to answer".into());
    }
    Ok(messages)
}

/// A string, or an array of text parts.
fn content(value: Option<&Value>, place: &str, role: &str) -> Result<String, ApiError> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        None | Some(Value::Null) if role == "assistant" => Ok(String::new()),
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for part in parts {
                match (part["type"].as_str(), part["text"].as_str()) {
                    (Some("text"), Some(piece)) => text.push_str(piece),
                    (Some(kind), None) => {
                        let why = format!("`{place}` holds a part of type `{kind}`; this model reads text only");
                        return Err(ApiError::unsupported(place, why));
                    }
                    _ => {
                        let want = "parts like `{\"type\": \"text\", \"text\": \"…\"}`";
                        return Err(ApiError::invalid(place.to_owned(), format!("`{place}` should hold {want}")));
                    }
                }
            }
            Ok(text)
        }
        other => {
            let found = other.map_or("missing", kind);
            Err(ApiError::invalid(place.to_owned(), format!("`{place}` should be a string, but is {found}")))
        }
    }
}

fn encode(state: &State, messages: &[Message]) -> Result<Vec<u32>, ApiError> {
    let encoded = state.model.tokenizer.encode_chat(messages, true);
    let encoded = encoded.map_err(|error| ApiError::invalid("messages".to_owned(), error.to_string()))?;
    Ok(state.model.tokenizer.begin(encoded.ids))
}

/// How chat answers are written.
pub(crate) struct Chat {
    logprobs: bool,
}

impl Chat {
    fn logprobs(&self, state: &State, tokens: &[Spoken]) -> Value {
        if !self.logprobs {
            return Value::Null;
        }
        let scored = tokens.iter().filter_map(|t| t.scored.as_ref());
        json!({"content": scored.map(|s| entry(state, s)).collect::<Vec<_>>(), "refusal": null})
    }
}

fn entry(state: &State, scored: &Scored) -> Value {
    let one = |token: u32, logprob: f32| {
        let tokenizer = &state.model.tokenizer;
        json!({"token": token_text(tokenizer, token), "logprob": logprob, "bytes": token_bytes(tokenizer, token)})
    };
    let mut entry = one(scored.token, scored.logprob);
    entry["top_logprobs"] = scored.top.iter().map(|&(token, logprob)| one(token, logprob)).collect();
    entry
}

impl Dialect for Chat {
    const PREFIX: &'static str = "chatcmpl";
    const WHOLE: &'static str = "chat.completion";
    const CHUNK: &'static str = "chat.completion.chunk";

    fn whole(&self, state: &State, index: usize, answer: &Collected, _: &[Scored]) -> Value {
        json!({
            "index": index,
            "message": {"role": "assistant", "content": answer.text, "refusal": null},
            "logprobs": self.logprobs(state, &answer.tokens),
            "finish_reason": answer.finish,
        })
    }

    fn opening(&self, _: &State, index: usize, prompt: Option<&[Scored]>) -> Option<Value> {
        let delta = json!({"role": "assistant", "content": ""});
        prompt.is_none().then(|| json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": null}))
    }

    fn piece(&self, state: &State, index: usize, piece: &Piece, finish: Option<&'static str>) -> Value {
        let (delta, logprobs) = match finish {
            Some(_) => (json!({}), Value::Null),
            None => (json!({"content": piece.text}), self.logprobs(state, &piece.tokens)),
        };
        json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish})
    }
}
