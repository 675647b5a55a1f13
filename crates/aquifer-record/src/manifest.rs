//! `manifest.json`: what a run was made of, so that it can be done again and compared.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Begun. A manifest says so until the run ends; [`RunFolder::status`](crate::RunFolder::status) finds out whether
    /// a process still works on it.
    #[default]
    Running,
    /// Cut off: it was running, and no process works on it. Found out by looking, never written down.
    Interrupted,
    /// Stopped by request and saved.
    Stopped,
    /// Ended as planned.
    Finished,
    /// Ended by an error.
    Failed,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Status::Running => "running",
            Status::Interrupted => "interrupted",
            Status::Stopped => "stopped",
            Status::Finished => "finished",
            Status::Failed => "failed",
        })
    }
}

/// What a run was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The run's name.
    pub name: String,
    /// Version of Aquifer.
    pub version: String,
    /// When it began, RFC 3339.
    pub created: String,
    /// The command line that began it.
    pub command: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// The seed.
    pub seed: u64,
    /// Precision of matrix products with the order of bf16 ones: `bf16/pair`.
    pub precision: String,
    /// Instructions used.
    pub isa: String,
    /// The processor.
    pub cpu: String,
    /// Threads used.
    pub threads: usize,
    /// Parameters of the model.
    #[serde(default)]
    pub parameters: u64,
    /// SHA-256 by what: `recipe`, `data`, `tokenizer`, `weights`.
    #[serde(default)]
    pub hashes: BTreeMap<String, String>,
    /// The headline results, by name, for lists and comparisons.
    #[serde(default)]
    pub results: BTreeMap<String, f64>,
    /// What training read of each source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixture: Vec<SourceUse>,
    /// Seconds each stage took, in order.
    #[serde(default)]
    pub stages: Vec<(String, f64)>,
    /// The reason for each choice that was made for the person.
    #[serde(default)]
    pub choices: Vec<(String, String)>,
    /// What went wrong, for a failed run.
    #[serde(default)]
    pub error: Option<String>,
}

/// What training read of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceUse {
    /// The source: `data`, or as the recipe's mixture names it.
    pub name: String,
    /// Documents of which some part was read, each once an epoch.
    pub documents: u64,
    /// Tokens learned, each once an epoch.
    pub tokens: u64,
    /// How often it was gone through.
    pub epochs: f64,
}

impl Manifest {
    /// When it began, to the minute: `2026-11-22 18:37`, in UTC.
    pub fn begun(&self) -> String {
        self.created.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
    }
}
