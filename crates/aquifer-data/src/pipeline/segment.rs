//! One document on its way through the rules of a segment.

use super::columns::Row;
use super::recipe::Segment;
use super::tally::{StageTally, Tally};
use crate::rules::{Answer, Bound, Broken, Page, Value};
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
    source: usize,
    document: Document,
    row: u64,
    decision: Option<Vec<u8>>,
    all: bool,
    tally: &mut Tally,
) -> (Fate, Row) {
    let bytes = document.text.len() as u64;
    let mut way = Way { document, all, values: Vec::new(), broken: None, dropped: None };
    let mut tallies = tally.stages.iter_mut();
    if let (Some(barrier), Some(decision)) = (&segment.barrier, decision) {
        let tally = tallies.next().expect("the barrier has one");
        way.meet(barrier.name(), barrier.columns().len(), tally, |d| barrier.ask(d, &decision, all));
    }
    for ((stage, asks), tally) in segment.stages_for(source).zip(tallies) {
        match asks {
            true => way.meet(stage.name(), stage.columns().len(), tally, |d| stage.ask(&Page::new(d), all)),
            false => way.pass_by(stage.columns().len()),
        }
    }
    let Way { document, values, broken, dropped, .. } = way;
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

/// How far a document got.
struct Way {
    document: Document,
    /// Whether it goes on to be asked behind the stage that drops it.
    all: bool,
    values: Vec<Option<Value>>,
    broken: Option<Broken>,
    /// The document as it was when it was dropped.
    dropped: Option<Document>,
}

impl Way {
    /// Leaves one stage unasked.
    fn pass_by(&mut self, columns: usize) {
        self.values.resize(self.values.len() + columns, None);
    }

    /// Asks one stage of so many columns.
    fn meet(&mut self, name: &str, columns: usize, tally: &mut StageTally, ask: impl FnOnce(&Document) -> Answer) {
        if self.broken.is_some() && !self.all {
            return self.pass_by(columns);
        }
        if self.broken.is_none() {
            tally.enter(self.document.text.len());
        }
        let mut answer = ask(&self.document);
        self.values.append(&mut answer.values);
        let nothing_left =
            || Broken { column: format!("{name}.text"), value: Value::Number(0.0), bound: Bound::at_least(1.0) };
        let empty = answer.text.as_ref().is_some_and(|text| text.trim().is_empty());
        let verdict = answer.verdict.take().or_else(|| empty.then(nothing_left));
        if let Some(verdict) = verdict.filter(|_| self.broken.is_none()) {
            tally.drop(&self.document.id, &verdict, &self.document.text);
            self.dropped = Some(self.document.clone());
            self.broken = Some(verdict);
        }
        let before = answer.change(&mut self.document);
        if self.broken.is_none() {
            tally.leave(self.document.text.len());
            if let Some(before) = before {
                tally.edit(&self.document.id, &answer.edits, &before, &self.document.text);
            }
        }
    }
}

/// Takes a document of a source that `segments[at]` dropped through the rest of the rules, from the one with the column `verdict` on:
/// as it leaves them, and the values they measured. Barriers are passed over.
pub(super) fn go_on(
    segments: &[Segment],
    at: usize,
    source: usize,
    verdict: &str,
    mut document: Document,
) -> (Document, Vec<(String, Option<Value>)>) {
    let owner = verdict.rsplit_once('.').map_or(verdict, |(stage, _)| stage);
    // A barrier of this name stands before all of them.
    let from = segments[at].stages.iter().position(|stage| stage.name() == owner).unwrap_or(0);
    let rest = segments[at..].iter().flat_map(|segment| segment.stages_for(source)).skip(from);
    let mut values = Vec::new();
    for (stage, _) in rest.filter(|(_, asks)| *asks) {
        let mut answer = stage.ask(&Page::new(&document), true);
        values.extend(stage.column_names().iter().cloned().zip(answer.values.drain(..)));
        answer.change(&mut document);
    }
    (document, values)
}
