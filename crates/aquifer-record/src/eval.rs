//! `eval.json`: what a model scored, beside its baselines.

use crate::figures;
use serde::{Deserialize, Serialize};

/// Everything one evaluation found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// The model, for people.
    pub model: String,
    /// One entry a task.
    pub tasks: Vec<TaskScore>,
    /// Seconds it took.
    #[serde(default)]
    pub seconds: f64,
}

/// One task's score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskScore {
    /// `heldout text`, `questions`, ….
    pub task: String,
    /// `bits per byte`, `accuracy`, ….
    pub metric: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Items or bytes scored.
    pub n: u64,
    /// Tokens of text scored, and how many there are in all; for tasks that score running text.
    #[serde(default)]
    pub tokens: Option<[u64; 2]>,
    /// The score.
    pub value: f64,
    /// Its 95 % interval, where one is defined.
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
    /// The same items scored by something simpler: `chance`, `5-gram`.
    #[serde(default)]
    pub baselines: Vec<Baseline>,
    /// The score of each kind of item.
    #[serde(default)]
    pub by_kind: Vec<KindScore>,
    /// Why the score may be as it is, where that is worth a sentence.
    #[serde(default)]
    pub note: Option<String>,
}

impl TaskScore {
    /// On how much it was scored: so many questions, or bytes and tokens of text and which part if not all of it.
    pub fn scope(&self) -> String {
        let n = figures::count(self.n);
        match self.tokens {
            None if crate::measure::is_share(&self.metric) => format!("{n} questions"),
            None => format!("{n} bytes"),
            Some([tokens, all]) if tokens < all => {
                format!("{n} bytes, the first {} of {} tokens", figures::count(tokens), figures::count(all))
            }
            Some([tokens, _]) => format!("{n} bytes, {} tokens", figures::count(tokens)),
        }
    }
}

/// A simpler scorer's value on the same items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// Its score.
    pub value: f64,
}

/// The score on one kind of item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KindScore {
    /// The kind.
    pub kind: String,
    /// Items.
    pub n: u64,
    /// The score.
    pub value: f64,
}
