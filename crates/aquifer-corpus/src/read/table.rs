//! Tables as text: CSV (RFC 4180) and TSV. The first row names the columns; one of them is the text, the others are
//! metadata. TSV knows no quotes, as it is registered: tabs and line ends cannot stand inside a field.

use super::{ReadOptions, Skipped, jsonl};
use crate::Document;
use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub(super) struct Table {
    rows: Reader<Metered>,
    /// Bytes that may still be read for the row at hand.
    left: Arc<AtomicUsize>,
    max_bytes: usize,
    name: String,
    text_field: Option<String>,
    /// Their names, once the first row is read.
    columns: Vec<String>,
    ended: bool,
}

/// What the rows are read from: a quote that is never closed must not pull the whole file into memory.
struct Metered {
    inner: Box<dyn BufRead + Send>,
    left: Arc<AtomicUsize>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Relaxed);
        if left == 0 {
            return Err(io::Error::other("the row is too long"));
        }
        let length = buffer.len().min(left);
        let read = self.inner.read(&mut buffer[..length])?;
        self.left.store(left - read, Relaxed);
        Ok(read)
    }
}

impl Table {
    pub(super) fn new(inner: Box<dyn BufRead + Send>, delimiter: u8, name: String, options: &ReadOptions) -> Self {
        let left = Arc::new(AtomicUsize::new(0));
        let rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(delimiter != b'\t')
            .from_reader(Metered { inner, left: left.clone() });
        let (max_bytes, text_field) = (options.max_line_bytes, options.text_field.clone());
        Table { rows, left, max_bytes, name, text_field, columns: Vec::new(), ended: false }
    }

    /// The next document; `None` at the end. Where none comes, the line, the reason, and whether it ends here.
    fn step(&mut self) -> Result<Option<Document>, (Option<u64>, String, bool)> {
        if self.columns.is_empty() {
            self.columns = self.read_columns().map_err(|reason| (None, reason, true))?;
        }
        match self.read_row() {
            Ok(None) => Ok(None),
            Ok(Some((line, row))) => self.document(line, &row).map(Some).map_err(|reason| (Some(line), reason, false)),
            Err(reason) => Err((Some(self.rows.position().line()), reason, true)),
        }
    }

    /// The next row with its line; `None` at the end.
    fn read_row(&mut self) -> Result<Option<(u64, ByteRecord)>, String> {
        self.left.store(self.max_bytes.max(1), Relaxed);
        let mut record = ByteRecord::new();
        match self.rows.read_byte_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some((record.position().map_or(0, csv::Position::line), record))),
            Err(_) if self.left.load(Relaxed) == 0 => {
                Err(format!("a row has more than {} bytes (a quote that is never closed?)", self.max_bytes))
            }
            Err(e) => Err(format!("it cannot be read further: {e} (cut short or damaged?)")),
        }
    }

    fn read_columns(&mut self) -> Result<Vec<String>, String> {
        let (_, row) = self.read_row()?.ok_or("it is empty")?;
        let mut columns: Vec<String> = row.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        if let Some(first) = columns.first_mut().filter(|first| first.starts_with('\u{FEFF}')) {
            first.remove(0);
        }
        jsonl::check_columns(&columns, self.text_field.as_deref())?;
        Ok(columns)
    }

    fn document(&self, line: u64, row: &ByteRecord) -> Result<Document, String> {
        if row.len() != self.columns.len() {
            return Err(format!("it has {} fields, the first row {}", row.len(), self.columns.len()));
        }
        let field = |(name, value): (&String, &[u8])| match std::str::from_utf8(value) {
            Ok(value) => Ok((name.clone(), Value::from(value))),
            Err(e) => Err(format!("invalid UTF-8 (byte 0x{:02X} in `{name}`)", value[e.valid_up_to()])),
        };
        let row: Map<String, Value> = self.columns.iter().zip(row).map(field).collect::<Result<_, String>>()?;
        jsonl::document(row, self.text_field.as_deref(), || format!("{}#{line}", self.name))
    }
}

impl Iterator for Table {
    type Item = Result<Document, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.step() {
            Ok(document) => {
                self.ended = document.is_none();
                document.map(Ok)
            }
            Err((line, reason, last)) => {
                self.ended = last;
                Some(Err(Skipped { file: self.name.clone(), line, reason }))
            }
        }
    }
}
