//! Preference pairs: two answers to one question, the better one chosen.

use super::alpaca::asked;
use super::{Reading, kind, message_values};
use crate::instruct::example::{Ending, Example, Role, Turn};
use crate::instruct::finding::Kind;
use serde_json::{Map, Value};

pub(super) fn read(mut row: Map<String, Value>, reading: &mut Reading) -> Option<Example> {
    let tools = reading.take_tools(&mut row);
    let mut turns = reading.take_scene(&mut row);
    let field =
        ["conversations", "messages", "prompt", "instruction"].into_iter().find(|field| row.contains_key(*field));
    match field.and_then(|field| Some((field, row.shift_remove(field)?))) {
        Some((field, Value::Array(list))) => turns.extend(reading.turns(list, field)),
        Some((field, Value::String(text))) => {
            let input = match field {
                "instruction" => reading.take_text(&mut row, "input").unwrap_or_default(),
                _ => String::new(),
            };
            turns.push(Turn::new(Role::User, asked(&text, &input)));
        }
        Some((field, other)) => {
            reading.note(Kind::WrongType, field, format!("a text or turns were expected, this is {}", kind(&other)));
        }
        None => {}
    }
    let mut side = |field: &str| side(row.shift_remove(field), field, reading);
    let (mut chosen, mut rejected) = (side("chosen")?, side("rejected")?);
    // What both begin with was asked: all of it where nothing else says so, or said again where it does.
    let common = chosen.iter().zip(&rejected).take_while(|(a, b)| a == b).count();
    let common = common.min(chosen.len().saturating_sub(1)).min(rejected.len().saturating_sub(1));
    let shared: Vec<Turn> = chosen.drain(..common).collect();
    rejected.drain(..common);
    let scene = turns.iter().take_while(|turn| turn.role == Role::System).count();
    if shared.starts_with(&turns[scene..]) {
        let own_scene = shared.first().is_some_and(|first| first.role == Role::System);
        turns.truncate(if own_scene { 0 } else { scene });
    }
    turns.extend(shared);
    let ending = Ending::Pair { chosen, rejected };
    Some(Example { id: reading.id.clone(), row: reading.row, turns, ending, tools, extra: row, ..Example::default() })
}

/// One of the two continuations: a text, a transcript, a turn, or turns.
fn side(value: Option<Value>, field: &str, reading: &mut Reading) -> Option<Vec<Turn>> {
    match value {
        Some(Value::String(text)) => Some(transcript(&text).unwrap_or_else(|| vec![Turn::new(Role::Assistant, text)])),
        Some(Value::Array(list)) => Some(reading.turns(list, field)),
        Some(object @ Value::Object(_)) => Some(reading.turn(object, field)?).map(|turn| vec![turn]),
        Some(other) => {
            reading.note(Kind::WrongType, field, format!("a text or turns were expected, this is {}", kind(&other)));
            None
        }
        None => {
            reading.note(Kind::MissingField, field, "it is not there");
            None
        }
    }
}

/// Turns of a text such as `\n\nHuman: …\n\nAssistant: …`.
fn transcript(text: &str) -> Option<Vec<Turn>> {
    const SPEAKERS: [(&str, Role); 2] = [("\n\nHuman:", Role::User), ("\n\nAssistant:", Role::Assistant)];
    if !text.starts_with(SPEAKERS[0].0) {
        return None;
    }
    let mut turns = Vec::new();
    let mut rest = text;
    while let Some((mark, role)) = SPEAKERS.iter().find(|(mark, _)| rest.starts_with(mark)) {
        rest = &rest[mark.len()..];
        let end = SPEAKERS.iter().filter_map(|(mark, _)| rest.find(mark)).min().unwrap_or(rest.len());
        turns.push(Turn::new(*role, rest[..end].trim()));
        rest = &rest[end..];
    }
    Some(turns)
}

pub(super) fn write(example: &Example) -> Result<Map<String, Value>, &'static str> {
    let Ending::Pair { chosen, rejected } = &example.ending else {
        return Err("no rejected answer, which a preference needs");
    };
    let mut row = Map::new();
    row.insert("prompt".into(), message_values(&example.turns));
    row.insert("chosen".into(), message_values(chosen));
    row.insert("rejected".into(), message_values(rejected));
    if !example.tools.is_empty() {
        row.insert("tools".into(), Value::Array(example.tools.clone()));
    }
    Ok(row)
}
