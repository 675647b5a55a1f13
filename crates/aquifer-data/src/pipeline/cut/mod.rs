//! Cutting again: which documents stay by another condition, without measuring anything twice.
//!
//! The condition takes the place of all bounds of the recipe. Of documents that are copies of each other one stays, chosen
//! among those for which the condition holds. A document that was dropped, and whose values behind that point the condition
//! asks for, is taken from where it was dropped through the rest of the rules; so is every one that comes back, for what
//! the stages behind would have changed in its text.

mod expression;
mod out;
mod survivors;
mod table;

pub use expression::{Condition, ConditionError};
pub use out::CutTo;

use super::PipelineError;
use super::run::Pipeline;
use super::segment::go_on;
use crate::dedup::Keep;
use crate::rules::Value;
use aquifer_corpus::Document;
use aquifer_record::data::Size;
use aquifer_record::progress::Unit;
use aquifer_record::{Progress, Stop};
use arrow_schema::Schema;
use out::{Out, Vocabulary};
use serde::Serialize;
use std::collections::BTreeMap;
use survivors::Survivors;
use table::PartTable;

/// What a cut came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CutOutcome {
    /// Documents of the run.
    pub documents: u64,
    /// Those that stay.
    pub kept: Size,
    /// Of these, how many the run had dropped.
    pub rescued: u64,
    /// Documents that were measured again, from where they had been dropped.
    pub measured: u64,
    /// Rescued documents that were never compared with others, by the stage that would have done it.
    pub not_compared: Vec<(String, u64)>,
    /// Documents, bytes and tokens of each set of shards that was written.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shards: BTreeMap<String, Size>,
}

/// A finished run, to be cut again.
pub struct Cut<'a> {
    pipeline: &'a Pipeline,
    schema: Schema,
    discarded: bool,
}

impl<'a> Cut<'a> {
    /// Looks at a finished run.
    pub fn of(pipeline: &'a Pipeline) -> Self {
        Cut { pipeline, schema: table::schema(pipeline), discarded: pipeline.recipe.discard }
    }

    /// All columns of the run.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Finds the documents for which the condition holds, of copies the one that `keep` chooses (all, if it is none), and,
    /// where `out` is given, writes them there, in order.
    ///
    /// # Errors
    /// For files that cannot be read or written; where dropped documents are needed and were discarded.
    pub fn run(
        &self,
        condition: &Condition,
        keep: Option<Keep>,
        out: Option<CutTo>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Option<CutOutcome>, PipelineError> {
        let parts = self.pipeline.size().0;
        let bar = progress.bar("columns", Some(parts as u64), Unit::Count("files"));
        let mut survivors = Survivors::new(self.pipeline, keep);
        let mut outcome = CutOutcome::default();
        for part in 0..parts {
            if stop.requested() {
                return Ok(None);
            }
            let table = PartTable::read(self.pipeline, part, condition.columns())?;
            outcome.documents += table.rows() as u64;
            let mut holds: Vec<Option<bool>> = condition.holds(table.values())?.iter().collect();
            // Whether it holds for those that were dropped may depend on what was not measured.
            let unsure: Vec<usize> =
                (0..holds.len()).filter(|&i| holds[i].is_none() && table.dropped_in(i).is_some()).collect();
            if !unsure.is_empty() {
                self.needs_dropped()?;
                outcome.measured += unsure.len() as u64;
                self.again(part, &table, &unsure, |i, _, values| {
                    holds[i] = condition.holds(&table.with(i, values))?.iter().next().flatten();
                    Ok(())
                })?;
            }
            survivors.add(part, &table, &holds);
            bar.advance(1);
        }
        drop(bar);
        let stays = survivors.decide();
        outcome.kept = survivors.size();
        outcome.rescued = survivors.rescued();
        outcome.not_compared = survivors.not_compared();
        if let Some(to) = out {
            let Some(shards) = self.write(&stays, to, progress, stop)? else { return Ok(None) };
            outcome.shards = shards;
        }
        Ok(Some(outcome))
    }

    fn needs_dropped(&self) -> Result<(), PipelineError> {
        let why = "its dropped documents were thrown away (discard = true), and this cut would bring some back";
        let refused = || PipelineError::Recipe { origin: "this run".to_owned(), why: why.to_owned() };
        if self.discarded { Err(refused()) } else { Ok(()) }
    }

    /// Takes the dropped documents in these rows of a part, ascending, through the rest of the rules.
    fn again(
        &self,
        part: usize,
        table: &PartTable,
        rows: &[usize],
        mut each: impl FnMut(usize, Document, Vec<(String, Option<Value>)>) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        for segment in 0..self.pipeline.segments.len() {
            let mine: Vec<usize> = rows.iter().copied().filter(|&row| table.dropped_in(row) == Some(segment)).collect();
            if mine.is_empty() {
                continue;
            }
            let all = table.dropped_rows(segment);
            let mut wanted = mine.iter().copied().peekable();
            for (row, document) in all.iter().zip(self.pipeline.dropped_documents(segment, part)?) {
                let document = document?;
                if wanted.next_if_eq(row).is_some() {
                    let verdict = table.verdict(*row).unwrap_or_default();
                    let source = self.pipeline.source_of(part);
                    let (document, values) = go_on(&self.pipeline.segments, segment, source, verdict, document);
                    each(*row, document, values)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the documents that stay; `None` if it was stopped.
    fn write(
        &self,
        stays: &[Vec<bool>],
        to: CutTo,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Option<BTreeMap<String, Size>>, PipelineError> {
        let bar = progress.bar("documents", Some(stays.len() as u64), Unit::Count("files"));
        let vocabulary = Vocabulary::of(self.pipeline, to)?;
        let mut out = Out::begin(self.pipeline, to, vocabulary.as_ref())?;
        for (part, stays) in stays.iter().enumerate() {
            if stop.requested() {
                return Ok(None);
            }
            let table = PartTable::read(self.pipeline, part, &[])?;
            let back: Vec<usize> = (0..stays.len()).filter(|&i| stays[i] && table.dropped_in(i).is_some()).collect();
            let mut rescued = Vec::with_capacity(back.len());
            if !back.is_empty() {
                self.needs_dropped()?;
                self.again(part, &table, &back, |row, document, _| {
                    rescued.push((row, document));
                    Ok(())
                })?;
                rescued.sort_by_key(|(row, _)| *row);
            }
            let mut rescued = rescued.into_iter().peekable();
            let kept = self.pipeline.kept_documents(part)?;
            let rows = (0..stays.len()).filter(|&row| table.dropped_in(row).is_none());
            for (row, document) in rows.zip(kept) {
                while let Some((_, back)) = rescued.next_if(|(other, _)| *other < row) {
                    out.put(part, back)?;
                }
                if stays[row] {
                    out.put(part, document?)?;
                }
            }
            rescued.try_for_each(|(_, back)| out.put(part, back))?;
            bar.advance(1);
        }
        out.finish().map(Some)
    }
}
