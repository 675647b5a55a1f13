//! Parquet files: a column of strings is the text, the other scalar columns are metadata.

use super::{ReadOptions, Rows, Skipped, jsonl};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub(super) fn open(path: &Path, name: String, options: &ReadOptions) -> Result<Rows, String> {
    let file = File::open(path).map_err(|e| format!("it cannot be read: {e}"))?;
    // The parquet crate promises no panic on damaged files only mostly; one such file must not end a long run.
    let opened = guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())?;
        builder.with_batch_size(1024).build().map_err(|e| e.to_string())
    });
    let mut batches = opened.map_err(|e| format!("it is not a readable Parquet file: {e}"))?;
    let (text_field, mut row, mut ended) = (options.text_field.clone(), 0_u64, false);
    let rows = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let batch = guarded(|| batches.next().transpose().map_err(|e| e.to_string()));
        let skip = |row, reason| Err(Skipped { file: name.clone(), line: Some(row), reason });
        match batch {
            Ok(None) => None,
            Err(e) => {
                ended = true;
                Some(vec![skip(row + 1, format!("it cannot be read further: {e}"))])
            }
            Ok(Some(batch)) => Some(
                (0..batch.num_rows())
                    .map(|i| {
                        row += 1;
                        let fields = fields(&batch, i);
                        jsonl::document(fields, text_field.as_deref(), || format!("{name}#{row}"))
                            .or_else(|reason| skip(row, reason))
                    })
                    .collect(),
            ),
        }
    });
    Ok(Box::new(rows.flatten()))
}

fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("its reader broke down on it".to_owned()))
}

fn fields(batch: &RecordBatch, i: usize) -> Map<String, Value> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.filter_map(|(field, column)| Some((field.name().clone(), value(column.as_ref(), i)?))).collect()
}

/// The value of a scalar column; `None` for nested and rarer types.
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
    numbers!(Int32Type, Int64Type, UInt32Type, UInt64Type, Float32Type, Float64Type);
    None
}
