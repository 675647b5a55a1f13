//! The layouts that instruction data is published in.

mod alpaca;
mod messages;
mod preference;
mod sharegpt;
mod value;

pub(super) use value::{Reading, kind};

use super::example::{Call, Example, Turn};
use serde_json::{Map, Value, json};

/// A layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `instruction`, `input`, `output` (or `response`, `completion`), `system`, `history`; also `instances` of inputs and
    /// outputs, as in Self-Instruct.
    Alpaca,
    /// `conversations` of `from` and `value`, `system`, `tools`; Infinity-Instruct has this one.
    ShareGpt,
    /// `messages` of `role` and `content`, `tools`, and `label` where somebody judged the answer.
    Messages,
    /// `chosen` and `rejected`, with what was asked in `prompt`, `conversations`, `messages` or `instruction`, or before
    /// both as a transcript.
    Preference,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::Alpaca, Format::ShareGpt, Format::Messages, Format::Preference];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Alpaca => "alpaca",
            Format::ShareGpt => "sharegpt",
            Format::Messages => "messages",
            Format::Preference => "preference",
        }
    }

    /// The layout of a row, told by its fields.
    pub fn of_row(row: &Map<String, Value>) -> Option<Self> {
        let has = |field: &str| row.contains_key(field);
        match () {
            () if has("chosen") && has("rejected") => Some(Format::Preference),
            () if has("messages") => Some(Format::Messages),
            () if has("conversations") => Some(Format::ShareGpt),
            () if has("instruction") => Some(Format::Alpaca),
            () => None,
        }
    }

    /// The examples of a row; what is wrong goes to `reading`.
    pub(super) fn read(self, row: Map<String, Value>, reading: &mut Reading) -> Vec<Example> {
        match self {
            Format::Alpaca => alpaca::read(row, reading),
            Format::ShareGpt => sharegpt::read(row, reading).into_iter().collect(),
            Format::Messages => messages::read(row, reading).into_iter().collect(),
            Format::Preference => preference::read(row, reading).into_iter().collect(),
        }
    }

    /// The example as a row, and what of it this layout cannot say; or why it cannot be written at all.
    pub(super) fn write(self, example: &Example) -> Result<(Map<String, Value>, Vec<&'static str>), &'static str> {
        let mut lost = Vec::new();
        let row = match self {
            Format::Alpaca => alpaca::write(example, &mut lost)?,
            Format::ShareGpt => sharegpt::write(example, &mut lost)?,
            Format::Messages => messages::write(example, &mut lost)?,
            Format::Preference => preference::write(example)?,
        };
        lost.sort_unstable();
        lost.dedup();
        Ok((row, lost))
    }
}

/// A call as OpenAI's layout has it.
fn call_value(call: &Call) -> Value {
    let mut value = json!({"type": "function"});
    if let Some(id) = &call.id {
        value["id"] = json!(id);
    }
    value["function"] = json!({"name": call.name, "arguments": call.arguments});
    value
}

/// Turns as OpenAI's layout has them.
fn message_values(turns: &[Turn]) -> Value {
    let one = |turn: &Turn| {
        let mut value = json!({"role": turn.role.name(), "content": turn.content});
        if let Some(reasoning) = &turn.reasoning {
            value["reasoning_content"] = json!(reasoning);
        }
        if !turn.calls.is_empty() {
            value["tool_calls"] = turn.calls.iter().map(call_value).collect();
        }
        if let Some(id) = &turn.answers {
            value["tool_call_id"] = json!(id);
        }
        value
    };
    turns.iter().map(one).collect()
}
