//! A rule as a recipe asks for it: under a name, with its bounds.

use super::measures::{Measures, take_bounds};
use super::options::most_alike;
use super::{Bound, Column, Page, RULES, Rule, RuleError, Value};
use aquifer_corpus::Document;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A rule with a name and bounds.
pub struct Stage {
    name: String,
    rule: Box<dyn Rule>,
    measures: Measures,
}

/// What a stage says of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// A value for each column; `None` for what was not asked, or has no value for this text.
    pub values: Vec<Option<Value>>,
    /// The first bound that broke.
    pub verdict: Option<Broken>,
    /// The text as it goes on, where the rule edits it.
    pub text: Option<String>,
    /// Fields of the metadata that it sets, or removes.
    pub metadata: Vec<(String, Option<serde_json::Value>)>,
    /// What was done to the text, for people.
    pub edits: Vec<&'static str>,
}

impl Answer {
    /// Changes the document as the rule says; returns the text it had before, if it has another one now.
    pub fn change(&mut self, document: &mut Document) -> Option<String> {
        for (key, value) in std::mem::take(&mut self.metadata) {
            match value {
                Some(value) => drop(document.metadata.insert(key, value)),
                None => drop(document.metadata.shift_remove(&key)),
            }
        }
        match self.text.take() {
            Some(text) if text != document.text => Some(std::mem::replace(&mut document.text, text)),
            _ => None,
        }
    }
}

/// Why a document was dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The column, with its stage: `gopher_quality.words`.
    pub column: String,
    /// What was measured.
    pub value: Value,
    /// Where it should lie.
    pub bound: Bound,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Broken { column, value, bound } = self;
        match value {
            Value::Number(x) => write!(f, "{column} is {}, it should be {bound}", aquifer_record::figures::number(*x)),
            Value::Label(name) => write!(f, "{column} is {name}, it should be {bound}"),
        }
    }
}

impl Stage {
    /// Builds a rule from its table: `rule` names it, `name` renames it, keys named after columns are bounds, all others
    /// the rule's own options.
    ///
    /// # Errors
    /// For a rule, a column or an option there is not, saying which there are.
    pub fn build(mut table: toml::Table) -> Result<Self, RuleError> {
        let mut text = |key: &str| match table.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(RuleError::Options(format!("`{key}` should be a string, it is {}", other.type_str()))),
        };
        let asked = text("rule")?.ok_or_else(|| RuleError::Options("a stage should name its `rule`".to_owned()))?;
        let name = text("name")?.unwrap_or_else(|| asked.clone());
        let known = RULES.iter().find(|known| known.name == asked).ok_or_else(|| {
            let names: Vec<&str> = RULES.iter().map(|known| known.name).collect();
            let alike = most_alike(&asked, names.iter().copied()).map(str::to_owned);
            RuleError::Unknown { name: asked.clone(), alike, known: names.join(", ") }
        })?;
        let bounds = take_bounds(&mut table);
        let place = |e: RuleError| match e {
            RuleError::Options(e) => RuleError::Options(format!("rule `{asked}`: {e}")),
            other => other,
        };
        let rule = (known.build)(table).map_err(place)?;
        let measures = Measures::new(&format!("rule `{asked}`"), &name, rule.columns(), bounds)?;
        Ok(Stage { name, rule, measures })
    }

    /// Its name: the rule's, unless the recipe gives another.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns, with the bounds of the recipe.
    pub fn columns(&self) -> &[Column] {
        self.measures.columns()
    }

    /// The names of its columns, with its own before a dot.
    pub fn column_names(&self) -> &[String] {
        self.measures.names()
    }

    /// Measures a page: all of it, or up to the first bound that breaks.
    pub fn ask(&self, page: &Page, all: bool) -> Answer {
        self.measures.ask(all, |ask| self.rule.measure(page, ask))
    }

    /// Where in the text a column's value comes from.
    pub fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        self.rule.spans(page, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_makes_a_stage_or_says_what_is_wrong_with_it() {
        let refused = |table: toml::Table| Stage::build(table).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refused(toml::toml! { rule = "noice" }).contains("did you mean `noise`?"));
        let message = refused(toml::toml! { rule = "noise" leters = { at_least = 1 } });
        assert!(message.contains("did you mean `letters`?"), "{message}");
        assert!(refused(toml::toml! { rule = "noise" size = 3 }).contains("size"));
        assert!(refused(toml::toml! { rule = 3 }).contains("should be a string"));
        assert!(refused(toml::Table::new()).contains("should name its `rule`"));
        let stage = Stage::build(toml::toml! { rule = "noise" name = "first" }).unwrap();
        assert_eq!(stage.column_names()[0], "first.letters");
    }

    #[test]
    fn a_verdict_reads_as_a_sentence() {
        let stage = Stage::build(toml::toml! { rule = "noise" }).unwrap();
        let document = Document::new("d", "#$%^ &*() a");
        let broken = stage.ask(&Page::new(&document), false).verdict.unwrap();
        assert_eq!(broken.to_string(), "noise.letters is 0.111, it should be at least 0.5");
    }
}
