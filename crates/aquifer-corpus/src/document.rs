//! The currency between the parts: a text with an id it keeps to the end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One document. A dialogue is a document whose metadata holds `messages`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Where it came from, unique in its corpus: `file#n`, or what its row said.
    pub id: String,
    /// The text itself.
    pub text: String,
    /// Everything else its row held.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// One turn of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`; chat templates may know more.
    pub role: String,
    /// What was said.
    pub content: String,
}

impl Document {
    /// A plain document without metadata.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Document { id: id.into(), text: text.into(), metadata: Map::new() }
    }

    /// A dialogue; its text is the turns, one a line, for whoever looks only at text.
    pub fn dialogue(id: impl Into<String>, messages: &[Message]) -> Self {
        let text = messages.iter().map(|m| m.content.as_str()).collect::<Vec<_>>().join("\n");
        let mut document = Document::new(id, text);
        let turns = messages.iter().map(|m| serde_json::json!({"role": m.role, "content": m.content}));
        document.metadata.insert("messages".to_owned(), Value::Array(turns.collect()));
        document
    }

    /// The turns, if this is a dialogue whose every turn has a role and a content.
    pub fn messages(&self) -> Option<Vec<Message>> {
        let turns = self.metadata.get("messages")?.as_array()?;
        let said = |turn: &Value, key: &str| Some(turn.get(key)?.as_str()?.to_owned());
        turns.iter().map(|turn| Some(Message { role: said(turn, "role")?, content: said(turn, "content")? })).collect()
    }
}

impl Message {
    /// A turn of the given role.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Message { role: role.into(), content: content.into() }
    }

    /// Whether the model said it.
    pub fn is_assistant(&self) -> bool {
        self.role == "assistant"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialogue_keeps_its_turns_and_reads_as_text() {
        let turns = [Message::new("user", "Hi"), Message::new("assistant", "Hello!")];
        let document = Document::dialogue("d", &turns);
        assert_eq!(document.messages().unwrap(), turns);
        assert_eq!(document.text, "Hi\nHello!");
        assert_eq!(Document::new("p", "plain").messages(), None);
    }
}
