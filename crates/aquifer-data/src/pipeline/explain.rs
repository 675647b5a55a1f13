//! Why a document stayed or went: every rule asked again, with the places in the text that its values come from.

use super::barrier::Decision;
use super::run::Pipeline;
use super::{PipelineError, columns};
use crate::rules::{Bound, Page, Value};
use aquifer_corpus::{Document, read_files};
use aquifer_record::Stop;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use serde::Serialize;

/// A document's way through a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Its id.
    pub id: String,
    /// The input file it came from.
    pub file: String,
    /// The stage that dropped it, unless it stayed.
    pub dropped_by: Option<String>,
    /// Every stage it met, in order; after the one that dropped it, those it would have met.
    pub stages: Vec<Step>,
}

/// What one stage says of a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The stage.
    pub stage: String,
    /// Its values.
    pub columns: Vec<Measured>,
    /// Characters of the text before and after, where the stage changed it.
    pub edited: Option<(usize, usize)>,
}

/// One value, where it should lie, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The column.
    pub column: String,
    /// What it is.
    pub about: String,
    /// The value; `None` where the rule has none for this text.
    pub value: Option<Value>,
    /// Where it should lie.
    pub bound: Bound,
    /// Whether it does.
    pub holds: bool,
    /// For a value that does not: the pieces of text it comes from, the first few.
    pub places: Vec<String>,
}

/// Pieces of text shown for a value.
const PLACES: usize = 5;
/// Characters of each.
const SHOWN: usize = 160;

impl Pipeline {
    /// Explains the first document of this id; `None` if the run met none.
    ///
    /// # Errors
    /// For files of the run or of the input that cannot be read, or are not what they were.
    pub fn explain(&self, id: &str, stop: &Stop) -> Result<Option<Explained>, PipelineError> {
        for part in 0..self.files.len() {
            if stop.requested() {
                return Ok(None);
            }
            let (_, tables) = columns::read(&self.layout.columns(0, part), Some(&["id", "row"]))?;
            let place = tables.iter().find_map(|table| {
                let at = table.column(0).as_string::<i32>().iter().position(|other| other == Some(id))?;
                Some(table.column(1).as_primitive::<UInt64Type>().value(at))
            });
            if let Some(row) = place {
                return self.explained(part, row).map(Some);
            }
        }
        Ok(None)
    }

    fn explained(&self, part: usize, row: u64) -> Result<Explained, PipelineError> {
        let file = &self.files[part];
        let changed = || PipelineError::Damaged {
            path: file.path.clone(),
            why: "it is not the file that the run read".to_owned(),
        };
        let documents = read_files(vec![file.clone()], &self.recipe.read_options());
        let mut document = documents.flatten().nth(row as usize).ok_or_else(changed)?;
        let mut said =
            Explained { id: document.id.clone(), file: file.name.clone(), dropped_by: None, stages: Vec::new() };
        for (at, segment) in self.segments.iter().enumerate() {
            if let Some(barrier) = &segment.barrier
                && let Some(decision) = self.decision(at, part, row, barrier.columns().len())?
            {
                let (values, _) = barrier.ask(decision);
                let columns = barrier.columns().iter().zip(values);
                let columns = columns.map(|((name, column), value)| measured(name, column.about, value, &column.bound));
                said.step(barrier.name(), columns.collect(), None);
            }
            for stage in &segment.stages {
                document = said.ask(stage, document);
            }
        }
        Ok(said)
    }

    /// What a barrier decided about the document in this row, if it met it.
    fn decision(&self, at: usize, part: usize, row: u64, columns: usize) -> Result<Option<Decision>, PipelineError> {
        let (_, tables) = columns::read(&self.layout.columns(at, part), None)?;
        let find = |table: &RecordBatch| {
            let rows = table.column(1).as_primitive::<UInt64Type>().values();
            let i = rows.binary_search(&row).ok()?;
            let value = |at: usize| table.column(columns::BEFORE + at).as_primitive::<Float64Type>();
            let number = |at: usize| value(at).value(i);
            let similarity = (columns > 3 && value(3).is_valid(i)).then(|| number(3));
            Some(Decision { cluster: number(0) as u64, size: number(1) as u64, copy: number(2) > 0.0, similarity })
        };
        Ok(tables.iter().find_map(find))
    }
}

impl Explained {
    fn step(&mut self, stage: &str, columns: Vec<Measured>, edited: Option<(usize, usize)>) {
        if self.dropped_by.is_none() && columns.iter().any(|column| !column.holds) {
            self.dropped_by = Some(stage.to_owned());
        }
        self.stages.push(Step { stage: stage.to_owned(), columns, edited });
    }

    /// Asks one stage, and hands the document on as it leaves it.
    fn ask(&mut self, stage: &crate::rules::Stage, mut document: Document) -> Document {
        let page = Page::new(&document);
        let mut answer = stage.ask(&page, true);
        let mut found = Vec::new();
        for (at, (value, column)) in answer.values.drain(..).zip(stage.columns()).enumerate() {
            let mut one = measured(&stage.column_names()[at], column.about, value, &column.bound);
            if !one.holds {
                let spans = stage.spans(&page, at).into_iter().take(PLACES);
                one.places = spans.filter_map(|span| document.text.get(span)).map(shown).collect();
            }
            found.push(one);
        }
        let before = document.text.chars().count();
        let edited = answer.change(&mut document).map(|_| (before, document.text.chars().count()));
        self.step(stage.name(), found, edited);
        document
    }
}

fn measured(name: &str, about: &str, value: Option<Value>, bound: &Bound) -> Measured {
    let holds = value.as_ref().is_none_or(|value| bound.holds(value));
    Measured {
        column: name.to_owned(),
        about: about.to_owned(),
        value,
        bound: bound.clone(),
        holds,
        places: Vec::new(),
    }
}

fn shown(piece: &str) -> String {
    let mut text: String = piece.chars().take(SHOWN).collect();
    if text.len() < piece.len() {
        text.push('…');
    }
    text
}
