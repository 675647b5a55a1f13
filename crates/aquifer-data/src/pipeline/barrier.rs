//! Stages that compare documents with each other: each document leaves a mark, and once all have, every one is told which
//! cluster it belongs to and whether it is the member that stays.

use super::PipelineError;
use super::layout::Layout;
use crate::dedup::exact;
use crate::rules::{Bound, Broken, Column, RuleError, Value, options};
use aquifer_corpus::Document;
use aquifer_record::{FileError, write_atomic_bytes};
use serde::Deserialize;

/// A way to find copies, under a name.
pub(super) struct Barrier {
    name: String,
    method: Method,
    columns: Vec<(String, Column)>,
}

/// What a barrier found out about one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// The place of the cluster's earliest member among all documents that met the barrier.
    pub(super) cluster: u64,
    /// How many belong to it.
    pub(super) size: u64,
    /// Whether this is a copy of a member that stays.
    pub(super) copy: bool,
}

impl Decision {
    const BYTES: usize = 17;

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.cluster.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.copy));
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Decision { cluster: number(0), size: number(8), copy: bytes[16] != 0 }
    }
}

enum Method {
    /// Texts equal but for case and white space.
    Exact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// The ways there are.
const METHODS: &str = "exact";

const COPY: usize = 2;

impl Barrier {
    /// Builds one from its table: `dedup` names the method, `name` renames the stage.
    pub(super) fn build(mut table: toml::Table) -> Result<Self, RuleError> {
        let mut text = |key: &str| match table.remove(key) {
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(RuleError::Options(format!("`{key}` should be a string, it is {}", other.type_str()))),
            None => Ok(None),
        };
        let asked = text("dedup")?.unwrap_or_default();
        let name = text("name")?.unwrap_or_else(|| asked.clone());
        let method = match asked.as_str() {
            "exact" => options::<NoOptions>(table).map(|_| Method::Exact)?,
            other => {
                return Err(RuleError::Options(format!(
                    "there is no way to find duplicates called `{other}`; there are {METHODS}"
                )));
            }
        };
        let columns = [
            Column::new("cluster", "place of the earliest member of its cluster", Bound::anything()),
            Column::new("size", "documents in its cluster", Bound::anything()),
            Column::new("copy", "1 for a copy of a document that stays", Bound::at_most(0.0)),
        ];
        let columns = columns.map(|column| (format!("{name}.{}", column.name), column)).to_vec();
        Ok(Barrier { name, method, columns })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns under their full names.
    pub(super) fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// What a decision means: its values, and why a copy goes.
    pub(super) fn ask(&self, decision: Decision) -> (Vec<Option<Value>>, Option<Broken>) {
        let values = [decision.cluster as f64, decision.size as f64, f64::from(u8::from(decision.copy))];
        let values = values.map(Value::Number);
        let (column, bound) = (&self.columns[COPY].0, &self.columns[COPY].1.bound);
        let broken = (!bound.holds(&values[COPY])).then(|| Broken {
            column: column.clone(),
            value: values[COPY].clone(),
            bound: bound.clone(),
        });
        (values.map(Some).to_vec(), broken)
    }

    /// What a document leaves behind.
    pub(super) fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        match self.method {
            Method::Exact => out.extend(exact::mark(&document.text)),
        }
    }

    /// Decides about all documents from the marks of all parts before segment `segment`, and writes what was decided.
    pub(super) fn decide(&self, layout: &Layout, segment: usize, parts: usize) -> Result<(), PipelineError> {
        let mut marks: Vec<([u8; exact::MARK], u64)> = Vec::new();
        let mut counts = Vec::with_capacity(parts);
        for part in 0..parts {
            let path = layout.marks(segment - 1, part);
            let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
            let (records, rest) = bytes.as_chunks::<{ exact::MARK }>();
            if !rest.is_empty() {
                let why = format!("{} bytes are no whole number of marks", bytes.len());
                return Err(PipelineError::Damaged { path, why });
            }
            counts.push(records.len());
            let first = marks.len() as u64;
            marks.extend(records.iter().enumerate().map(|(i, mark)| (*mark, first + i as u64)));
        }
        marks.sort_unstable();
        let mut decisions = vec![Decision { cluster: 0, size: 0, copy: false }; marks.len()];
        for cluster in marks.chunk_by(|a, b| a.0 == b.0) {
            let (first, size) = (cluster[0].1, cluster.len() as u64);
            for (_, at) in cluster {
                decisions[*at as usize] = Decision { cluster: first, size, copy: *at != first };
            }
        }
        let mut rest = decisions.as_slice();
        for (part, count) in counts.into_iter().enumerate() {
            let (own, others) = rest.split_at(count);
            rest = others;
            let mut bytes = Vec::with_capacity(count * Decision::BYTES);
            own.iter().for_each(|decision| decision.write(&mut bytes));
            write_atomic_bytes(&layout.decisions(segment, part), &bytes)?;
        }
        Ok(())
    }
}

/// What was decided about the documents of a part, in order.
pub(super) fn decisions(layout: &Layout, segment: usize, part: usize) -> Result<Vec<Decision>, PipelineError> {
    let path = layout.decisions(segment, part);
    let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
    if bytes.len() % Decision::BYTES != 0 {
        let why = format!("{} bytes are no whole number of decisions", bytes.len());
        return Err(PipelineError::Damaged { path, why });
    }
    Ok(bytes.chunks_exact(Decision::BYTES).map(Decision::read).collect())
}
