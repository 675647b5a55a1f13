//! Perf records: one measurement each, one JSON object a line, whoever measured it.

pub mod import;
mod roof;

pub use roof::{Bound, Roof, Work};

use crate::FileError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One measurement: what was measured, on what, and what came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerfRecord {
    /// The list it belongs to: `device`, `ops`, `model`, `flagperf`, `mlperf training 4.0`, ….
    pub suite: String,
    /// The operator, the model and what it did, or the quantity.
    pub name: String,
    /// The extents that matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<u64>,
    /// Type of the numbers in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// How products are rounded, with the order of bf16 ones: `bf16/pair`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Instructions used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// The processor or accelerator.
    pub chip: String,
    /// How many of them worked together, where not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chips: Option<u64>,
    /// Threads used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
    /// Whether the caches held the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// The level of memory it was about, or that holds the data: `L1`, `L2`, `L3`, `DRAM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The unit of `median`: `s`, `FLOP/s`, `B/s`, `tokens/s`, ….
    pub unit: String,
    /// The median of the samples; of a single one, that one.
    pub median: f64,
    /// The lower end of the median's 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Its upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The best sample: what the machine does when nobody disturbs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    /// How many samples there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// Bytes that must be read at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes that must be written at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
    /// Multiplications and additions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops: Option<f64>,
    /// What bounds the speed on this machine: a kind of arithmetic or a level of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The speed as a share of what that bound allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_peak: Option<f64>,
    /// Largest difference from the reference, over the root mean square of what the reference gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// What the error may be at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<f64>,
    /// Versions of the programs involved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// When it was measured, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The file it was read from, for records that were published elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whatever else was said: memory used, parallelism, submitter, shares of a step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// Whether the caches held the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Call after call on the same data.
    Warm,
    /// Everything else was touched in between.
    Cold,
}

impl State {
    /// As in the file.
    pub const fn name(self) -> &'static str {
        match self {
            State::Warm => "warm",
            State::Cold => "cold",
        }
    }
}

impl PerfRecord {
    /// What two records of the same measurement on other machines or versions have in common.
    pub fn key(&self) -> Key {
        Key {
            suite: self.suite.clone(),
            name: self.name.clone(),
            shape: self.shape.clone(),
            kind: [&self.dtype, &self.precision, &self.level].map(Clone::clone),
            state: self.state,
            unit: self.unit.clone(),
        }
    }

    /// Whether more of `unit` is better; seconds and the like are better when fewer.
    pub fn more_is_better(&self) -> bool {
        self.unit.ends_with("/s")
    }
}

/// See [`PerfRecord::key`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// [`PerfRecord::suite`].
    pub suite: String,
    /// [`PerfRecord::name`].
    pub name: String,
    /// [`PerfRecord::shape`].
    pub shape: Vec<u64>,
    /// Type, precision and level.
    pub kind: [Option<String>; 3],
    /// [`PerfRecord::state`].
    pub state: Option<State>,
    /// [`PerfRecord::unit`].
    pub unit: String,
}

/// Records that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PerfError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line of it.
    #[error("`{}`, line {line}, is no perf record: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// The records of a file, in order; empty lines are skipped.
///
/// # Errors
/// If the file cannot be read or one of its lines is no record.
pub fn read(path: &Path) -> Result<Vec<PerfRecord>, PerfError> {
    let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let record = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| PerfError::Line {
            path: path.to_path_buf(),
            line: i + 1,
            why: e.to_string(),
        })
    };
    lines.map(record).collect()
}

/// Writes records, one a line, whole or not at all.
///
/// # Errors
/// Whatever the system says, with the path.
pub fn write(path: &Path, records: &[PerfRecord]) -> Result<(), FileError> {
    crate::write_atomic(path, |out| records.iter().try_for_each(|record| writeln!(out, "{}", line(record))))
}

/// A record as it stands in a file, without the line's end.
pub fn line(record: &PerfRecord) -> String {
    serde_json::to_string(record).expect("a perf record is plain numbers and text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "\\PC*",
            shape in proptest::collection::vec(0_u64..9999, 0..4),
            median in 1e-12_f64..1e15,
            low in proptest::option::of(0.0_f64..1.0),
            cold in proptest::option::of(proptest::bool::ANY),
            fact in proptest::option::of("\\PC*"),
        ) {
            let record = PerfRecord {
                suite: "ops".into(),
                name,
                shape,
                median,
                low,
                unit: "s".into(),
                state: cold.map(|cold| if cold { State::Cold } else { State::Warm }),
                facts: fact.into_iter().map(|fact| ("said".to_owned(), fact)).collect(),
                ..PerfRecord::default()
            };
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("records.jsonl");
            write(&path, &[record.clone(), PerfRecord::default()]).unwrap();
            prop_assert_eq!(read(&path).unwrap(), vec![record, PerfRecord::default()]);
        }
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        std::fs::write(&path, format!("{}\n\n{{\"suite\": 3}}\n", line(&PerfRecord::default()))).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("line 3") && message.contains("records.jsonl"), "{message}");
        // A later version may say more; what is known is kept.
        std::fs::write(&path, line(&PerfRecord::default()).replace('{', "{\"colour\":\"blue\",")).unwrap();
        assert_eq!(read(&path).unwrap(), [PerfRecord::default()]);
    }
}
