//! What is asked.

use aquifer_record::sha256_hex;
use serde::Serialize;
use serde_json::{Value, json};

/// One question to a model, complete: everything its answer depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Question {
    /// The model's name, as its endpoint knows it.
    pub model: String,
    /// What the model is told before it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The question itself.
    pub prompt: String,
    /// 0 for the likeliest answer.
    pub temperature: f64,
    /// The longest answer.
    pub max_tokens: u32,
    /// Asking again with another seed is another question.
    pub seed: u64,
}

impl Question {
    /// A question at temperature 0, with room for 512 tokens.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        let (model, prompt) = (model.into(), prompt.into());
        Question { model, system: None, prompt, temperature: 0.0, max_tokens: 512, seed: 0 }
    }

    /// The same question, asked for the `n`-th time after answers that were of no use: bolder, since at temperature 0 the
    /// same answer would come again.
    pub fn again(&self, n: u64) -> Self {
        let bolder = if n == 0 { self.temperature } else { self.temperature.max(0.5) };
        Question { seed: self.seed + n, temperature: bolder, ..self.clone() }
    }

    /// What the journal knows it by: the SHA-256 of all its fields.
    pub fn hash(&self) -> String {
        sha256_hex(&serde_json::to_vec(self).expect("strings and numbers are JSON"))
    }

    /// The body of the request; `limit` is what this endpoint calls the longest answer.
    pub(crate) fn body(&self, limit: &str) -> Value {
        let system = self.system.iter().map(|text| json!({"role": "system", "content": text}));
        let turns: Vec<Value> = system.chain([json!({"role": "user", "content": self.prompt})]).collect();
        let mut body =
            json!({"model": self.model, "messages": turns, "temperature": self.temperature, "seed": self.seed});
        body[limit] = self.max_tokens.into();
        body
    }
}
