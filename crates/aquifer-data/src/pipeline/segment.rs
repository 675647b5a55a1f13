//! One document on its way through the rules of a segment.

use super::barrier::Decision;
use super::columns::Row;
use super::recipe::Segment;
use super::tally::Tally;
use crate::rules::{Bound, Broken, Page, Value};
use aquifer_corpus::Document;

/// What became of a document.
pub(super) enum Fate {
    /// It stays, as it is now.
    Stays(Document),
    /// It goes, as it was when it was dropped, with the reason in its metadata.
    Goes(Document),
}

/// Takes a document through a segment. With `all` every rule is asked, also behind the one that drops it.
pub(super) fn pass(
    segment: &Segment,
    mut document: Document,
    row: u64,
    decision: Option<Decision>,
    all: bool,
    tally: &mut Tally,
) -> (Fate, Row) {
    let bytes = document.text.len() as u64;
    let mut values: Vec<Option<Value>> = Vec::new();
    let mut broken: Option<Broken> = None;
    // As it was when it was dropped; the document itself goes on, so that later rules can be asked.
    let mut dropped: Option<Document> = None;
    let mut stages = tally.stages.iter_mut();
    if let (Some(barrier), Some(decision)) = (&segment.barrier, decision) {
        let stage = stages.next().expect("the barrier has one");
        stage.enter(document.text.len());
        let (measured, verdict) = barrier.ask(decision);
        values.extend(measured);
        match verdict {
            Some(verdict) => {
                stage.drop(&document.id, &verdict, &document.text);
                (broken, dropped) = (Some(verdict), Some(document.clone()));
            }
            None => stage.leave(document.text.len()),
        }
    }
    for (stage, tally) in segment.stages.iter().zip(stages) {
        if broken.is_some() && !all {
            values.resize(values.len() + stage.columns().len(), None);
            continue;
        }
        if broken.is_none() {
            tally.enter(document.text.len());
        }
        let mut answer = stage.ask(&Page::new(&document), all);
        values.append(&mut answer.values);
        let nothing_left = || Broken {
            column: format!("{}.text", stage.name()),
            value: Value::Number(0.0),
            bound: Bound::at_least(1.0),
        };
        let empty = answer.text.as_ref().is_some_and(|text| text.trim().is_empty());
        let verdict = answer.verdict.take().or_else(|| empty.then(nothing_left));
        if let Some(verdict) = verdict.filter(|_| broken.is_none()) {
            tally.drop(&document.id, &verdict, &document.text);
            dropped = Some(document.clone());
            broken = Some(verdict);
        }
        let before = answer.change(&mut document);
        if broken.is_none() {
            tally.leave(document.text.len());
            if let Some(before) = before {
                tally.edit(&document.id, &answer.edits, &before, &document.text);
            }
        }
    }
    let row = Row { id: document.id.clone(), row, bytes, values, verdict: broken.as_ref().map(|b| b.column.clone()) };
    match (broken, dropped) {
        (Some(broken), Some(mut dropped)) => {
            let why = serde_json::to_value(&broken).expect("a verdict is names and numbers");
            dropped.metadata.insert("dropped".to_owned(), why);
            (Fate::Goes(dropped), row)
        }
        _ => {
            tally.keep(&document.id, &document.text);
            (Fate::Stays(document), row)
        }
    }
}

/// Takes a document that `segments[at]` dropped through the rest of the rules, from the one with the column `verdict` on:
/// as it leaves them, and the values they measured. Barriers are passed over.
pub(super) fn go_on(
    segments: &[Segment],
    at: usize,
    verdict: &str,
    mut document: Document,
) -> (Document, Vec<(String, Option<Value>)>) {
    let owner = verdict.rsplit_once('.').map_or(verdict, |(stage, _)| stage);
    let stages = &segments[at].stages;
    // A barrier of this name stands before all of them.
    let from = stages.iter().position(|stage| stage.name() == owner).unwrap_or(0);
    let rest = stages[from..].iter().chain(segments[at + 1..].iter().flat_map(|segment| &segment.stages));
    let mut values = Vec::new();
    for stage in rest {
        let mut answer = stage.ask(&Page::new(&document), true);
        values.extend(stage.column_names().iter().cloned().zip(answer.values.drain(..)));
        answer.change(&mut document);
    }
    (document, values)
}
