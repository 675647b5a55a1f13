//! What comes back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The model's answer.
    Said(Answer),
    /// The endpoint will not answer this one, and why; asking again gives the same.
    Refused(String),
    /// No answer could be had, and why; another time may be better, so no journal keeps it.
    Failed(String),
}

/// A model's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What it said.
    pub text: String,
    /// Why it stopped.
    pub finish: Finish,
    /// What it took.
    #[serde(flatten)]
    pub usage: Usage,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was complete.
    #[default]
    Stop,
    /// It met the limit of tokens.
    Length,
    /// It was withheld, or the model declined.
    Withheld,
}

/// Tokens as the endpoint counted them; 0 where it did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of the question.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Of the answer.
    #[serde(default)]
    pub completion_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
    }
}

impl Reply {
    /// What was said, if anything was.
    pub fn text(&self) -> Option<&str> {
        match self {
            Reply::Said(answer) => Some(&answer.text),
            _ => None,
        }
    }

    /// A complete answer, or why there is none to use, in a few words.
    ///
    /// # Errors
    /// The reason.
    pub fn complete(&self) -> Result<&str, String> {
        match self {
            Reply::Said(Answer { finish: Finish::Length, .. }) => {
                Err("the answer was cut at the limit of tokens".into())
            }
            Reply::Said(Answer { finish: Finish::Withheld, .. }) => Err("the model declined".into()),
            Reply::Said(answer) => Ok(&answer.text),
            Reply::Refused(why) | Reply::Failed(why) => Err(why.clone()),
        }
    }
}

impl Answer {
    /// A complete answer that cost nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Answer { text: text.into(), ..Answer::default() }
    }

    /// Reads the body of a chat completion.
    ///
    /// # Errors
    /// What is wrong with it, where it is none.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))?;
        let choice = body.get("choices").and_then(|choices| choices.get(0)).ok_or("the answer holds no `choices`")?;
        let message = choice.get("message").ok_or("the answer holds no `choices[0].message`")?;
        let refusal = message.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = match message.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
            None | Some(Value::Null) => refusal.unwrap_or_default().to_owned(),
            Some(_) => return Err("`choices[0].message.content` is no text".to_owned()),
        };
        let finish = match choice.get("finish_reason").and_then(Value::as_str) {
            _ if refusal.is_some() => Finish::Withheld,
            Some("content_filter") => Finish::Withheld,
            Some("length") => Finish::Length,
            _ => Finish::Stop,
        };
        let count = |name| body.get("usage").and_then(|usage| usage.get(name)?.as_u64()).unwrap_or(0);
        let usage = Usage { prompt_tokens: count("prompt_tokens"), completion_tokens: count("completion_tokens") };
        Ok(Answer { text, finish, usage })
    }
}

/// What an endpoint says of an error, as OpenAI writes it or as it came, in one line.
pub(crate) fn error_message(body: &[u8]) -> String {
    let json = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    let said = ["/error/message", "/message", "/detail", "/error"].iter().find_map(|at| json.pointer(at)?.as_str());
    let text = said.map_or_else(|| String::from_utf8_lossy(&body[..body.len().min(1200)]).into_owned(), str::to_owned);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "(it said nothing)".to_owned(),
        None => line,
    }
}
