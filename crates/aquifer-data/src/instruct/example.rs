//! What every layout is read into.

use serde_json::{Map, Value};

/// One conversation to learn from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// What its row says, else `file#row`; rows of several examples add `/0`, `/1`, ….
    pub id: String,
    /// The row it was read from, from 1.
    pub row: usize,
    /// The turns, in order.
    pub turns: Vec<Turn>,
    /// How it ends.
    pub ending: Ending,
    /// What may be called, as it was declared.
    pub tools: Vec<Value>,
    /// Where in the last question its row divided what to do from what to do it with, in bytes.
    pub input_at: Option<usize>,
    /// All other fields of its row.
    pub extra: Map<String, Value>,
}

/// How an example ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Ending {
    /// With its last turn.
    #[default]
    Answer,
    /// With either of two continuations.
    Pair {
        /// The better one.
        chosen: Vec<Turn>,
        /// The other.
        rejected: Vec<Turn>,
    },
    /// With its last turn, which somebody found good or not.
    Verdict(bool),
}

/// One turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Whose.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// What was thought before it was said.
    pub reasoning: Option<String>,
    /// Tools that were called.
    pub calls: Vec<Call>,
    /// Of a tool's turn: the call it answers.
    pub answers: Option<String>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Whoever sets the scene.
    System,
    /// The person.
    #[default]
    User,
    /// The model.
    Assistant,
    /// The result of a call.
    Tool,
}

/// A tool that was called.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What its result refers to.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// What it was given: an object, or whatever stood there instead.
    pub arguments: Value,
}

impl Role {
    /// The role by any of the names it goes by.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "system" | "developer" => Some(Role::System),
            "user" | "human" | "prompter" => Some(Role::User),
            "assistant" | "gpt" | "chatgpt" | "bot" | "model" | "function_call" => Some(Role::Assistant),
            "tool" | "function" | "observation" | "function_response" | "tool_response" => Some(Role::Tool),
            _ => None,
        }
    }

    /// As chat templates name it.
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

impl Turn {
    /// A turn of words only.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Turn { role, content: content.into(), ..Turn::default() }
    }
}

impl Example {
    /// What is asked: every turn but the last answer, as text.
    pub fn prompt(&self) -> String {
        let last = self.turns.last().is_some_and(|turn| turn.role == Role::Assistant && self.ending.is_whole());
        let asked = &self.turns[..self.turns.len() - usize::from(last)];
        asked.iter().map(|turn| turn.content.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// The last answer, or the better one.
    pub fn answer(&self) -> Option<&Turn> {
        let turns = match &self.ending {
            Ending::Pair { chosen, .. } => chosen,
            _ => &self.turns,
        };
        turns.last().filter(|turn| turn.role == Role::Assistant)
    }

    /// The same, to change it.
    pub fn answer_mut(&mut self) -> Option<&mut Turn> {
        let turns = match &mut self.ending {
            Ending::Pair { chosen, .. } => chosen,
            _ => &mut self.turns,
        };
        turns.last_mut().filter(|turn| turn.role == Role::Assistant)
    }
}

impl Ending {
    /// Whether the turns hold the answer.
    pub fn is_whole(&self) -> bool {
        !matches!(self, Ending::Pair { .. })
    }
}
