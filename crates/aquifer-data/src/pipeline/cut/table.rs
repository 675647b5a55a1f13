//! The values of a part, from the tables of all segments.

use super::super::PipelineError;
use super::super::columns;
use super::super::run::Pipeline;
use crate::rules::Value;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use std::sync::Arc;

/// Columns that every table has, and that belong to the run rather than to a rule.
const OWN: [&str; 2] = ["row", "verdict"];

/// All columns of a run that can be asked for: those of every segment, and `id` and `bytes` of the documents as they came.
pub(super) fn schema(pipeline: &Pipeline) -> Schema {
    let mut fields: Vec<Arc<Field>> = Vec::new();
    for segment in &pipeline.segments {
        for field in columns::schema(segment).fields() {
            if !OWN.contains(&field.name().as_str()) && !fields.iter().any(|known| known.name() == field.name()) {
                fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
            }
        }
    }
    Schema::new(fields)
}

/// Some columns of a part, a row for each of its documents.
pub(super) struct PartTable {
    values: RecordBatch,
    bytes: UInt64Array,
    /// For each segment, which documents it dropped, and why.
    verdicts: Vec<Vec<Option<String>>>,
    dropped_in: Vec<Option<usize>>,
    /// For each barrier (by its segment) the cluster of each document that met it.
    clusters: Vec<(usize, Vec<Option<u64>>)>,
    /// Whether an earlier run met a copy of each.
    earlier: Vec<bool>,
}

impl PartTable {
    pub(super) fn read(pipeline: &Pipeline, part: usize, wanted: &[String]) -> Result<Self, PipelineError> {
        let mut arrays: Vec<(Field, ArrayRef)> = Vec::new();
        let (mut verdicts, mut clusters, mut bytes, mut n) = (Vec::new(), Vec::new(), None, 0);
        let mut earlier = Vec::new();
        for (at, segment) in pipeline.segments.iter().enumerate() {
            let own = columns::schema(segment);
            let cluster = segment.barrier.as_ref().and_then(|barrier| barrier.clusters());
            let flag = segment.barrier.as_ref().and_then(|barrier| barrier.earlier());
            let is_new = |name: &&String| own.index_of(name).is_ok() && !arrays.iter().any(|(f, _)| f.name() == *name);
            let mut names: Vec<&str> = wanted.iter().filter(is_new).map(String::as_str).collect();
            names.extend(["row", "bytes", "verdict"].into_iter().chain(cluster).chain(flag));
            names.sort_unstable();
            names.dedup();
            let path = pipeline.layout.columns(at, part);
            let (schema, batches) = columns::read(&path, Some(&names))?;
            let damaged =
                |e: arrow_schema::ArrowError| PipelineError::Damaged { path: path.clone(), why: e.to_string() };
            let table = concat_batches(&schema, &batches).map_err(damaged)?;
            let of =
                |name: &str| table.column_by_name(name).expect("it was asked for, and the schema is the segment's");
            let rows = of("row").as_primitive::<UInt64Type>();
            if at == 0 {
                n = table.num_rows();
                bytes = Some(of("bytes").as_primitive::<UInt64Type>().clone());
            }
            if rows.values().iter().any(|&row| row >= n as u64) {
                let why = "it has a row that the first table has not".to_owned();
                return Err(PipelineError::Damaged { path, why });
            }
            // Where each document of the part stands in this table.
            let mut places: Vec<Option<u64>> = vec![None; n];
            rows.values().iter().enumerate().for_each(|(i, &row)| places[row as usize] = Some(i as u64));
            let places = UInt64Array::from(places);
            let spread = |name: &str| -> Result<ArrayRef, PipelineError> {
                if at == 0 { Ok(of(name).clone()) } else { take(of(name), &places, None).map_err(damaged) }
            };
            for name in names.iter().filter(|name| wanted.iter().any(|w| w == *name)) {
                let field = schema.field_with_name(name).expect("it was read").clone().with_nullable(true);
                arrays.push((field, spread(name)?));
            }
            let verdict = spread("verdict")?;
            verdicts.push(verdict.as_string::<i32>().iter().map(|v| v.map(str::to_owned)).collect::<Vec<_>>());
            if let Some(name) = cluster {
                let cluster = spread(name)?;
                let numbers = cluster.as_primitive::<arrow_array::types::Float64Type>();
                earlier.resize(n, false);
                clusters.push((at, numbers.iter().map(|c| c.map(|c| c as u64)).collect()));
            }
            if let Some(name) = flag {
                let flags = spread(name)?;
                let flags = flags.as_primitive::<arrow_array::types::Float64Type>();
                flags.iter().zip(&mut earlier).for_each(|(flag, earlier)| *earlier |= flag.is_some_and(|x| x > 0.0));
            }
        }
        let dropped_in = (0..n).map(|i| verdicts.iter().position(|v| v[i].is_some())).collect();
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = arrays.into_iter().unzip();
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(n));
        let values = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options);
        let values = values.expect("every column has a row for each document");
        let bytes = bytes.unwrap_or_else(|| UInt64Array::from(Vec::<u64>::new()));
        earlier.resize(n, false);
        Ok(PartTable { values, bytes, verdicts, dropped_in, clusters, earlier })
    }

    pub(super) fn rows(&self) -> usize {
        self.dropped_in.len()
    }

    pub(super) fn values(&self) -> &RecordBatch {
        &self.values
    }

    /// Bytes of a document's text as it came.
    pub(super) fn bytes(&self, row: usize) -> u64 {
        self.bytes.value(row)
    }

    /// The segment that dropped a document.
    pub(super) fn dropped_in(&self, row: usize) -> Option<usize> {
        self.dropped_in[row]
    }

    /// The rows that a segment dropped.
    pub(super) fn dropped_rows(&self, segment: usize) -> Vec<usize> {
        (0..self.rows()).filter(|&row| self.dropped_in[row] == Some(segment)).collect()
    }

    /// The column that dropped a document.
    pub(super) fn verdict(&self, row: usize) -> Option<&str> {
        self.verdicts[self.dropped_in[row]?][row].as_deref()
    }

    /// Whether an earlier run met a copy of it.
    pub(super) fn is_earlier(&self, row: usize) -> bool {
        self.earlier[row]
    }

    /// The clusters of the barriers, each with its segment.
    pub(super) fn clusters(&self) -> &[(usize, Vec<Option<u64>>)] {
        &self.clusters
    }

    /// One row, with these values in the place of what was measured before.
    pub(super) fn with(&self, row: usize, values: Vec<(String, Option<Value>)>) -> RecordBatch {
        let schema: SchemaRef = self.values.schema();
        let one = self.values.slice(row, 1);
        let columns = schema.fields().iter().zip(one.columns()).map(|(field, old)| -> ArrayRef {
            let new = values.iter().find(|(name, _)| name == field.name()).and_then(|(_, value)| value.as_ref());
            match (new, field.data_type()) {
                (Some(Value::Number(x)), DataType::Float64) => Arc::new(Float64Array::from(vec![*x])),
                (Some(Value::Label(name)), DataType::Utf8) => Arc::new(StringArray::from(vec![name.as_str()])),
                _ => old.clone(),
            }
        });
        RecordBatch::try_new(schema.clone(), columns.collect()).expect("the columns have the types of the schema")
    }
}
