//! Stages that compare documents with each other: each document leaves a mark, and once all have, every one is told which
//! cluster it belongs to and whether it is the member that stays.

use super::PipelineError;
use super::layout::Layout;
use crate::dedup::minhash::{MinHash, MinHashOptions};
use crate::dedup::spill::Spill;
use crate::dedup::{Keep, Method, Standing};
use crate::rules::{Bound, Broken, Column, RuleError, Value, options};
use aquifer_corpus::Document;
use aquifer_record::{FileError, write_atomic_bytes};
use aquifer_text::shingles::words;
use aquifer_text::words::Language;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// A way to find copies, under a name.
pub(super) struct Barrier {
    name: String,
    method: Method,
    keep: Keep,
    columns: Vec<(String, Column)>,
}

/// What a barrier found out about one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// The place of the cluster's earliest member among all documents that met the barrier.
    pub(super) cluster: u64,
    /// How many belong to it.
    pub(super) size: u64,
    /// Whether this is a copy of a member that stays.
    pub(super) copy: bool,
}

impl Decision {
    const BYTES: usize = 17;

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.cluster.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.copy));
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Decision { cluster: number(0), size: number(8), copy: bytes[16] != 0 }
    }
}

/// The ways there are.
const METHODS: &str = "exact, url, minhash, simhash";

const COPY: usize = 2;

/// What one document leaves behind: the length of its text, and how many keys follow.
const HEAD: usize = 8 + 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

fn method(name: &str, mut table: toml::Table) -> Result<Method, RuleError> {
    Ok(match name {
        "exact" => options::<NoOptions>(table).map(|_| Method::Exact)?,
        "url" => options::<NoOptions>(table).map(|_| Method::Url)?,
        "minhash" => {
            let language = match table.remove("language") {
                None => Language::default(),
                Some(name) => {
                    name.try_into().map_err(|e: toml::de::Error| RuleError::Options(e.message().to_owned()))?
                }
            };
            let shape: MinHashOptions = options(table)?;
            if shape.buckets == 0 || shape.hashes_per_bucket == 0 || shape.n_grams == 0 {
                let why = "`buckets`, `hashes_per_bucket` and `n_grams` should be at least 1";
                return Err(RuleError::Options(why.to_owned()));
            }
            Method::MinHash(MinHash::of_words(&shape, words(language)))
        }
        "simhash" => options(table).map(Method::SimHash)?,
        other => {
            let why = format!("there is no way to find duplicates called `{other}`; there are {METHODS}");
            return Err(RuleError::Options(why));
        }
    })
}

impl Barrier {
    /// Builds one from its table: `dedup` names the method, `name` renames the stage.
    pub(super) fn build(mut table: toml::Table) -> Result<Self, RuleError> {
        let mut text = |key: &str| match table.remove(key) {
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(RuleError::Options(format!("`{key}` should be a string, it is {}", other.type_str()))),
            None => Ok(None),
        };
        let asked = text("dedup")?.unwrap_or_default();
        let name = text("name")?.unwrap_or_else(|| asked.clone());
        let keep = match text("keep")?.as_deref() {
            None | Some("earliest") => Keep::Earliest,
            Some("longest") => Keep::Longest,
            Some(other) => {
                return Err(RuleError::Options(format!("`keep` should be `earliest` or `longest`, it is `{other}`")));
            }
        };
        let method = method(&asked, table)?;
        let columns = [
            Column::new("cluster", "place of the earliest member of its cluster", Bound::anything()),
            Column::new("size", "documents in its cluster", Bound::anything()),
            Column::new("copy", "1 for a copy of a document that stays", Bound::at_most(0.0)),
        ];
        let columns = columns.map(|column| (format!("{name}.{}", column.name), column)).to_vec();
        Ok(Barrier { name, method, keep, columns })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns under their full names.
    pub(super) fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// What a decision means: its values, and why a copy goes.
    pub(super) fn ask(&self, decision: Decision) -> (Vec<Option<Value>>, Option<Broken>) {
        let values = [decision.cluster as f64, decision.size as f64, f64::from(u8::from(decision.copy))];
        let values = values.map(Value::Number);
        let (column, bound) = (&self.columns[COPY].0, &self.columns[COPY].1.bound);
        let broken = (!bound.holds(&values[COPY])).then(|| Broken {
            column: column.clone(),
            value: values[COPY].clone(),
            bound: bound.clone(),
        });
        (values.map(Some).to_vec(), broken)
    }

    /// What a document leaves behind.
    pub(super) fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        out.extend((document.text.len() as u64).to_le_bytes());
        let count = out.len();
        out.extend(0_u32.to_le_bytes());
        let mut keys = 0_u32;
        self.method.keys(document, |key| {
            out.extend_from_slice(key);
            keys += 1;
        });
        out[count..count + 4].copy_from_slice(&keys.to_le_bytes());
    }

    /// Decides about all documents from the marks of all parts before segment `segment`, and writes what was decided. Keys
    /// are sorted within `memory`, on disk where they do not fit.
    pub(super) fn decide(
        &self,
        layout: &Layout,
        segment: usize,
        parts: usize,
        memory: usize,
    ) -> Result<(), PipelineError> {
        let width = self.method.key_width();
        let mut sorter = self.method.sorter(Spill { memory, folder: layout.work() });
        let (mut counts, mut lengths) = (Vec::with_capacity(parts), Vec::new());
        let mut record = Vec::new();
        for part in 0..parts {
            let path = layout.marks(segment - 1, part);
            let file = File::open(&path).map_err(FileError::at("read", &path))?;
            let (mut marks, before) = (BufReader::new(file), lengths.len());
            let damaged = |e: std::io::Error| PipelineError::Damaged { path: path.clone(), why: e.to_string() };
            while !marks.fill_buf().map_err(damaged)?.is_empty() {
                let mut head = [0; HEAD];
                marks.read_exact(&mut head).map_err(damaged)?;
                let (length, keys) = head.split_at(8);
                let number = u32::try_from(lengths.len()).map_err(|_| PipelineError::TooMany)?;
                lengths.push(u64::from_le_bytes(length.try_into().expect("eight bytes")));
                for _ in 0..u32::from_le_bytes(keys.try_into().expect("four bytes")) {
                    record.resize(width, 0);
                    marks.read_exact(&mut record).map_err(damaged)?;
                    record.extend(number.to_be_bytes());
                    sorter.push(&record)?;
                }
            }
            counts.push(lengths.len() - before);
        }
        let clusters = self.method.decide(sorter, lengths.len())?;
        let standing = Standing { lengths: &lengths, ..Standing::default() };
        let stays = self.keep.kept(&clusters, &vec![true; lengths.len()], standing);
        let decision = |i: usize| Decision {
            cluster: u64::from(clusters.of[i]),
            size: u64::from(clusters.sizes[i]),
            copy: !stays[i],
        };
        let mut next = 0;
        for (part, count) in counts.into_iter().enumerate() {
            let mut bytes = Vec::with_capacity(count * Decision::BYTES);
            (next..next + count).for_each(|i| decision(i).write(&mut bytes));
            next += count;
            write_atomic_bytes(&layout.decisions(segment, part), &bytes)?;
        }
        Ok(())
    }
}

/// What was decided about the documents of a part, in order.
pub(super) fn decisions(layout: &Layout, segment: usize, part: usize) -> Result<Vec<Decision>, PipelineError> {
    let path = layout.decisions(segment, part);
    let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
    if bytes.len() % Decision::BYTES != 0 {
        let why = format!("{} bytes are no whole number of decisions", bytes.len());
        return Err(PipelineError::Damaged { path, why });
    }
    Ok(bytes.chunks_exact(Decision::BYTES).map(Decision::read).collect())
}
