//! Why a document stayed or went: every rule asked again, with the places in the text that its values come from.

use super::run::Pipeline;
use super::{PipelineError, columns};
use crate::rules::{Answer, Bound, Column, Page, Stage, Value};
use aquifer_corpus::{Document, read_files};
use aquifer_record::Stop;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use serde::Serialize;
use std::ops::Range;

/// A document's way through a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Its id.
    pub id: String,
    /// How many documents of the run have this id: rows keep theirs, and input files may repeat each other's.
    pub of_this_id: usize,
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
    /// Explains the first document of this id, or of `FILE#n` the n-th document that file has, if none has this id; `None` if
    /// the run met none, or if it was stopped.
    ///
    /// # Errors
    /// For files of the run or of the input that cannot be read, or are not what they were.
    pub fn explain(&self, id: &str, stop: &Stop) -> Result<Option<Explained>, PipelineError> {
        let named = id.rsplit_once('#').and_then(|(name, n)| Some((name, n.parse::<u64>().ok()?.checked_sub(1)?)));
        let (mut of_this_id, mut first, mut by_place) = (0, None, None);
        for part in 0..self.files.len() {
            if stop.requested() {
                return Ok(None);
            }
            let (_, tables) = columns::read(&self.layout.columns(0, part), Some(&["id", "row"]))?;
            let wanted = named.filter(|(name, _)| *name == self.files[part].name);
            for table in &tables {
                let rows = table.column(1).as_primitive::<UInt64Type>().values();
                for (at, other) in table.column(0).as_string::<i32>().iter().enumerate() {
                    if other == Some(id) {
                        of_this_id += 1;
                        first.get_or_insert((part, rows[at]));
                    }
                }
                if let Some((_, row)) = wanted
                    && rows.contains(&row)
                {
                    by_place = Some((part, row));
                }
            }
        }
        let Some((part, row)) = first.or(by_place) else { return Ok(None) };
        let told = self.explained(part, row)?;
        Ok(Some(Explained { of_this_id: of_this_id.max(1), ..told }))
    }

    fn explained(&self, part: usize, row: u64) -> Result<Explained, PipelineError> {
        let file = &self.files[part];
        let changed = || PipelineError::Damaged {
            path: file.path.clone(),
            why: "it is not the file that the run read".to_owned(),
        };
        let documents = read_files(vec![file.clone()], &self.recipe.read_options(self.source_of(part)));
        let mut document = documents.flatten().nth(row as usize).ok_or_else(changed)?;
        let (id, file) = (document.id.clone(), file.name.clone());
        let mut said = Explained { id, of_this_id: 1, file, dropped_by: None, stages: Vec::new() };
        for (at, segment) in self.segments.iter().enumerate() {
            if let Some(barrier) = &segment.barrier
                && let Some(values) = self.met(at, part, row, barrier.columns().len())?
            {
                let answer = barrier.ask_again(&document, &values);
                let columns = barrier.column_names().iter().zip(barrier.columns());
                document = said.step(barrier.name(), columns, answer, document, |_| Vec::new());
            }
            for (stage, _) in segment.stages_for(self.source_of(part)).filter(|(_, asks)| *asks) {
                document = said.ask(stage, document);
            }
        }
        Ok(said)
    }

    /// What a barrier measured of the document in this row, if it met it.
    fn met(
        &self,
        at: usize,
        part: usize,
        row: u64,
        columns: usize,
    ) -> Result<Option<Vec<Option<Value>>>, PipelineError> {
        let (_, tables) = columns::read(&self.layout.columns(at, part), None)?;
        let find = |table: &RecordBatch| {
            let rows = table.column(1).as_primitive::<UInt64Type>().values();
            let i = rows.binary_search(&row).ok()?;
            let value = |column: &ArrayRef| {
                let number = column.as_primitive_opt::<Float64Type>().map(|c| Value::Number(c.value(i)));
                let label = || column.as_string_opt::<i32>().map(|c| Value::Label(c.value(i).to_owned()));
                number.or_else(label).filter(|_| column.is_valid(i))
            };
            Some(table.columns()[columns::BEFORE..][..columns].iter().map(value).collect())
        };
        Ok(tables.iter().find_map(find))
    }
}

impl Explained {
    /// Asks one stage, and hands the document on as it leaves it.
    fn ask(&mut self, stage: &Stage, document: Document) -> Document {
        let (answer, places) = {
            let page = Page::new(&document);
            let answer = stage.ask(&page, true);
            let broken = |at: usize| !holds(&answer.values[at], &stage.columns()[at].bound);
            let place = |span: Range<usize>| document.text.get(span).map(shown);
            let places = |at: usize| stage.spans(&page, at).into_iter().take(PLACES).filter_map(place).collect();
            let all = 0..stage.columns().len();
            let places: Vec<Vec<String>> = all.map(|at| if broken(at) { places(at) } else { Vec::new() }).collect();
            (answer, places)
        };
        let columns = stage.column_names().iter().zip(stage.columns());
        self.step(stage.name(), columns, answer, document, |at| places[at].clone())
    }

    fn step<'a>(
        &mut self,
        stage: &str,
        columns: impl Iterator<Item = (&'a String, &'a Column)>,
        mut answer: Answer,
        mut document: Document,
        places: impl Fn(usize) -> Vec<String>,
    ) -> Document {
        let values = std::mem::take(&mut answer.values).into_iter().enumerate();
        let measured = |((name, column), (at, value)): ((&String, &Column), (usize, Option<Value>))| Measured {
            column: name.clone(),
            about: column.about.to_owned(),
            holds: holds(&value, &column.bound),
            bound: column.bound.clone(),
            places: places(at),
            value,
        };
        let columns: Vec<Measured> = columns.zip(values).map(measured).collect();
        if self.dropped_by.is_none() && columns.iter().any(|column| !column.holds) {
            self.dropped_by = Some(stage.to_owned());
        }
        let before = document.text.chars().count();
        let edited = answer.change(&mut document).map(|_| (before, document.text.chars().count()));
        self.stages.push(Step { stage: stage.to_owned(), columns, edited });
        document
    }
}

fn holds(value: &Option<Value>, bound: &Bound) -> bool {
    value.as_ref().is_none_or(|value| bound.holds(value))
}

fn shown(piece: &str) -> String {
    let mut text: String = piece.chars().take(SHOWN).collect();
    if text.len() < piece.len() {
        text.push('…');
    }
    text
}
