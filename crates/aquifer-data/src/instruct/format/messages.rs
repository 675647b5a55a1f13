//! Messages of `role` and `content`, as OpenAI's API and most chat templates take them.

use super::{Reading, message_values};
use crate::instruct::example::{Ending, Example};
use crate::instruct::finding::Kind;
use serde_json::{Map, Value, json};

pub(super) fn read(mut row: Map<String, Value>, reading: &mut Reading) -> Option<Example> {
    let tools = reading.take_tools(&mut row);
    let Some(list) = reading.take_list(&mut row, "messages") else {
        reading.note(Kind::MissingField, "messages", "a list of turns was expected");
        return None;
    };
    let mut turns = reading.take_scene(&mut row);
    turns.extend(reading.turns(list, "messages"));
    let ending = match row.get("label") {
        Some(&Value::Bool(good)) => {
            row.shift_remove("label");
            Ending::Verdict(good)
        }
        _ => Ending::Answer,
    };
    Some(Example { id: reading.id.clone(), row: reading.row, turns, ending, tools, extra: row, ..Example::default() })
}

pub(super) fn write(example: &Example, lost: &mut Vec<&'static str>) -> Result<Map<String, Value>, &'static str> {
    let mut row = Map::new();
    let mut turns = example.turns.clone();
    match &example.ending {
        Ending::Pair { chosen, .. } => {
            lost.push("the rejected answer");
            turns.extend(chosen.iter().cloned());
        }
        Ending::Verdict(good) => drop(row.insert("label".into(), json!(good))),
        Ending::Answer => {}
    }
    row.insert("messages".into(), message_values(&turns));
    if !example.tools.is_empty() {
        row.insert("tools".into(), Value::Array(example.tools.clone()));
    }
    Ok(row)
}
