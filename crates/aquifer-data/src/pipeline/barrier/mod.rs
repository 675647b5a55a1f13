//! Stages that compare documents with each other: each document leaves a mark, and once all have, something is decided about
//! every one of them, which is then asked like a rule.

mod copies;
mod earlier;
mod marks;
mod method;
mod trims;

use super::PipelineError;
use super::layout::Layout;
use crate::dedup::spill::Spill;
use crate::rules::{Answer, Asked, Column, Measures, RuleError, Value, take_bounds};
use aquifer_corpus::Document;
use aquifer_text::words::Language;
pub(super) use marks::decisions;
use marks::{Decisions, Marks};
use std::ops::ControlFlow;
use std::path::Path;

/// A comparison under a name.
pub(super) struct Barrier {
    name: String,
    compare: Box<dyn Compare>,
    measures: Measures,
}

/// A way to compare documents. Marks and decisions are bytes, for they lie on the disk; what they mean is its own affair.
trait Compare: Send + Sync {
    /// What asking it measures, with the bounds of its source.
    fn columns(&self) -> Vec<Column>;

    /// Writes what a document is compared by.
    fn mark(&self, document: &Document, out: &mut Vec<u8>);

    /// Whether what it needs of earlier runs can be used; asked before the work begins.
    fn check(&self) -> Result<(), PipelineError> {
        Ok(())
    }

    /// Decides about all documents, and hands the decisions to `decided` in their order. What later runs are to know of these
    /// documents goes to `index`, where the recipe asks for it.
    fn decide(&self, marks: &Marks, spill: Spill, index: &Path, decided: &mut Decisions) -> Result<(), PipelineError>;

    /// Measures a document by what was decided about it, and edits it where that is the comparison's purpose.
    fn measure(&self, document: &Document, decision: &[u8], ask: &mut Asked) -> ControlFlow<()>;

    /// The decision behind the values it measured.
    fn recall(&self, values: &[Option<Value>]) -> Vec<u8>;

    /// Bytes of memory that deciding takes whatever the bound.
    fn holds(&self) -> u64 {
        0
    }

    /// Whether its first columns are `cluster`, `size` and `copy`.
    fn has_clusters(&self) -> bool {
        false
    }

    /// Whether the column behind these is `earlier`.
    fn has_earlier(&self) -> bool {
        false
    }
}

/// The ways there are.
const METHODS: &str = "exact, url, near, minhash, simhash, semantic, sentences, lines, paragraphs, substrings, bloom";

impl Barrier {
    /// Builds one from its table: `dedup` names the method, `name` renames the stage, keys named after columns are bounds.
    pub(super) fn build(mut table: toml::Table) -> Result<Self, RuleError> {
        let asked = take_text(&mut table, "dedup")?.unwrap_or_default();
        let name = take_text(&mut table, "name")?.unwrap_or_else(|| asked.clone());
        let bounds = take_bounds(&mut table);
        let place = |e: RuleError| match e {
            RuleError::Options(e) => RuleError::Options(format!("dedup `{asked}`: {e}")),
            other => other,
        };
        let compare = match asked.as_str() {
            "exact" | "url" | "near" | "minhash" | "simhash" | "semantic" => copies::build(&asked, &name, table),
            "sentences" | "lines" | "paragraphs" | "substrings" | "bloom" => trims::build(&asked, &name, table),
            other => {
                let why = format!("there is no way to find duplicates called `{other}`; there are {METHODS}");
                return Err(RuleError::Options(why));
            }
        };
        let compare = compare.map_err(place)?;
        let measures = Measures::new(&format!("dedup `{asked}`"), &name, compare.columns(), bounds)?;
        Ok(Barrier { name, compare, measures })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns with their bounds.
    pub(super) fn columns(&self) -> &[Column] {
        self.measures.columns()
    }

    /// Their full names.
    pub(super) fn column_names(&self) -> &[String] {
        self.measures.names()
    }

    /// The column with the place of a document's cluster, where it tells clusters.
    pub(super) fn clusters(&self) -> Option<&str> {
        self.compare.has_clusters().then(|| self.measures.names()[0].as_str())
    }

    /// Bytes of memory it takes whatever the bound.
    pub(super) fn holds(&self) -> u64 {
        self.compare.holds()
    }

    /// The column that tells which documents an earlier run met, where it is compared with one.
    pub(super) fn earlier(&self) -> Option<&str> {
        self.compare.has_earlier().then(|| self.measures.names()[3].as_str())
    }

    /// Whether what it needs of earlier runs can be used.
    pub(super) fn check(&self) -> Result<(), PipelineError> {
        self.compare.check()
    }

    /// What a document leaves behind.
    pub(super) fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        marks::put(out, |out| self.compare.mark(document, out));
    }

    /// Decides about all documents from the marks of all parts before segment `segment`, and writes what was decided. What
    /// has to be sorted is sorted within `memory`, on disk where it does not fit.
    pub(super) fn decide(
        &self,
        layout: &Layout,
        segment: usize,
        parts: usize,
        memory: usize,
    ) -> Result<(), PipelineError> {
        let marks = Marks::open(layout, segment - 1, parts)?;
        let mut decided = Decisions::new(layout, segment, marks.counts());
        let spill = Spill { memory, folder: layout.work() };
        self.compare.decide(&marks, spill, &layout.index(&self.name), &mut decided)?;
        decided.finish()
    }

    /// What a decision means for a document.
    pub(super) fn ask(&self, document: &Document, decision: &[u8], all: bool) -> Answer {
        self.measures.ask(all, |ask| self.compare.measure(document, decision, ask))
    }

    /// What the same decision, known by its values, means for a document.
    pub(super) fn ask_again(&self, document: &Document, values: &[Option<Value>]) -> Answer {
        self.ask(document, &self.compare.recall(values), true)
    }
}

fn take_text(table: &mut toml::Table, key: &str) -> Result<Option<String>, RuleError> {
    match table.remove(key) {
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(RuleError::Options(format!("`{key}` should be a string, it is {}", other.type_str()))),
        None => Ok(None),
    }
}

/// The language whose words are compared.
fn take_language(table: &mut toml::Table) -> Result<Language, RuleError> {
    let wrong = |e: toml::de::Error| RuleError::Options(e.message().to_owned());
    table.remove("language").map_or(Ok(Language::default()), |name| name.try_into().map_err(wrong))
}

/// The number in this place; 0 where there is none.
fn number(values: &[Option<Value>], at: usize) -> f64 {
    match values.get(at) {
        Some(Some(Value::Number(x))) => *x,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
