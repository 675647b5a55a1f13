//! ShareGPT: conversations of `from` and `value`.

use super::Reading;
use crate::instruct::example::{Ending, Example, Role};
use crate::instruct::finding::Kind;
use serde_json::{Map, Value, json};

pub(super) fn read(mut row: Map<String, Value>, reading: &mut Reading) -> Option<Example> {
    let tools = reading.take_tools(&mut row);
    let Some(list) = reading.take_list(&mut row, "conversations") else {
        reading.note(Kind::MissingField, "conversations", "a list of turns was expected");
        return None;
    };
    let mut turns = reading.take_scene(&mut row);
    turns.extend(reading.turns(list, "conversations"));
    Some(Example { id: reading.id.clone(), row: reading.row, turns, tools, extra: row, ..Example::default() })
}

pub(super) fn write(example: &Example, lost: &mut Vec<&'static str>) -> Result<Map<String, Value>, &'static str> {
    let mut row = Map::new();
    let (system, turns) = match example.turns.split_first() {
        Some((first, rest)) if first.role == Role::System => (Some(&first.content), rest),
        _ => (None, example.turns.as_slice()),
    };
    let mut values = Vec::with_capacity(turns.len());
    let chosen = match &example.ending {
        Ending::Pair { chosen, .. } => {
            lost.push("the rejected answer");
            chosen.as_slice()
        }
        Ending::Verdict(_) => {
            lost.push("the verdict on the answer");
            &[]
        }
        Ending::Answer => &[],
    };
    for turn in turns.iter().chain(chosen) {
        if turn.reasoning.is_some() {
            lost.push("reasoning before answers");
        }
        if turn.answers.is_some() || turn.calls.iter().any(|call| call.id.is_some()) {
            lost.push("which result answers which call");
        }
        let from = match turn.role {
            Role::System => "system",
            Role::User => "human",
            Role::Assistant => "gpt",
            Role::Tool => "observation",
        };
        if turn.calls.is_empty() || !turn.content.is_empty() {
            values.push(json!({"from": from, "value": turn.content}));
        }
        let mut calls: Vec<Value> =
            turn.calls.iter().map(|call| json!({"name": call.name, "arguments": call.arguments})).collect();
        let value = match calls.len() {
            0 => continue,
            1 => calls.remove(0),
            _ => Value::Array(calls),
        };
        values.push(json!({"from": "function_call", "value": value.to_string()}));
    }
    row.insert("conversations".into(), Value::Array(values));
    if let Some(system) = system {
        row.insert("system".into(), json!(system));
    }
    if !example.tools.is_empty() {
        row.insert("tools".into(), json!(Value::Array(example.tools.clone()).to_string()));
    }
    Ok(row)
}
