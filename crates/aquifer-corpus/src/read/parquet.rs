//! Parquet files: a column of strings is the text (or one of `messages` the dialogue), the other columns are metadata.

use super::{ReadOptions, Rows, Skipped, guarded, jsonl};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use std::fs::File;
use std::path::Path;

pub(super) fn open(path: &Path, name: String, options: &ReadOptions) -> Result<Rows, String> {
    let (columns, rows) = rows(path)?;
    jsonl::check_columns(&columns, options.text_field.as_deref())?;
    let text_field = options.text_field.clone();
    Ok(Box::new((1_u64..).zip(rows).map(move |(number, row)| {
        let document =
            row.and_then(|fields| jsonl::document(fields, text_field.as_deref(), || format!("{name}#{number}")));
        document.map_err(|reason| Skipped { file: name.clone(), line: Some(number), reason })
    })))
}

/// The names of a file's columns, and its rows as objects; what cannot be read is the last.
type Table = (Vec<String>, Box<dyn Iterator<Item = Result<Map<String, Value>, String>> + Send>);

pub(super) fn rows(path: &Path) -> Result<Table, String> {
    let file = File::open(path).map_err(|e| format!("it cannot be read: {e}"))?;
    // The parquet crate promises no panic on damaged files only mostly; one such file must not end a long run.
    let opened = guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())?;
        let columns: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        Ok((columns, builder.with_batch_size(1024).build().map_err(|e| e.to_string())?))
    });
    let (columns, mut batches) = opened.map_err(|e| format!("it is not a readable Parquet file: {e}"))?;
    let mut ended = false;
    let rows = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        match guarded(|| batches.next().transpose().map_err(|e| e.to_string())) {
            Ok(batch) => batch.map(|batch| (0..batch.num_rows()).map(|i| Ok(fields(&batch, i))).collect()),
            Err(e) => {
                ended = true;
                Some(vec![Err(format!("it cannot be read further: {e}"))])
            }
        }
    });
    Ok((columns, Box::new(rows.flat_map(|batch: Vec<_>| batch))))
}

/// Bytes of all row groups once they are unpacked, as the file's own footer says.
pub(super) fn unpacked_bytes(path: &Path) -> Option<u64> {
    let file = File::open(path).ok()?;
    let opened = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())).ok()?;
    let sizes = opened.metadata().row_groups().iter().map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0));
    Some(sizes.fold(0, u64::saturating_add))
}

fn fields(batch: &RecordBatch, i: usize) -> Map<String, Value> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.filter_map(|(field, column)| Some((field.name().clone(), value(column.as_ref(), i)?))).collect()
}

/// The value of one row of a column; `None` for the rarer types, dates and decimals among them.
fn value(column: &dyn Array, i: usize) -> Option<Value> {
    if column.is_null(i) {
        return Some(Value::Null);
    }
    if let Some(strings) = column.as_string_opt::<i32>() {
        return Some(strings.value(i).into());
    }
    if let Some(strings) = column.as_string_opt::<i64>() {
        return Some(strings.value(i).into());
    }
    if let Some(strings) = column.as_string_view_opt() {
        return Some(strings.value(i).into());
    }
    if let Some(flags) = column.as_boolean_opt() {
        return Some(flags.value(i).into());
    }
    macro_rules! numbers {
        ($($kind:ty),*) => {
            $(if let Some(numbers) = column.as_primitive_opt::<$kind>() {
                return Some(numbers.value(i).into());
            })*
        };
    }
    numbers!(Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type);
    numbers!(Float32Type, Float64Type);
    if let Some(inside) = column.as_struct_opt() {
        let fields = inside.fields().iter().zip(inside.columns());
        let object: Map<_, _> =
            fields.filter_map(|(field, column)| Some((field.name().clone(), value(column.as_ref(), i)?))).collect();
        return Some(Value::Object(object));
    }
    let items = column.as_list_opt::<i32>().map(|list| list.value(i));
    if let Some(items) = items.or_else(|| column.as_list_opt::<i64>().map(|list| list.value(i))) {
        return (0..items.len()).map(|k| value(items.as_ref(), k)).collect::<Option<Vec<_>>>().map(Value::Array);
    }
    macro_rules! entries {
        ($($key:ty),*) => {
            $(if let Some(coded) = column.as_dictionary_opt::<$key>() {
                return value(coded.values().as_ref(), coded.key(i)?);
            })*
        };
    }
    entries!(Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type);
    None
}
