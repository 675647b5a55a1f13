//! The conversation between a rule and whoever asks it: values one way, "go on" or "enough" the other.

use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Something a rule found out about a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A measurement.
    Number(f64),
    /// A name, such as a language.
    Label(String),
}

/// Where a value should lie.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bound {
    /// The least a number may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The most a number may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The names a label may have; any, where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
}

impl Bound {
    /// Anything may stay: the column is only written down.
    pub fn anything() -> Self {
        Bound::default()
    }

    /// A number of at least so much.
    pub fn at_least(least: f64) -> Self {
        Bound { at_least: Some(least), ..Bound::default() }
    }

    /// A number of at most so much.
    pub fn at_most(most: f64) -> Self {
        Bound { at_most: Some(most), ..Bound::default() }
    }

    /// A number from `least` to `most`, both included.
    pub fn between(least: f64, most: f64) -> Self {
        Bound { at_least: Some(least), at_most: Some(most), ..Bound::default() }
    }

    /// Whether the value lies inside. A value that is not a number lies inside no bound of numbers.
    pub fn holds(&self, value: &Value) -> bool {
        match value {
            Value::Number(x) => {
                self.at_least.is_none_or(|least| *x >= least) && self.at_most.is_none_or(|most| *x <= most)
            }
            Value::Label(name) => self.one_of.is_empty() || self.one_of.contains(name),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, "from {least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) if self.one_of.is_empty() => f.write_str("anything"),
            (None, None) => write!(f, "one of {}", self.one_of.join(", ")),
        }
    }
}

/// One value a rule measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name inside the rule: `words`.
    pub name: &'static str,
    /// What it is, in a line, with its unit.
    pub about: &'static str,
    /// Whether its values are names, not numbers.
    pub label: bool,
    /// Where it should lie.
    pub bound: Bound,
    /// What datatrove calls a value below and above the bound; empty where it has no such rule.
    pub peer: [&'static str; 2],
}

impl Column {
    /// A column of numbers with its bound.
    pub fn new(name: &'static str, about: &'static str, bound: Bound) -> Self {
        Column { name, about, label: false, bound, peer: ["", ""] }
    }

    /// A column of names with those that may stay; any, where there are none.
    pub fn label(name: &'static str, about: &'static str, one_of: &[&str]) -> Self {
        let one_of = one_of.iter().map(|&name| name.to_owned()).collect();
        Column { label: true, ..Column::new(name, about, Bound { one_of, ..Bound::default() }) }
    }

    /// With datatrove's reasons for a value below and above the bound.
    pub fn peer(mut self, below: &'static str, above: &'static str) -> Self {
        self.peer = [below, above];
        self
    }
}

/// Takes a rule's values, and says whether to go on.
pub struct Asked<'a> {
    bounds: &'a [Bound],
    all: bool,
    pub(super) values: Vec<Option<Value>>,
    pub(super) broken: Option<usize>,
    pub(super) text: Option<String>,
    pub(super) metadata: Vec<(String, Option<serde_json::Value>)>,
    pub(super) edits: Vec<&'static str>,
}

impl<'a> Asked<'a> {
    /// Asks for every value, or, unless `all`, for those up to the first that breaks its bound.
    pub(super) fn new(bounds: &'a [Bound], all: bool) -> Self {
        let values = vec![None; bounds.len()];
        Asked { bounds, all, values, broken: None, text: None, metadata: Vec::new(), edits: Vec::new() }
    }

    /// A number for the column of this index.
    pub fn number(&mut self, column: usize, value: f64) -> ControlFlow<()> {
        self.value(column, Value::Number(value))
    }

    /// A name for the column of this index.
    pub fn label(&mut self, column: usize, name: impl Into<String>) -> ControlFlow<()> {
        self.value(column, Value::Label(name.into()))
    }

    /// The text as it goes on from here: a new version, which later rules measure.
    pub fn text(&mut self, text: String) {
        self.text = Some(text);
    }

    /// Says what was done to the text, for people: `control characters`.
    pub fn edited(&mut self, what: &'static str) {
        self.edits.push(what);
    }

    /// Sets a field of the metadata, or removes it.
    pub fn metadata(&mut self, key: impl Into<String>, value: Option<serde_json::Value>) {
        self.metadata.push((key.into(), value));
    }

    fn value(&mut self, column: usize, value: Value) -> ControlFlow<()> {
        let holds = self.bounds[column].holds(&value);
        self.values[column] = Some(value);
        if !holds && self.broken.is_none() {
            self.broken = Some(column);
        }
        if self.broken.is_some() && !self.all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_ends_at_the_first_broken_bound_unless_all_is_asked() {
        let bounds = [Bound::at_least(1.0), Bound::at_most(2.0), Bound::anything()];
        let rule = |ask: &mut Asked| {
            ask.number(0, 1.0)?;
            ask.number(1, f64::NAN)?;
            ask.label(2, "en")
        };
        let mut ask = Asked::new(&bounds, false);
        assert!(rule(&mut ask).is_break());
        assert_eq!((ask.broken, &ask.values[2]), (Some(1), &None));
        let mut ask = Asked::new(&bounds, true);
        assert!(rule(&mut ask).is_continue());
        assert_eq!((ask.broken, ask.values[2].clone()), (Some(1), Some(Value::Label("en".into()))));
    }

    #[test]
    fn a_bound_reads_as_words_and_as_toml() {
        let bound: Bound = toml::from_str("at_least = 0.5\nat_most = 3").unwrap();
        assert_eq!(bound, Bound::between(0.5, 3.0));
        assert_eq!(bound.to_string(), "from 0.5 to 3");
        assert!(toml::from_str::<Bound>("atleast = 1").unwrap_err().to_string().contains("atleast"));
        let languages = Bound { one_of: vec!["en".into(), "zh".into()], ..Bound::default() };
        assert!(languages.holds(&Value::Label("zh".into())) && !languages.holds(&Value::Label("fr".into())));
        assert_eq!(languages.to_string(), "one of en, zh");
    }
}
