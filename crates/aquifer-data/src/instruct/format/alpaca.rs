//! Alpaca: an instruction, what it is about, and an answer.

use super::Reading;
use crate::instruct::example::{Ending, Example, Role, Turn};
use crate::instruct::finding::Kind;
use serde_json::{Map, Value, json};

/// Names of the field that holds the answer.
const ANSWERS: [&str; 3] = ["output", "response", "completion"];

pub(super) fn read(mut row: Map<String, Value>, reading: &mut Reading) -> Vec<Example> {
    let mut turns = reading.take_scene(&mut row);
    for (at, pair) in reading.take_list(&mut row, "history").unwrap_or_default().into_iter().enumerate() {
        match pair.as_array().map(Vec::as_slice) {
            Some([Value::String(asked), Value::String(said)]) => {
                turns.push(Turn::new(Role::User, asked.as_str()));
                turns.push(Turn::new(Role::Assistant, said.as_str()));
            }
            _ => reading.note(Kind::WrongType, format!("history[{at}]"), "a list of two texts was expected"),
        }
    }
    let Some(instruction) = reading.need_text(&mut row, "instruction") else { return Vec::new() };
    if let Some(instances) = reading.take_list(&mut row, "instances") {
        return self_instruct(&instruction, instances, row, reading);
    }
    let input = reading.take_text(&mut row, "input").unwrap_or_default();
    let field = ANSWERS.into_iter().find(|field| row.contains_key(*field)).unwrap_or(ANSWERS[0]);
    let input_at = (!input.is_empty()).then_some(instruction.len());
    turns.push(Turn::new(Role::User, asked(&instruction, &input)));
    if let Some(answer) = reading.need_text(&mut row, field) {
        turns.push(Turn::new(Role::Assistant, answer));
    }
    vec![Example { id: reading.id.clone(), row: reading.row, turns, input_at, extra: row, ..Example::default() }]
}

/// One instruction with several inputs and outputs.
fn self_instruct(
    instruction: &str,
    instances: Vec<Value>,
    row: Map<String, Value>,
    reading: &mut Reading,
) -> Vec<Example> {
    let mut examples = Vec::with_capacity(instances.len());
    for (at, instance) in instances.into_iter().enumerate() {
        let text = |field: &str| instance.get(field).and_then(Value::as_str).unwrap_or_default();
        if instance.get("output").and_then(Value::as_str).is_none() {
            reading.note(Kind::MissingField, format!("instances[{at}].output"), "a text was expected");
            continue;
        }
        let turns =
            vec![Turn::new(Role::User, asked(instruction, text("input"))), Turn::new(Role::Assistant, text("output"))];
        let id = format!("{}/{at}", reading.id);
        examples.push(Example { id, row: reading.row, turns, extra: row.clone(), ..Example::default() });
    }
    examples
}

/// An empty line lies between what to do and what to do it with.
pub(super) fn asked(instruction: &str, input: &str) -> String {
    if input.is_empty() { instruction.to_owned() } else { format!("{instruction}\n\n{input}") }
}

pub(super) fn write(example: &Example, lost: &mut Vec<&'static str>) -> Result<Map<String, Value>, &'static str> {
    let (system, turns) = match example.turns.split_first() {
        Some((first, rest)) if first.role == Role::System => (Some(&first.content), rest),
        _ => (None, example.turns.as_slice()),
    };
    let spoken = |turn: &Turn| turn.calls.is_empty() && matches!(turn.role, Role::User | Role::Assistant);
    if !turns.iter().all(spoken) {
        return Err("calls of tools, which Alpaca has no place for");
    }
    let answer = example.answer().ok_or("no answer")?;
    let asked = if example.ending.is_whole() { &turns[..turns.len().saturating_sub(1)] } else { turns };
    let roles = asked.iter().map(|turn| turn.role);
    let alternating = [Role::User, Role::Assistant].into_iter().cycle();
    if asked.len().is_multiple_of(2) || !roles.eq(alternating.take(asked.len())) || !answer.calls.is_empty() {
        return Err("turns that do not alternate, which Alpaca has no place for");
    }
    if turns.iter().chain([answer]).any(|turn| turn.reasoning.is_some()) {
        lost.push("reasoning before answers");
    }
    if !example.tools.is_empty() {
        lost.push("declared tools");
    }
    match example.ending {
        Ending::Pair { .. } => lost.push("the rejected answer"),
        Ending::Verdict(_) => lost.push("the verdict on the answer"),
        Ending::Answer => {}
    }
    let [history @ .., last] = asked else { return Err("no question") };
    let mut row = Map::new();
    let divided = example.input_at.and_then(|at| last.content.split_at_checked(at));
    let divided = divided.and_then(|(instruction, rest)| Some((instruction, rest.strip_prefix("\n\n")?)));
    let (instruction, input) = divided.unwrap_or((&last.content, ""));
    row.insert("instruction".into(), json!(instruction));
    row.insert("input".into(), json!(input));
    row.insert("output".into(), json!(answer.content));
    if let Some(system) = system {
        row.insert("system".into(), json!(system));
    }
    if !history.is_empty() {
        let pairs = history.chunks(2).map(|pair| json!([pair[0].content, pair[1].content]));
        row.insert("history".into(), pairs.collect());
    }
    Ok(row)
}
