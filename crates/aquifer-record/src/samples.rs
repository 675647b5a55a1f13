//! `samples.json`: what the model says.

use serde::{Deserialize, Serialize};

/// Continuations and exchanges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Continuations of held-out beginnings.
    #[serde(default)]
    pub continuations: Vec<Continuation>,
    /// Chat exchanges.
    #[serde(default)]
    pub chats: Vec<Exchange>,
}

/// A prompt and what the model made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Continuation {
    /// The beginning.
    pub prompt: String,
    /// What followed.
    pub text: String,
}

/// One question and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The user's words.
    pub user: String,
    /// The model's.
    pub assistant: String,
    /// The known truth, if there is one.
    #[serde(default)]
    pub expected: Option<String>,
}
