//! `pipeline.toml`: what is done to documents, in order.

use super::barrier::Barrier;
use super::{PRESETS, PipelineError, Shards};
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
    /// What to read where it comes from several sources, in place of `input`.
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
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
    /// What becomes of the documents that stay, if it is not to end with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
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

/// One of several sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is called: stages name it, and its shards lie in a folder of this name.
    pub name: String,
    /// Files and folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// Field or column that holds the text, where it is not `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_field: Option<String>,
    /// Part of the documents that stay which becomes tokens, drawn by lot.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub sample: f64,
    /// Its part in the tokens that training reads, in any unit; by size, if no source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

fn all() -> f64 {
    1.0
}

fn is_all(sample: &f64) -> bool {
    *sample == 1.0
}

/// Rules between two barriers, with the barrier before them.
pub(super) struct Segment {
    pub(super) barrier: Option<Barrier>,
    pub(super) stages: Vec<Stage>,
    /// For each stage, which sources it asks; all, if none are named.
    only: Vec<Option<Vec<usize>>>,
}

impl Segment {
    fn new(barrier: Option<Barrier>) -> Self {
        Segment { barrier, stages: Vec::new(), only: Vec::new() }
    }

    /// The stages, each with whether it asks documents of this source.
    pub(super) fn stages_for(&self, source: usize) -> impl Iterator<Item = (&Stage, bool)> {
        let asks = move |only: &Option<Vec<usize>>| only.as_ref().is_none_or(|only| only.contains(&source));
        self.stages.iter().zip(self.only.iter().map(asks))
    }
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
        if let Some(why) = recipe.fault_of_sources() {
            return Err(refused(why));
        }
        recipe.segments()?;
        Ok(recipe)
    }

    /// Something in this recipe that cannot be.
    pub(super) fn refused(&self, why: String) -> PipelineError {
        PipelineError::Recipe { origin: self.origin.clone(), why }
    }

    fn fault_of_sources(&self) -> Option<String> {
        for (at, source) in self.sources.iter().enumerate() {
            let Source { name, sample, weight, .. } = source;
            let fine = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.starts_with('.') || name == "tokenizer" || !name.chars().all(fine) {
                return Some(format!("`{name}` cannot name a source: use letters, digits, `-`, `_` and `.`"));
            }
            if self.sources[..at].iter().any(|other| other.name == *name) {
                return Some(format!("two sources are called `{name}`"));
            }
            if !(*sample > 0.0 && *sample <= 1.0) {
                return Some(format!(
                    "`sample` of source `{name}` should be above 0 and at most 1, it is {sample}: what is to be read more \
                     than once gets a `weight`"
                ));
            }
            if weight.is_some_and(|weight| !(weight > 0.0 && weight.is_finite())) {
                return Some(format!("`weight` of source `{name}` should be above 0: leave the source out instead"));
            }
        }
        let weighted = self.sources.iter().filter(|source| source.weight.is_some()).count();
        if weighted > 0 && weighted < self.sources.len() {
            return Some("some sources have a `weight` and others have none: give one to all, or to none".to_owned());
        }
        let taken = !self.input.paths.is_empty() || self.input.text_field.is_some();
        (taken && !self.sources.is_empty())
            .then(|| "it has [input] and [[source]]: one takes the other's place".to_owned())
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

    /// How the files of a source are read.
    pub(super) fn read_options(&self, source: usize) -> ReadOptions {
        let text_field = self.sources.get(source).map_or(&self.input.text_field, |source| &source.text_field);
        // Many rows are on their way at once: a line may be as long as a page, not longer.
        let max_line_bytes = ReadOptions::default().max_page_bytes;
        ReadOptions { text_field: text_field.clone(), max_line_bytes, ..ReadOptions::default() }
    }

    /// The stages, built, in segments; a barrier begins a new one.
    pub(super) fn segments(&self) -> Result<Vec<Segment>, PipelineError> {
        let mut segments = vec![Segment::new(None)];
        let mut names: Vec<String> = Vec::new();
        for (at, table) in self.stages.iter().enumerate() {
            let failed = |cause: RuleError| PipelineError::Stage { origin: self.origin.clone(), number: at + 1, cause };
            let name = match is_barrier(table) {
                true => {
                    let barrier = Barrier::build(table.clone()).map_err(failed)?;
                    let name = barrier.name().to_owned();
                    segments.push(Segment::new(Some(barrier)));
                    name
                }
                false => {
                    let mut table = table.clone();
                    let only = self.only(&mut table).map_err(failed)?;
                    let stage = Stage::build(table).map_err(failed)?;
                    let name = stage.name().to_owned();
                    let segment = segments.last_mut().expect("there is one from the start");
                    segment.stages.push(stage);
                    segment.only.push(only);
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

    /// The sources that a stage names in `sources`, taken from its table.
    fn only(&self, table: &mut toml::Table) -> Result<Option<Vec<usize>>, RuleError> {
        let Some(named) = table.remove("sources") else { return Ok(None) };
        let named: Vec<String> =
            named.try_into().map_err(|_| RuleError::Options("`sources` should be a list of names".to_owned()))?;
        let find = |name: &String| {
            self.sources.iter().position(|source| source.name == *name).ok_or_else(|| {
                let names: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
                RuleError::Options(format!("there is no [[source]] called `{name}`; there are: {}", names.join(", ")))
            })
        };
        named.iter().map(find).collect::<Result<Vec<usize>, RuleError>>().map(Some)
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
