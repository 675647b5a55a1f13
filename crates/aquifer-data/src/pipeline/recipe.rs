//! `pipeline.toml`: what is done to documents, in order.

use super::barrier::Barrier;
use super::{PRESETS, PipelineError};
use crate::rules::{RuleError, Stage};
use aquifer_corpus::ReadOptions;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A recipe, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What to read.
    #[serde(default)]
    pub input: Input,
    /// Measure every rule on every document, also behind the first that drops it, so that the documents can be cut again
    /// by any bound without measuring anything again. Costs time; otherwise a document's values end where it was dropped.
    #[serde(default)]
    pub measure_all: bool,
    /// Throw dropped documents away. Their values and the reason stay.
    #[serde(default)]
    pub discard: bool,
    /// The stages: tables with a `rule`, or with a `dedup`.
    #[serde(default, rename = "stage")]
    pub stages: Vec<toml::Table>,
    #[serde(skip)]
    origin: String,
}

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Files and folders; those named on the command line take their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// Field or column that holds the text, where it is not `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_field: Option<String>,
}

/// Rules between two barriers, with the barrier before them.
pub(super) struct Segment {
    pub(super) barrier: Option<Barrier>,
    pub(super) stages: Vec<Stage>,
}

impl Recipe {
    /// Reads a recipe; `origin` names it in errors. The stages are built once, so that a recipe that parses also runs.
    ///
    /// # Errors
    /// For whatever is no recipe: TOML that is none, unknown keys, rules or columns there are not.
    pub fn parse(text: &str, origin: &str) -> Result<Self, PipelineError> {
        let refused = |why: String| PipelineError::Recipe { origin: origin.to_owned(), why };
        let mut recipe: Recipe = toml::from_str(text).map_err(|e| refused(e.to_string().trim_end().to_owned()))?;
        recipe.origin = origin.to_owned();
        if recipe.stages.is_empty() {
            return Err(refused(
                "it has no [[stage]]: name at least one, such as rule = \"gopher_quality\"".to_owned(),
            ));
        }
        recipe.segments()?;
        Ok(recipe)
    }

    /// One of the [`PRESETS`](super::PRESETS); `None` for a name there is not.
    pub fn preset(name: &str) -> Option<Self> {
        let preset = PRESETS.iter().find(|preset| preset.name == name)?;
        Some(Recipe::parse(preset.text, name).expect("presets are recipes, as their test shows"))
    }

    /// The same with this stage at its end.
    pub fn then<'a>(mut self, stage: impl IntoIterator<Item = (&'a str, toml::Value)>) -> Self {
        self.stages.push(stage.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        self
    }

    /// The recipe as TOML, all that was left out written down.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("tables, strings and numbers are TOML")
    }

    pub(super) fn read_options(&self) -> ReadOptions {
        // Many rows are on their way at once: a line may be as long as a page, not longer.
        let max_line_bytes = ReadOptions::default().max_page_bytes;
        ReadOptions { text_field: self.input.text_field.clone(), max_line_bytes, ..ReadOptions::default() }
    }

    /// The stages, built, in segments; a barrier begins a new one.
    pub(super) fn segments(&self) -> Result<Vec<Segment>, PipelineError> {
        let mut segments = vec![Segment { barrier: None, stages: Vec::new() }];
        let mut names: Vec<String> = Vec::new();
        for (at, table) in self.stages.iter().enumerate() {
            let failed = |cause: RuleError| PipelineError::Stage { origin: self.origin.clone(), number: at + 1, cause };
            let name = match is_barrier(table) {
                true => {
                    let barrier = Barrier::build(table.clone()).map_err(failed)?;
                    let name = barrier.name().to_owned();
                    segments.push(Segment { barrier: Some(barrier), stages: Vec::new() });
                    name
                }
                false => {
                    let stage = Stage::build(table.clone()).map_err(failed)?;
                    let name = stage.name().to_owned();
                    segments.last_mut().expect("there is one from the start").stages.push(stage);
                    name
                }
            };
            if names.contains(&name) {
                let why = format!("two stages are called `{name}`: give one of them another `name`");
                return Err(failed(RuleError::Options(why)));
            }
            names.push(name);
        }
        Ok(segments)
    }
}

/// Whether a stage compares documents with each other.
pub(super) fn is_barrier(stage: &toml::Table) -> bool {
    stage.contains_key("dedup")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_read_whole_or_refused_with_the_place() {
        let refused = |text: &str| Recipe::parse(text, "p.toml").unwrap_err().to_string();
        assert!(refused("").contains("no [[stage]]"));
        assert!(refused("inptu = 3").contains("inptu"));
        assert!(
            refused("[[stage]]\nrule = \"noise\"\n[[stage]]\nrule = \"noice\"").contains("stage 2: there is no rule")
        );
        assert!(refused("[[stage]]\nrule = \"noise\"\n[[stage]]\nrule = \"noise\"").contains("two stages are called"));
        let text =
            "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"exact\"\n[[stage]]\nrule = \"noise\"\nname = \"again\"";
        let recipe = Recipe::parse(text, "p.toml").unwrap();
        let segments = recipe.segments().unwrap();
        assert_eq!(segments.iter().map(|s| s.stages.len()).collect::<Vec<_>>(), [1, 1]);
        let mut again = Recipe::parse(&recipe.to_toml(), "p.toml").unwrap();
        again.origin.clone_from(&recipe.origin);
        assert_eq!(again, recipe);
    }
}
