//! Fields of a row, read with their place, so that what is wrong can be named.

use crate::instruct::example::{Call, Role, Turn};
use crate::instruct::finding::{Finding, Kind};
use serde_json::{Map, Value};

/// One row being read, and what was found.
pub(in crate::instruct) struct Reading<'a> {
    pub(in crate::instruct) row: usize,
    pub(in crate::instruct) id: String,
    pub(in crate::instruct) findings: &'a mut Vec<Finding>,
}

impl Reading<'_> {
    /// Notes something wrong with a field.
    pub(in crate::instruct) fn note(&mut self, kind: Kind, field: impl Into<String>, why: impl Into<String>) {
        self.findings.push(Finding { row: self.row, field: field.into(), kind, why: why.into() });
    }

    /// Takes a text out of the row; one that is not there, or null, is nothing.
    pub(super) fn take_text(&mut self, row: &mut Map<String, Value>, field: &str) -> Option<String> {
        match row.shift_remove(field)? {
            Value::String(text) => Some(text),
            Value::Null => None,
            Value::Number(number) => Some(number.to_string()),
            other => {
                self.note(Kind::WrongType, field, format!("a text was expected, this is {}", kind(&other)));
                None
            }
        }
    }

    /// Takes a text that has to be there.
    pub(super) fn need_text(&mut self, row: &mut Map<String, Value>, field: &str) -> Option<String> {
        if matches!(row.get(field), None | Some(Value::Null)) {
            self.note(Kind::MissingField, field, "it is not there");
        }
        self.take_text(row, field)
    }

    /// Takes `system`: the first turn, where it says anything.
    pub(super) fn take_scene(&mut self, row: &mut Map<String, Value>) -> Vec<Turn> {
        let text = self.take_text(row, "system").filter(|text| !text.is_empty());
        text.map(|text| Turn::new(Role::System, text)).into_iter().collect()
    }

    /// Takes a list; one that is not there is nothing.
    pub(super) fn take_list(&mut self, row: &mut Map<String, Value>, field: &str) -> Option<Vec<Value>> {
        match row.shift_remove(field)? {
            Value::Array(list) => Some(list),
            Value::Null => None,
            other => {
                self.note(Kind::WrongType, field, format!("a list was expected, this is {}", kind(&other)));
                None
            }
        }
    }

    /// Takes the tools: a list, or a list written as a text.
    pub(super) fn take_tools(&mut self, row: &mut Map<String, Value>) -> Vec<Value> {
        if let Some(Value::String(text)) = row.get("tools") {
            match serde_json::from_str::<Value>(text) {
                Ok(Value::Array(list)) => {
                    row.shift_remove("tools");
                    return list;
                }
                _ if text.trim().is_empty() => {
                    row.shift_remove("tools");
                    return Vec::new();
                }
                _ => self.note(Kind::WrongType, "tools", "a text that holds a JSON list was expected"),
            }
            row.shift_remove("tools");
            return Vec::new();
        }
        self.take_list(row, "tools").unwrap_or_default()
    }

    /// The turns of a list whose items hold `role` and `content` or `from` and `value`.
    pub(super) fn turns(&mut self, list: Vec<Value>, field: &str) -> Vec<Turn> {
        let mut turns = Vec::with_capacity(list.len());
        for (at, value) in list.into_iter().enumerate() {
            turns.extend(self.turn(value, &format!("{field}[{at}]")));
        }
        turns
    }

    /// One turn.
    pub(super) fn turn(&mut self, value: Value, place: &str) -> Option<Turn> {
        let Value::Object(mut value) = value else {
            self.note(Kind::WrongType, place, format!("an object was expected, this is {}", kind(&value)));
            return None;
        };
        let [who, what] = if value.contains_key("from") { ["from", "value"] } else { ["role", "content"] };
        let Some(name) = value.get(who).and_then(Value::as_str).map(str::to_owned) else {
            self.note(Kind::MissingField, format!("{place}.{who}"), "it should say whose turn this is");
            return None;
        };
        let Some(role) = Role::of(&name) else {
            self.note(Kind::UnknownRole, format!("{place}.{who}"), format!("`{}` is nobody", short(&name)));
            return None;
        };
        let mut turn = Turn { role, ..Turn::default() };
        let content = value.shift_remove(what);
        let what = format!("{place}.{what}");
        match content {
            Some(Value::String(text)) if name == "function_call" => self.written_calls(&text, &what, &mut turn.calls),
            Some(Value::String(text)) => turn.content = text,
            Some(Value::Array(parts)) => self.parts(parts, &what, &mut turn),
            Some(object @ Value::Object(_)) if name == "function_call" => {
                turn.calls.extend(self.call(object, &what));
            }
            // The result of a call, as it was.
            Some(object @ Value::Object(_)) if role == Role::Tool => turn.content = object.to_string(),
            Some(Value::Null) | None if value.contains_key("tool_calls") => {}
            Some(Value::Null) | None => self.note(Kind::MissingField, what, "it is not there"),
            Some(other) => self.note(Kind::WrongType, what, format!("a text was expected, this is {}", kind(&other))),
        }
        if let Some(Value::Array(calls)) = value.shift_remove("tool_calls") {
            for (at, call) in calls.into_iter().enumerate() {
                turn.calls.extend(self.call(call, &format!("{place}.tool_calls[{at}]")));
            }
        }
        let text = |value: Value| value.as_str().map(str::to_owned);
        let reasoning = value.shift_remove("reasoning_content").and_then(text).filter(|text| !text.is_empty());
        turn.reasoning = reasoning.or(turn.reasoning);
        turn.answers = value.shift_remove("tool_call_id").and_then(text);
        Some(turn)
    }

    /// Content in parts: text, reasoning, calls.
    fn parts(&mut self, parts: Vec<Value>, place: &str, turn: &mut Turn) {
        for (at, part) in parts.into_iter().enumerate() {
            let place = format!("{place}[{at}]");
            let text = ["text", "value"].iter().find_map(|field| part.get(*field)?.as_str()).map(str::to_owned);
            match (part.get("type").and_then(Value::as_str), text) {
                (Some("text"), Some(text)) => turn.content += &text,
                (Some("reasoning" | "thinking"), Some(text)) => *turn.reasoning.get_or_insert_default() += &text,
                (Some("tool_call"), Some(text)) => self.written_calls(&text, &place, &mut turn.calls),
                (Some(other), _) => {
                    self.note(Kind::WrongType, place, format!("a part of type `{}` is not known here", short(other)));
                }
                (None, _) => self.note(Kind::MissingField, place, "the part has no `type`"),
            }
        }
    }

    /// One call, or a list of them, written as a text of JSON.
    fn written_calls(&mut self, text: &str, place: &str, calls: &mut Vec<Call>) {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(list)) => {
                for (at, call) in list.into_iter().enumerate() {
                    calls.extend(self.call(call, &format!("{place}[{at}]")));
                }
            }
            Ok(value) => calls.extend(self.call(value, place)),
            Err(error) => self.note(Kind::CallArguments, place, format!("the call is not JSON: {error}")),
        }
    }

    /// `{"name", "arguments"}`, or the same within `function`; arguments may be written as a text of JSON.
    fn call(&mut self, mut value: Value, place: &str) -> Option<Call> {
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let function = match value.get_mut("function") {
            Some(inner @ Value::Object(_)) => inner.take(),
            _ => value,
        };
        let Some(name) = function.get("name").and_then(Value::as_str) else {
            self.note(Kind::MissingField, format!("{place}.name"), "the call names no tool");
            return None;
        };
        let arguments = match function.get("arguments") {
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(arguments @ Value::Object(_)) => arguments,
                _ if text.trim().is_empty() => Value::Object(Map::new()),
                _ => Value::String(text.clone()),
            },
            Some(Value::Null) | None => Value::Object(Map::new()),
            Some(other) => other.clone(),
        };
        if !arguments.is_object() {
            let why = format!("an object was expected, this is {}", kind(&arguments));
            self.note(Kind::CallArguments, format!("{place}.arguments"), why);
        }
        Some(Call { id, name: name.to_owned(), arguments })
    }
}

pub(in crate::instruct) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The beginning of what a row says, for a message.
pub(super) fn short(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(at, _)| &text[..at])
}
