//! The columns of a stage under their full names, with the bounds of its recipe: what asking it goes by.

use super::options::most_alike;
use super::{Answer, Asked, Bound, Broken, Column, RuleError};
use std::ops::ControlFlow;

/// What a stage measures.
pub(crate) struct Measures {
    columns: Vec<Column>,
    names: Vec<String>,
    bounds: Vec<Bound>,
}

/// Takes out of a stage's table what reads as a bound of a column. An option of the same form would be ambiguous, so there
/// is none.
pub(crate) fn take_bounds(table: &mut toml::Table) -> Vec<(String, Bound)> {
    let mut bounds = Vec::new();
    table.retain(|key, value| match value.as_table().map(|_| value.clone().try_into::<Bound>()) {
        Some(Ok(bound)) => {
            bounds.push((key.to_string(), bound));
            false
        }
        _ => true,
    });
    bounds
}

impl Measures {
    /// The columns of `what` (`rule `noise``), under the name of the stage, with these bounds in the place of their own.
    ///
    /// # Errors
    /// For a bound of a column there is not, saying which there are.
    pub(crate) fn new(
        what: &str,
        stage: &str,
        mut columns: Vec<Column>,
        bounds: Vec<(String, Bound)>,
    ) -> Result<Self, RuleError> {
        for (key, bound) in bounds {
            let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
            let Some(at) = names.iter().position(|name| *name == key) else {
                let alike = most_alike(&key, names.iter().copied()).map(|a| format!(" (did you mean `{a}`?)"));
                return Err(RuleError::Options(format!(
                    "{what} has no column `{key}`{}; its columns are {}",
                    alike.unwrap_or_default(),
                    names.join(", ")
                )));
            };
            columns[at].bound = bound;
        }
        let names = columns.iter().map(|column| format!("{stage}.{}", column.name)).collect();
        let bounds = columns.iter().map(|column| column.bound.clone()).collect();
        Ok(Measures { columns, names, bounds })
    }

    /// The columns, with the bounds of the recipe.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Their names, with the stage's before a dot.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// What `measure` says: all of it, or up to the first bound that breaks.
    pub(crate) fn ask(&self, all: bool, measure: impl FnOnce(&mut Asked) -> ControlFlow<()>) -> Answer {
        let mut ask = Asked::new(&self.bounds, all);
        let _ = measure(&mut ask);
        let verdict = ask.broken.and_then(|column| {
            let value = ask.values[column].clone()?;
            Some(Broken { column: self.names[column].clone(), value, bound: self.bounds[column].clone() })
        });
        Answer { values: ask.values, verdict, text: ask.text, metadata: ask.metadata, edits: ask.edits }
    }
}
