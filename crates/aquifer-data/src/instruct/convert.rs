//! From one layout to another, saying what is lost.

use super::check::{bad_rows, check};
use super::example::Example;
use super::format::Format;
use super::rows::Set;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A set in another layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Converted {
    /// Its rows.
    pub rows: Vec<Map<String, Value>>,
    /// Why examples were left out, and how many for each reason.
    pub left_out: BTreeMap<&'static str, usize>,
    /// What the layout cannot say, and of how many rows it was lost.
    pub lost: BTreeMap<&'static str, usize>,
}

/// Writes every example without an error. Fields that belong to no layout (a source, a score) are kept.
pub fn convert(set: &Set, to: Format) -> Converted {
    let bad = bad_rows(&check(set));
    let mut converted = Converted::default();
    for example in &set.examples {
        let written = match bad.contains(&example.row) {
            true => Err("errors (`check` names them)"),
            false => to_row(example, to),
        };
        match written {
            Ok((row, lost)) => {
                converted.rows.push(row);
                lost.into_iter().for_each(|what| *converted.lost.entry(what).or_default() += 1);
            }
            Err(why) => *converted.left_out.entry(why).or_default() += 1,
        }
    }
    // Of rows that could not be read there is no example to count.
    let read: BTreeSet<usize> = set.examples.iter().map(|example| example.row).collect();
    let unread = bad.difference(&read).count();
    if unread > 0 {
        *converted.left_out.entry("errors (`check` names them)").or_default() += unread;
    }
    converted
}

/// One example as a row, with its id and its other fields, and what was lost.
///
/// # Errors
/// Why the layout cannot hold it.
pub fn to_row(example: &Example, to: Format) -> Result<(Map<String, Value>, Vec<&'static str>), &'static str> {
    let (fields, lost) = to.write(example)?;
    let mut row = Map::new();
    row.insert("id".to_owned(), Value::from(example.id.as_str()));
    row.extend(fields);
    for (name, value) in &example.extra {
        row.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    Ok((row, lost))
}
