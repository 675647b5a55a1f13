//! The options that chat and plain completions share.

use super::fields::Fields;
use crate::error::ApiError;
use crate::state::State;
use aquifer_infer::{Request, RequestError, Sampling};
use serde_json::Value;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The most stop strings, and the longest one in bytes: OpenAI's four, with room.
const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 1024;

/// The most likely tokens listed beside each.
const MOST_LOGPROBS: u64 = 20;

/// The most prompts in one request.
pub(crate) const MOST_PROMPTS: usize = 1024;

/// How to answer, whatever the prompt.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) sampling: Sampling,
    pub(crate) seed: u64,
    pub(crate) choices: u32,
    pub(crate) stops: Vec<String>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    ignore_end: bool,
}

impl Options {
    pub(crate) fn read(fields: &Fields, state: &State) -> Result<Self, ApiError> {
        if let Some(name) = fields.string("model")?
            && name != state.model.name
        {
            return Err(ApiError::unknown_model(name, &state.model.name));
        }
        let plain = Sampling::default();
        let sampling = Sampling {
            temperature: fields.number("temperature", 0.0, 2.0)?.unwrap_or(plain.temperature),
            top_k: fields.read("top_k", "a whole number (0 or -1: all)", top_k)?.unwrap_or(plain.top_k),
            top_p: fields.number("top_p", 0.0, 1.0)?.unwrap_or(plain.top_p).max(f32::MIN_POSITIVE),
            min_p: fields.number("min_p", 0.0, 1.0)?.unwrap_or(plain.min_p),
            repetition_penalty: fields.number("repetition_penalty", 0.01, 100.0)?.unwrap_or(plain.repetition_penalty),
            presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?.unwrap_or(plain.presence_penalty),
            frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?.unwrap_or(plain.frequency_penalty),
            bias: fields
                .read("logit_bias", "an object from token ids to numbers from -100 to 100", bias)?
                .unwrap_or_default(),
        };
        let stream = fields.flag("stream")?.unwrap_or(false);
        let stream_options = fields.object("stream_options")?;
        if stream_options.is_some() && !stream {
            return Err(ApiError::invalid(
                "stream_options".to_owned(),
                "`stream_options` only means something with `stream: true`",
            ));
        }
        let include_usage = stream_options.map_or(Ok(None), |o| o.flag("include_usage"))?.unwrap_or(false);
        Ok(Options {
            sampling,
            seed: fields.integer("seed")?.unwrap_or_else(fresh_seed),
            choices: fields.count("n", 1, state.scheduler.most_choices() as u64)?.unwrap_or(1) as u32,
            stops: fields
                .read("stop", "a string, or an array of at most 16 of 1 to 1024 bytes", stops)?
                .unwrap_or_default(),
            stream,
            include_usage,
            ignore_end: fields.flag("ignore_eos")?.unwrap_or(false),
        })
    }

    /// The engine's request for one prompt.
    pub(crate) fn request(&self, prompt: Vec<u32>, max_tokens: usize, state: &State) -> Request {
        Request {
            prompt,
            max_tokens,
            choices: self.choices,
            sampling: self.sampling.clone(),
            seed: self.seed,
            stop_tokens: if self.ignore_end { Vec::new() } else { state.model.stop_tokens.clone() },
            logprobs: None,
            prompt_logprobs: None,
        }
    }
}

/// How many likeliest tokens are listed: at most twenty.
pub(crate) fn listed(fields: &Fields, name: &str) -> Result<Option<usize>, ApiError> {
    Ok(fields.count(name, 0, MOST_LOGPROBS)?.map(|n| n as usize))
}

/// What the engine refuses, as a 400 with OpenAI's code where there is one.
pub(crate) fn refusal(error: RequestError) -> ApiError {
    let param = match &error {
        RequestError::EmptyPrompt | RequestError::UnknownToken { .. } => Some("prompt".to_owned()),
        RequestError::TooLong { .. } | RequestError::TooMuchCache { .. } => Some("max_tokens".to_owned()),
        RequestError::Choices { .. } => Some("n".to_owned()),
        RequestError::Sampling(setting) => Some(setting.name.to_owned()),
        _ => None,
    };
    let code = matches!(error, RequestError::TooLong { .. }).then_some("context_length_exceeded");
    ApiError { code, ..ApiError::invalid(param, error.to_string()) }
}

fn top_k(value: &Value) -> Option<usize> {
    match value.as_i64()? {
        -1 => Some(0),
        k => usize::try_from(k).ok(),
    }
}

fn bias(value: &Value) -> Option<Vec<(u32, f32)>> {
    let entry = |(token, bias): (&String, &Value)| {
        let bias = bias.as_f64().filter(|b| (-100.0..=100.0).contains(b))?;
        Some((token.parse().ok()?, bias as f32))
    };
    value.as_object()?.iter().map(entry).collect()
}

fn stops(value: &Value) -> Option<Vec<String>> {
    let fits = |stop: &String| (1..=LONGEST_STOP).contains(&stop.len());
    match value {
        Value::String(stop) => Some(vec![stop.clone()]).filter(|s| s.iter().all(fits)),
        Value::Array(stops) if stops.len() <= MOST_STOPS => {
            stops.iter().map(|s| s.as_str().map(str::to_owned).filter(fits)).collect()
        }
        _ => None,
    }
}

/// A seed for a request that brought none, from the system's randomness; below 2³², so that every JSON reader can
/// give it back and a person can type it.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
