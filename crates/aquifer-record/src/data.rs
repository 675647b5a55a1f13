//! `data.json`: what happened to the documents on their way to token shards.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The funnel from raw documents to tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// Where the documents came from, for people.
    pub source: String,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// Inputs that could not be read, the first few: what, where, why.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// How many inputs were skipped in all.
    #[serde(default)]
    pub skipped_total: u64,
    /// What a generator planted and what the stages caught; only where the truth is known.
    #[serde(default)]
    pub planted: Vec<Planted>,
    /// Statements about the data that were checked, such as that no held-out question leaks.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Documents, bytes and tokens of each split, by name (`train`, `heldout`).
    #[serde(default)]
    pub splits: BTreeMap<String, Size>,
    /// Documents by language or script.
    #[serde(default)]
    pub languages: BTreeMap<String, u64>,
    /// What was measured, column by column.
    #[serde(default)]
    pub columns: Vec<ColumnReport>,
    /// A few of the documents that stay.
    #[serde(default)]
    pub kept: Vec<Example>,
}

/// The values of one column over the documents that have one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnReport {
    /// The column, with its stage.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Which version of the text it was measured on: 0 as it came, one more behind every stage that may edit.
    pub version: usize,
    /// Where it should lie, in words.
    pub bound: String,
    /// The least it may be.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// The most it may be.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// How its numbers are spread.
    #[serde(default)]
    pub histogram: Option<Histogram>,
    /// Its names, each with how many documents stayed and went.
    #[serde(default)]
    pub labels: BTreeMap<String, [u64; 2]>,
}

/// Documents by value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Whether the bars are equally wide in the logarithm.
    pub logarithmic: bool,
    /// Ends of the bars, one more than there are bars; what lies outside counts to the outermost.
    pub edges: Vec<f64>,
    /// Documents that stayed.
    pub stayed: Vec<u64>,
    /// Documents that went, for this value or another.
    pub went: Vec<u64>,
}

/// One stage of the funnel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// `read`, `repair`, `exact duplicates`, ….
    pub name: String,
    /// What came in.
    pub input: Size,
    /// What went on.
    pub output: Size,
    /// Documents dropped, by reason.
    #[serde(default)]
    pub reasons: BTreeMap<String, u64>,
    /// Documents that went on changed.
    #[serde(default)]
    pub repaired: u64,
    /// Documents that went on changed, by what was changed; one may count under several.
    #[serde(default)]
    pub repairs: BTreeMap<String, u64>,
    /// A few of the dropped or edited documents.
    #[serde(default)]
    pub examples: Vec<Example>,
}

/// How much text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Documents.
    pub documents: u64,
    /// UTF-8 bytes.
    pub bytes: u64,
    /// Tokens, once there are any.
    #[serde(default)]
    pub tokens: u64,
}

/// One document that a stage dropped or changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// The rule, the measured value and the threshold.
    pub why: String,
    /// The beginning of its text.
    pub text: String,
}

/// An input that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// File and line.
    pub at: String,
    /// The reason.
    pub why: String,
}

/// Planted defects of one kind against what was caught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    /// `exact duplicates`, `near duplicates`, `mojibake`, ….
    pub kind: String,
    /// How many were planted.
    pub planted: u64,
    /// How many of these were caught.
    pub caught: u64,
}

/// A statement about the data that was checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The statement.
    pub claim: String,
    /// Whether it holds.
    pub holds: bool,
    /// The counts behind it.
    pub evidence: String,
}
