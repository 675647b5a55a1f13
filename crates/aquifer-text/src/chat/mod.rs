//! Chat templates: from messages to the text, and the ids, a model was taught to read.

mod encode;
mod json;
mod provenance;
mod strftime;
mod template;

pub use encode::ChatIds;
pub use strftime::Clock;
pub use template::ChatTemplate;

use serde::{Deserialize, Serialize};

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`; templates may know more.
    pub role: String,
    /// What was said.
    pub content: String,
}

impl Message {
    /// A message of `role` saying `content`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Message { role: role.into(), content: content.into() }
    }

    pub(crate) fn is_assistant(&self) -> bool {
        self.role == "assistant"
    }
}
