//! The table of values: a row for every document a segment met, as an Arrow file.
//!
//! Every table begins with `id`, `row` (the document's place in its part) and `bytes` (of its text as it came in), and
//! ends with `verdict` (the column whose bound dropped it, or null). The others are the rules' columns; which version of
//! the text each measured, what it is and its bound stand in the field's metadata.

use super::PipelineError;
use super::recipe::Segment;
use crate::rules::{Bound, Value};
use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::reader::FileReader;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// What stands in a field's metadata.
pub(super) const VERSION: &str = "version";
pub(super) const ABOUT: &str = "about";
pub(super) const BOUND: &str = "bound";

/// Columns before the rules' own.
pub(super) const BEFORE: usize = 3;

/// One document's row.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) row: u64,
    pub(super) bytes: u64,
    pub(super) values: Vec<Option<Value>>,
    pub(super) verdict: Option<String>,
}

/// The schema of a segment's table.
pub(super) fn schema(segment: &Segment) -> SchemaRef {
    let mut fields = vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("row", DataType::UInt64, false),
        Field::new("bytes", DataType::UInt64, false),
    ];
    let field = |name: &str, label: bool, version: usize, about: &str, bound: &Bound| {
        let bound = serde_json::to_string(bound).expect("a bound is numbers and strings");
        let said = [(VERSION, version.to_string()), (ABOUT, about.to_owned()), (BOUND, bound)];
        let kind = if label { DataType::Utf8 } else { DataType::Float64 };
        Field::new(name, kind, true).with_metadata(HashMap::from(said.map(|(key, value)| (key.to_owned(), value))))
    };
    if let Some(barrier) = &segment.barrier {
        let columns = barrier.column_names().iter().zip(barrier.columns());
        fields.extend(columns.map(|(name, column)| field(name, column.label, 0, column.about, &column.bound)));
    }
    let behind = usize::from(segment.barrier.is_some());
    for (version, stage) in (behind..).zip(&segment.stages) {
        let columns = stage.column_names().iter().zip(stage.columns());
        fields.extend(columns.map(|(name, column)| field(name, column.label, version, column.about, &column.bound)));
    }
    fields.push(Field::new("verdict", DataType::Utf8, true));
    Arc::new(Schema::new(fields))
}

/// Some rows as Arrow has them.
pub(super) fn batch(schema: &SchemaRef, rows: &[Row]) -> RecordBatch {
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.id))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.row))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.bytes))),
    ];
    let width = schema.fields().len() - BEFORE - 1;
    for at in 0..width {
        let values = rows.iter().map(|row| row.values[at].as_ref());
        arrays.push(match schema.field(BEFORE + at).data_type() {
            DataType::Utf8 => {
                let mut builder = StringBuilder::new();
                values.for_each(|v| {
                    builder.append_option(v.and_then(|v| if let Value::Label(l) = v { Some(l) } else { None }))
                });
                Arc::new(builder.finish())
            }
            _ => {
                let mut builder = Float64Builder::with_capacity(rows.len());
                values.for_each(|v| {
                    builder.append_option(v.and_then(|v| if let Value::Number(x) = v { Some(*x) } else { None }))
                });
                Arc::new(builder.finish())
            }
        });
    }
    arrays.push(Arc::new(StringArray::from_iter(rows.iter().map(|row| row.verdict.as_deref()))));
    RecordBatch::try_new(schema.clone(), arrays).expect("arrays were made for this schema")
}

/// A table read back: all of it, or the columns of these names.
pub(super) fn read(path: &Path, only: Option<&[&str]>) -> Result<(SchemaRef, Vec<RecordBatch>), PipelineError> {
    let damaged = |why: String| PipelineError::Damaged { path: path.to_path_buf(), why };
    let file = File::open(path).map_err(aquifer_record::FileError::at("read", path))?;
    let whole = FileReader::try_new_buffered(file, None).map_err(|e| damaged(e.to_string()))?;
    let reader = match only {
        None => whole,
        Some(names) => {
            let schema = whole.schema();
            let places = names.iter().filter_map(|name| schema.index_of(name).ok()).collect();
            let file = File::open(path).map_err(aquifer_record::FileError::at("read", path))?;
            FileReader::try_new_buffered(file, Some(places)).map_err(|e| damaged(e.to_string()))?
        }
    };
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|e| damaged(e.to_string()))?;
    Ok((schema, batches))
}
