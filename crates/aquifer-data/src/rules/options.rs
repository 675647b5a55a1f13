//! A rule's table in a recipe, and what can be wrong with it.

use serde::de::DeserializeOwned;

/// A table of a recipe that makes no rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// No rule of that name.
    #[error("there is no rule `{name}`{}; the rules are {known}", alike.as_ref().map(|a| format!(" (did you mean `{a}`?)")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest one there is.
        alike: Option<String>,
        /// All there are.
        known: String,
    },
    /// A key is missing, unknown or of another kind.
    #[error("{0}")]
    Options(String),
    /// A file the rule needs cannot be used.
    #[error("cannot use `{}`: {cause}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// What is the matter, and what to do.
        cause: String,
    },
}

/// The options of a rule from what is left of its table; their type says which keys there are.
pub fn options<T: DeserializeOwned>(table: toml::Table) -> Result<T, RuleError> {
    toml::Value::Table(table).try_into().map_err(|e: toml::de::Error| RuleError::Options(e.message().to_owned()))
}

/// The candidate most like `name`, if one is like it at all.
pub(crate) fn most_alike<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|c| (strsim::normalized_damerau_levenshtein(name, c), c));
    scored.filter(|(score, _)| *score > 0.5).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}
