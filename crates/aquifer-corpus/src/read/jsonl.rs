//! JSON lines: one object a line, `{"id","text","metadata"}` or with other field names.

use super::{ReadOptions, Skipped};
use crate::{Document, Message};
use serde_json::{Map, Value};
use std::io::{self, BufRead, Read};

pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    name: String,
    text_field: Option<String>,
    max_bytes: usize,
    line: u64,
    buffer: Vec<u8>,
    ended: bool,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead + Send>, name: String, options: &ReadOptions) -> Self {
        let (text_field, max_bytes) = (options.text_field.clone(), options.max_line_bytes.max(2));
        Lines { reader, name, text_field, max_bytes, line: 0, buffer: Vec::new(), ended: false }
    }

    /// Reads the next line without its end; `Ok(None)` at the end of the file, `Ok(Some(false))` if it is too long.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let limit = self.max_bytes as u64 + 1;
        if self.reader.as_mut().take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            return Ok(Some(true));
        }
        if self.buffer.len() as u64 == limit {
            self.buffer = Vec::new();
            self.reader.skip_until(b'\n')?;
            return Ok(Some(false));
        }
        Ok(Some(true))
    }

    fn row(&self) -> Result<Document, String> {
        let bytes = if self.line == 1 {
            self.buffer.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.buffer)
        } else {
            &self.buffer
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|e| format!("invalid UTF-8 (byte 0x{:02X} at {})", bytes[e.valid_up_to()], e.valid_up_to()))?;
        let row: Value = serde_json::from_str(text).map_err(|e| {
            let message = e.to_string();
            format!("not JSON: {}", message.split(" at line ").next().unwrap_or(&message))
        })?;
        match row {
            Value::Object(row) => document(row, self.text_field.as_deref(), || format!("{}#{}", self.name, self.line)),
            other => Err(format!("a JSON object was expected, this is {}", kind(&other))),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Document, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        let skip = |line, reason: String, name: &str| Some(Err(Skipped { file: name.to_owned(), line, reason }));
        while !self.ended {
            self.line += 1;
            match self.read_line() {
                Err(e) => {
                    self.ended = true;
                    let reason = format!("it cannot be read further: {e} (cut short or damaged?)");
                    return skip(Some(self.line), reason, &self.name);
                }
                Ok(None) => self.ended = true,
                Ok(Some(false)) => {
                    return skip(Some(self.line), format!("longer than {} bytes", self.max_bytes), &self.name);
                }
                Ok(Some(true)) if self.buffer.trim_ascii().is_empty() => {}
                Ok(Some(true)) => match self.row() {
                    Ok(document) => return Some(Ok(document)),
                    Err(reason) => return skip(Some(self.line), reason, &self.name),
                },
            }
        }
        None
    }
}

/// A document from the fields of a row; every field that is not its id or text is kept as metadata.
pub(super) fn document(
    mut row: Map<String, Value>,
    text_field: Option<&str>,
    default_id: impl FnOnce() -> String,
) -> Result<Document, String> {
    let page = text_field.is_none_or(|field| field == "html") && is_page(&row);
    let text = match take_text(&mut row, if page { Some("html") } else { text_field })? {
        Some(text) => text,
        None => spoken(&row)?,
    };
    if text.trim().is_empty() {
        return Err("its text is empty".to_owned());
    }
    let id = match row.get("id") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => default_id(),
    };
    row.shift_remove("id");
    let mut metadata = match row.shift_remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(Value::Null) | None => Map::new(),
        Some(other) => Map::from_iter([("metadata".to_owned(), other)]),
    };
    for (key, value) in row {
        metadata.entry(key).or_insert(value);
    }
    if page {
        metadata.insert("content_type".to_owned(), "text/html".into());
    }
    Ok(Document { id, text, metadata })
}

/// Whether there is a column to take the text from; said once, not for every row.
pub(super) fn check_columns(columns: &[String], text_field: Option<&str>) -> Result<(), String> {
    let wanted = text_field.map_or(vec!["text", "content", "messages"], |field| vec![field]);
    if columns.iter().any(|column| wanted.contains(&column.as_str())) {
        return Ok(());
    }
    let named = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let has = named(columns.iter().take(12).map(String::as_str).collect()).join(", ");
    let wanted = named(wanted).join(" or ");
    Err(format!("it has no column {wanted}; its columns are {has} (--text-field names the one with the text)"))
}

/// Whether the row holds a page in its field `html`, and no text beside it.
fn is_page(row: &Map<String, Value>) -> bool {
    row.contains_key("html") && !["text", "content", "messages"].iter().any(|field| row.contains_key(*field))
}

/// The text, removed from `row`; `None` where only `messages` can give it.
fn take_text(row: &mut Map<String, Value>, text_field: Option<&str>) -> Result<Option<String>, String> {
    let field = match text_field {
        Some(field) => field,
        None => match ["text", "content"].into_iter().find(|field| row.contains_key(*field)) {
            Some(field) => field,
            None if row.contains_key("messages") => return Ok(None),
            None => {
                let has = row.keys().take(8).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                return Err(format!("no field `text` or `content`; it has {has} (name one with --text-field)"));
            }
        },
    };
    match row.shift_remove(field) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("field `{field}` should be a string, it is {}", kind(&other))),
        None => Err(format!("no field `{field}`")),
    }
}

/// The turns of `messages`, one a line.
fn spoken(row: &Map<String, Value>) -> Result<String, String> {
    let turns = Document { metadata: row.clone(), ..Document::default() }.messages();
    let turns =
        turns.ok_or("field `messages` should be a list of {\"role\", \"content\"} objects with string values")?;
    Ok(turns.iter().map(|Message { content, .. }| content.as_str()).collect::<Vec<_>>().join("\n"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
