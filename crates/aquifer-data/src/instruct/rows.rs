//! Files of rows: a JSON array, or one object a line, each packed with gzip or Zstandard or not; or a Parquet file.

use super::example::Example;
use super::finding::{Finding, Kind};
use super::format::{Format, Reading};
use aquifer_corpus::{NumberedRow, ReadError, parquet_rows, read_unpacked};
use serde_json::{Map, Value};
use std::path::Path;

/// What a file held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// The layout of most rows.
    pub format: Option<Format>,
    /// How many rows there were.
    pub rows: usize,
    /// What could be read, in order.
    pub examples: Vec<Example>,
    /// What is wrong with fields, in the order of rows.
    pub findings: Vec<Finding>,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstructError {
    /// Not as bytes.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It holds no rows.
    #[error("`{0}` holds no rows: a JSON array of objects was expected, one object a line, or a Parquet file")]
    Empty(String),
    /// No row has a layout known here.
    #[error(
        "no row of `{name}` has a layout known here; the first has the fields {fields}. Known are alpaca (instruction, output), sharegpt (conversations), messages, and preference (chosen, rejected)"
    )]
    NoFormat {
        /// The file.
        name: String,
        /// Of the first row.
        fields: String,
    },
}

/// Reads a file of up to `max_bytes` once it is unpacked. Without a `format` each row's is told by its fields.
///
/// # Errors
/// When it cannot be read, is larger, or holds nothing that looks like instruction data. Bad rows are findings.
pub fn read(path: &Path, format: Option<Format>, max_bytes: u64) -> Result<Set, InstructError> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let rows = match path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("parquet")) {
        true => parquet_rows(path, max_bytes)?,
        false => rows(&read_unpacked(path, max_bytes)?),
    };
    read_rows(rows, &name, format)
}

/// [`read`], of bytes at hand; `name` is for ids and messages.
///
/// # Errors
/// As [`read`].
pub fn read_text(bytes: &[u8], name: &str, format: Option<Format>) -> Result<Set, InstructError> {
    read_rows(rows(bytes), name, format)
}

fn read_rows(rows: Vec<NumberedRow>, name: &str, format: Option<Format>) -> Result<Set, InstructError> {
    let mut set = Set { rows: rows.len(), ..Set::default() };
    let known = |row: &Result<Map<String, Value>, String>| format.or_else(|| Format::of_row(row.as_ref().ok()?));
    let count = |format: Format| rows.iter().filter(|(_, row)| known(row) == Some(format)).count();
    set.format = Format::ALL.into_iter().rev().max_by_key(|&format| count(format)).filter(|&format| count(format) > 0);
    if set.format.is_none() {
        let first = rows.iter().find_map(|(_, row)| row.as_ref().ok());
        let Some(first) = first else { return Err(InstructError::Empty(name.to_owned())) };
        let fields: Vec<String> = first.keys().take(12).map(|field| format!("`{field}`")).collect();
        return Err(InstructError::NoFormat { name: name.to_owned(), fields: fields.join(", ") });
    }
    for (number, row) in rows {
        let format = known(&row);
        let mut reading = Reading { row: number, id: format!("{name}#{number}"), findings: &mut set.findings };
        let mut row = match row {
            Ok(row) => row,
            Err(why) => {
                reading.note(Kind::NotJson, "", why);
                continue;
            }
        };
        let Some(format) = format else {
            let fields: Vec<&str> = row.keys().take(12).map(String::as_str).collect();
            reading.note(Kind::UnknownFormat, "", format!("it has {}", fields.join(", ")));
            continue;
        };
        if Some(format) != set.format {
            reading.note(Kind::OtherFormat, "", format!("this row is {}", format.name()));
        }
        match row.shift_remove("id") {
            Some(Value::String(id)) if !id.is_empty() => reading.id = id,
            Some(Value::Number(id)) => reading.id = id.to_string(),
            _ => {}
        }
        set.examples.extend(format.read(row, &mut reading));
    }
    Ok(set)
}

/// Each row with its number: of the line, or in the array.
fn rows(bytes: &[u8]) -> Vec<NumberedRow> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let start = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    match bytes.get(start) {
        Some(b'[') => array(&bytes[start + 1..]),
        _ => {
            let lines = bytes.split(|&byte| byte == b'\n').enumerate();
            let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
            lines.map(|(at, line)| (at + 1, object(serde_json::from_slice(line)))).collect()
        }
    }
}

/// One element after another, so that a file cut off still gives those before.
fn array(bytes: &[u8]) -> Vec<NumberedRow> {
    let mut rows = Vec::new();
    let mut rest = bytes.trim_ascii_start();
    while !rest.starts_with(b"]") {
        let number = rows.len() + 1;
        let mut found = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        match found.next() {
            Some(Ok(value)) => rows.push((number, object(Ok(value)))),
            Some(Err(error)) => {
                rows.push((number, Err(format!("not JSON from here on: {error}"))));
                break;
            }
            None => {
                rows.push((number, Err("the array has no end: the file was cut off".to_owned())));
                break;
            }
        }
        rest = rest[found.byte_offset()..].trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
    }
    rows
}

fn object(value: Result<Value, serde_json::Error>) -> Result<Map<String, Value>, String> {
    match value {
        Ok(Value::Object(row)) => Ok(row),
        Ok(other) => Err(format!("an object was expected, this is {}", super::format::kind(&other))),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}
