//! Stages that compare documents with each other: each document leaves a mark, and once all have, every one is told which
//! cluster it belongs to and whether it is the member that stays.

use super::PipelineError;
use super::layout::Layout;
use crate::dedup::minhash::{MinHash, MinHashOptions};
use crate::dedup::near::Near;
use crate::dedup::spill::Spill;
use crate::dedup::{Keep, Method, Standing};
use crate::parallel;
use crate::rules::{Bound, Broken, Column, RuleError, Value, options};
use aquifer_corpus::Document;
use aquifer_record::{FileError, write_atomic_bytes};
use aquifer_text::shingles::words;
use aquifer_text::words::Language;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// A way to find copies, under a name.
pub(super) struct Barrier {
    name: String,
    method: Method,
    keep: Keep,
    /// Field of the metadata with what [`Keep::Best`] goes by.
    score: Option<String>,
    columns: Vec<(String, Column)>,
}

/// What a barrier found out about one document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decision {
    /// The place of the cluster's earliest member among all documents that met the barrier.
    pub(super) cluster: u64,
    /// How many belong to it.
    pub(super) size: u64,
    /// Whether this is a copy of a member that stays.
    pub(super) copy: bool,
    /// How alike it is to the cluster's earliest member, where that is told.
    pub(super) similarity: Option<f64>,
}

impl Decision {
    const BYTES: usize = 8 + 8 + 1 + 8;

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.cluster.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.copy));
        out.extend(self.similarity.unwrap_or(f64::NAN).to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let similarity = f64::from_bits(number(17));
        let similarity = (!similarity.is_nan()).then_some(similarity);
        Decision { cluster: number(0), size: number(8), copy: bytes[16] != 0, similarity }
    }
}

/// The ways there are.
const METHODS: &str = "exact, url, near, minhash, simhash";

const COPY: usize = 2;

/// What one document leaves behind first: the length of its text, its score, how many keys follow, and how many bytes it is
/// compared by follow them.
const HEAD: usize = 8 + 8 + 4 + 4;

/// Where a document's mark holds what it is compared by.
#[derive(Clone, Copy)]
struct Place {
    part: usize,
    at: u64,
    bytes: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

fn method(name: &str, mut table: toml::Table) -> Result<Method, RuleError> {
    Ok(match name {
        "exact" => options::<NoOptions>(table).map(|_| Method::Exact)?,
        "url" => options::<NoOptions>(table).map(|_| Method::Url)?,
        "near" => {
            let near: Near = options(table)?;
            if !(near.threshold > 0.0 && near.threshold <= 1.0) {
                let why = format!("`threshold` should be a share above 0 and up to 1, it is {}", near.threshold);
                return Err(RuleError::Options(why));
            }
            Method::Near(near)
        }
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
        let score = text("score")?;
        let keep = match (text("keep")?.as_deref(), &score) {
            (None | Some("earliest"), None) => Keep::Earliest,
            (Some("longest"), None) => Keep::Longest,
            (Some("best"), Some(_)) => Keep::Best,
            (Some("best"), None) => {
                let why = "keep = \"best\" wants a `score`: the field of the metadata that holds it";
                return Err(RuleError::Options(why.to_owned()));
            }
            (None | Some("earliest" | "longest"), Some(_)) => {
                return Err(RuleError::Options("`score` is for keep = \"best\"".to_owned()));
            }
            (Some(other), _) => {
                let why = format!("`keep` should be `earliest`, `longest` or `best`, it is `{other}`");
                return Err(RuleError::Options(why));
            }
        };
        let method = method(&asked, table)?;
        let mut columns = vec![
            Column::new("cluster", "place of the earliest member of its cluster", Bound::anything()),
            Column::new("size", "documents in its cluster", Bound::anything()),
            Column::new("copy", "1 for a copy of a document that stays", Bound::at_most(0.0)),
        ];
        if method.compares() {
            columns.push(Column::new("similarity", "overlap with the earliest of its cluster", Bound::anything()));
        }
        let columns = columns.into_iter().map(|column| (format!("{name}.{}", column.name), column)).collect();
        Ok(Barrier { name, method, keep, score, columns })
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
        let Decision { cluster, size, copy, similarity } = decision;
        let copy = f64::from(u8::from(copy));
        let mut values = vec![Some(cluster as f64), Some(size as f64), Some(copy), similarity];
        values.truncate(self.columns.len());
        let (column, bound) = (&self.columns[COPY].0, &self.columns[COPY].1.bound);
        let value = Value::Number(copy);
        let broken = (!bound.holds(&value)).then(|| Broken { column: column.clone(), value, bound: bound.clone() });
        (values.into_iter().map(|value| value.map(Value::Number)).collect(), broken)
    }

    /// What a document leaves behind.
    pub(super) fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        let score = self.score.as_ref().and_then(|field| document.metadata.get(field)?.as_f64());
        let start = out.len();
        out.extend((document.text.len() as u64).to_le_bytes());
        out.extend(score.unwrap_or(f64::NAN).to_le_bytes());
        out.extend([0; 8]);
        let mut keys = 0_u32;
        let details = self.method.mark(document, |key| {
            out.extend_from_slice(key);
            keys += 1;
        });
        out.extend_from_slice(&details);
        out[start + 16..start + 20].copy_from_slice(&keys.to_le_bytes());
        out[start + 20..start + 24].copy_from_slice(&(details.len() as u32).to_le_bytes());
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
        let mut counts = Vec::with_capacity(parts);
        let (mut lengths, mut scores, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let mut record = Vec::new();
        for part in 0..parts {
            let path = layout.marks(segment - 1, part);
            let file = File::open(&path).map_err(FileError::at("read", &path))?;
            let (mut marks, before, mut at) = (BufReader::new(file), lengths.len(), 0);
            let damaged = |e: std::io::Error| PipelineError::Damaged { path: path.clone(), why: e.to_string() };
            while !marks.fill_buf().map_err(damaged)?.is_empty() {
                let mut head = [0; HEAD];
                marks.read_exact(&mut head).map_err(damaged)?;
                let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
                let short = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
                let (keys, bytes) = (short(16) as usize, short(20) as usize);
                let number = u32::try_from(lengths.len()).map_err(|_| PipelineError::TooMany)?;
                lengths.push(long(0));
                if self.keep == Keep::Best {
                    scores.push(f64::from_bits(long(8)));
                }
                for _ in 0..keys {
                    record.resize(width, 0);
                    marks.read_exact(&mut record).map_err(damaged)?;
                    record.extend(number.to_be_bytes());
                    sorter.push(&record)?;
                }
                at += (HEAD + keys * width) as u64;
                if self.method.compares() {
                    places.push(Place { part, at, bytes });
                    marks.seek_relative(bytes as i64).map_err(damaged)?;
                    at += bytes as u64;
                }
            }
            counts.push(lengths.len() - before);
        }
        let details = |i: u32| {
            let Place { part, at, bytes } = places[i as usize];
            let path = layout.marks(segment - 1, part);
            let read = || {
                let mut file = File::open(&path)?;
                file.seek(SeekFrom::Start(at))?;
                let mut found = vec![0; bytes];
                file.read_exact(&mut found).map(|()| found)
            };
            read().map_err(FileError::at("read", &path))
        };
        let clusters = self.method.decide(sorter, lengths.len(), &details)?;
        if let (Some(field), true) = (&self.score, !scores.is_empty() && scores.iter().all(|score| score.is_nan())) {
            return Err(PipelineError::NoScore(field.clone()));
        }
        let standing = Standing { lengths: &lengths, scores: &scores, ..Standing::default() };
        let stays = self.keep.kept(&clusters, &vec![true; lengths.len()], standing);
        let decision = |i: usize| {
            let cluster = clusters.of[i];
            let similarity = match self.method.compares() && clusters.sizes[i] > 1 {
                true => self.method.similarity(&details(i as u32)?, &details(cluster)?),
                false => None,
            };
            let (cluster, size) = (u64::from(cluster), u64::from(clusters.sizes[i]));
            Ok::<_, FileError>(Decision { cluster, size, copy: !stays[i], similarity })
        };
        let mut next = 0;
        for (part, count) in counts.into_iter().enumerate() {
            let mut bytes = Vec::with_capacity(count * Decision::BYTES);
            for decided in parallel::map(count, |i| decision(next + i)) {
                decided?.write(&mut bytes);
            }
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
