//! What is wrong with a set: each finding with its row, its field and its kind.

use super::example::{Ending, Example, Role, Turn};
use super::finding::{Finding, Kind};
use super::rows::Set;
use aquifer_record::sha256_hex;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Marks by which chat templates tell turns apart: inside a turn they would begin another.
const MARKS: [&str; 10] = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|user|>",
    "<|assistant|>",
    "[INST]",
    "[/INST]",
    "### Response:",
];

/// All findings, by row.
pub fn check(set: &Set) -> Vec<Finding> {
    let mut findings = set.findings.clone();
    let mut note = |example: &Example, kind, field: String, why: String| {
        findings.push(Finding { row: example.row, field, kind, why });
    };
    let (mut prompts, mut whole) = (FxHashMap::default(), FxHashMap::default());
    for example in &set.examples {
        conversation(example, &mut |kind, field, why| note(example, kind, field, why));
        let answer = example.answer().map(|turn| turn.content.as_str()).unwrap_or_default();
        let prompt = plain(&example.prompt());
        if prompt.is_empty() {
            continue;
        }
        let both = format!("{prompt}\n\n{}", plain(answer));
        let first = *prompts.entry(sha256_hex(prompt.as_bytes())).or_insert(example.row);
        let twin = *whole.entry(sha256_hex(both.as_bytes())).or_insert(example.row);
        if twin != example.row {
            note(example, Kind::DuplicateRow, String::new(), format!("row {twin} asks and answers the same"));
        } else if first != example.row {
            note(example, Kind::DuplicatePrompt, String::new(), format!("row {first} asks the same"));
        }
        if plain(answer) == prompt {
            note(example, Kind::EchoedPrompt, String::new(), "the answer only repeats what was asked".to_owned());
        }
    }
    findings.sort_by_key(|finding| finding.row);
    findings
}

/// How many findings of each kind there are.
pub fn counts(findings: &[Finding]) -> BTreeMap<Kind, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.kind).or_default() += 1;
    }
    counts
}

/// The rows with an error.
pub fn bad_rows(findings: &[Finding]) -> BTreeSet<usize> {
    findings.iter().filter(|finding| finding.kind.is_error()).map(|finding| finding.row).collect()
}

/// The turns of one example, and of both its endings.
fn conversation(example: &Example, note: &mut dyn FnMut(Kind, String, String)) {
    let declared: Vec<&str> = example.tools.iter().filter_map(tool_name).collect();
    let mut walk = |turns: &[Turn], start: usize, before: Option<&Turn>, place: &str| {
        let mut before = before;
        for (at, turn) in turns.iter().enumerate() {
            let place = format!("{place}turn {}", start + at + 1);
            one_turn(turn, before, &place, note);
            for call in turn.calls.iter().filter(|call| !declared.is_empty() && !declared.contains(&call.name.as_str()))
            {
                note(Kind::UndeclaredTool, place.clone(), format!("`{}` is not among the tools", call.name));
            }
            before = Some(turn);
        }
        results(turns, start, place, note);
    };
    walk(&example.turns, 0, None, "");
    if example.turns.is_empty() {
        note(Kind::NoTurns, String::new(), "the conversation is empty".to_owned());
        return;
    }
    match &example.ending {
        Ending::Pair { chosen, rejected } => {
            let mut walk = |turns: &[Turn], place: &str| {
                let mut before = example.turns.last();
                for (at, turn) in turns.iter().enumerate() {
                    one_turn(turn, before, &format!("{place} turn {}", at + 1), note);
                    before = Some(turn);
                }
                if turns.last().is_none_or(|turn| turn.role != Role::Assistant) {
                    note(Kind::MissingAnswer, place.to_owned(), "it ends without an answer".to_owned());
                }
            };
            walk(chosen, "chosen");
            walk(rejected, "rejected");
            if chosen == rejected {
                note(Kind::SamePair, "rejected".to_owned(), "it equals the preferred answer".to_owned());
            }
        }
        _ if example.answer().is_none() => {
            let last = example.turns.last().map_or("nobody", |turn| turn.role.name());
            note(
                Kind::MissingAnswer,
                format!("turn {}", example.turns.len()),
                format!("the last turn is the {last}'s"),
            );
        }
        _ => {}
    }
}

fn one_turn(turn: &Turn, before: Option<&Turn>, place: &str, note: &mut dyn FnMut(Kind, String, String)) {
    if turn.content.trim().is_empty() && turn.calls.is_empty() {
        note(Kind::EmptyTurn, place.to_owned(), format!("the {} says nothing", turn.role.name()));
    }
    if let Some(mark) = MARKS.iter().find(|mark| turn.content.contains(**mark)) {
        note(Kind::TemplateMark, place.to_owned(), format!("it holds {mark}"));
    }
    let fits = match (before.map(|turn| turn.role), turn.role) {
        (None, Role::System | Role::User) | (Some(Role::System), Role::User) => true,
        (Some(Role::User | Role::Tool), Role::Assistant) | (Some(Role::Assistant), Role::User) => true,
        // A model may speak first and call then, in a turn of its own.
        (Some(Role::Assistant), Role::Assistant) => {
            before.is_some_and(|turn| turn.calls.is_empty()) && !turn.calls.is_empty()
        }
        // `ResultWithoutCall` speaks of these.
        (_, Role::Tool) => true,
        _ => false,
    };
    if !fits {
        let after = before.map_or("the beginning".to_owned(), |turn| format!("the {}'s", turn.role.name()));
        note(Kind::RoleOrder, place.to_owned(), format!("the {}'s turn follows {after}", turn.role.name()));
    }
}

/// Whether calls and results belong together: by their ids where they have any, else by what follows what.
fn results(turns: &[Turn], start: usize, place: &str, note: &mut dyn FnMut(Kind, String, String)) {
    let mut open: Option<(usize, &Turn)> = None;
    let mut answered = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        let here = |at: usize| format!("{place}turn {}", start + at + 1);
        if turn.role != Role::Tool {
            if let Some((asked, calls)) = open.take() {
                let ids = calls.calls.iter().filter_map(|call| call.id.as_deref());
                let missing: Vec<&str> = ids.filter(|id| !answered.contains(&Some(*id))).collect();
                let told_apart = answered.iter().any(Option::is_some);
                if answered.is_empty() || told_apart && !missing.is_empty() {
                    note(Kind::CallWithoutResult, here(asked), "the next turn holds no result for it".to_owned());
                }
            }
            answered.clear();
            open = (!turn.calls.is_empty()).then_some((at, turn));
            continue;
        }
        let id = turn.answers.as_deref();
        let Some((_, calls)) = open else {
            note(Kind::ResultWithoutCall, here(at), "no call stands before it".to_owned());
            continue;
        };
        let known = id.is_none_or(|id| calls.calls.iter().any(|call| call.id.as_deref().is_none_or(|own| own == id)));
        if !known || answered.len() >= calls.calls.len() {
            note(Kind::ResultWithoutCall, here(at), "the calls before it are others".to_owned());
        }
        answered.push(id);
    }
}

/// `{"name"}`, or the same within `function`.
fn tool_name(tool: &serde_json::Value) -> Option<&str> {
    tool.get("function").unwrap_or(tool).get("name")?.as_str()
}

/// Case and white space tell no two prompts apart.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}
