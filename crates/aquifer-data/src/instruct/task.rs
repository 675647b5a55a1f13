//! Prompts for work on instruction data, in our own words, each a TOML file with gaps.

use crate::label::fill;
use aquifer_client::Question;
use aquifer_record::sha256_hex;
use serde::Deserialize;

/// A prompt and the limits of its answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    /// Its name, kept in the lineage of what it made.
    pub(super) name: String,
    /// What the model is told first.
    system: String,
    /// The question, with gaps.
    prompt: String,
    /// The longest answer.
    max_tokens: u32,
    /// 0 where there is one right answer.
    temperature: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    task: Vec<Task>,
}

impl Task {
    /// The tasks of a file of ours.
    pub(super) fn all(text: &str) -> Vec<Task> {
        let file: File = toml::from_str(text).expect("our own file is sound");
        file.task
    }

    /// The question with its gaps filled.
    pub(super) fn question(&self, model: &str, values: &[(&str, &str)]) -> Question {
        let prompt = fill(&self.prompt, |name| values.iter().find(|(known, _)| *known == name).map(|(_, text)| *text));
        Question {
            system: Some(self.system.clone()),
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            ..Question::new(model, prompt)
        }
    }

    /// What tells this wording from another: the SHA-256 of its prompt, before gaps are filled.
    pub(super) fn hash(&self) -> String {
        sha256_hex(format!("{}\n{}", self.system, self.prompt).as_bytes())
    }

    /// Checks the gaps.
    #[cfg(test)]
    pub(super) fn check(&self, known: &[&str], needed: &[&str]) -> Result<(), String> {
        crate::label::check_gaps(&self.prompt, known, needed)
    }
}
