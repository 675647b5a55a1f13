//! Documents that are there twice: clusters of copies, of which one member stays.

use super::super::PipelineError;
use super::marks::{Decisions, Marks};
use super::{Compare, number, take_language, take_text};
use crate::dedup::minhash::{MinHash, MinHashOptions};
use crate::dedup::near::Near;
use crate::dedup::spill::Spill;
use crate::dedup::{Keep, Method, Standing};
use crate::parallel;
use crate::rules::{Asked, Bound, Column, RuleError, Value, options};
use aquifer_corpus::Document;
use aquifer_text::shingles::words;
use serde::Deserialize;
use std::ops::ControlFlow;

struct Copies {
    method: Method,
    keep: Keep,
    /// Field of the metadata with what [`Keep::Best`] goes by.
    score: Option<String>,
}

pub(super) fn build(asked: &str, mut table: toml::Table) -> Result<Box<dyn Compare>, RuleError> {
    let score = take_text(&mut table, "score")?;
    let keep = match (take_text(&mut table, "keep")?.as_deref(), &score) {
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
    Ok(Box::new(Copies { method: method(asked, table)?, keep, score }))
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
            let language = take_language(&mut table)?;
            let shape: MinHashOptions = options(table)?;
            if shape.buckets == 0 || shape.hashes_per_bucket == 0 || shape.n_grams == 0 {
                let why = "`buckets`, `hashes_per_bucket` and `n_grams` should be at least 1";
                return Err(RuleError::Options(why.to_owned()));
            }
            Method::MinHash(MinHash::of_words(&shape, words(language)))
        }
        _ => options(table).map(Method::SimHash)?,
    })
}

const CLUSTER: usize = 0;
const SIZE: usize = 1;
const COPY: usize = 2;
const SIMILARITY: usize = 3;

/// A mark begins with the length of the text, its score, and how many keys follow; behind them stands what the document is
/// compared by.
const HEAD: usize = 8 + 8 + 4;

/// What was found out about one document.
struct Decision {
    /// The place of the cluster's earliest member among all documents that met the barrier.
    cluster: u64,
    /// How many belong to it.
    size: u64,
    /// Whether this is a copy of a member that stays.
    copy: bool,
    /// How alike it is to the cluster's earliest member, where that is told; otherwise NaN.
    similarity: f64,
}

impl Decision {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(25);
        out.extend(self.cluster.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.copy));
        out.extend(self.similarity.to_le_bytes());
        out
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let copy = bytes.get(16).is_some_and(|&copy| copy != 0);
        Decision { cluster: word(0), size: word(8), copy, similarity: f64::from_bits(word(17)) }
    }
}

impl Copies {
    fn details<'a>(&self, mark: &'a [u8]) -> &'a [u8] {
        &mark[HEAD + keys(mark) * self.method.key_width()..]
    }
}

fn keys(mark: &[u8]) -> usize {
    u32::from_le_bytes(mark[16..HEAD].try_into().expect("four bytes")) as usize
}

impl Compare for Copies {
    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            Column::new("cluster", "place of the earliest member of its cluster", Bound::anything()),
            Column::new("size", "documents in its cluster", Bound::anything()),
            Column::new("copy", "1 for a copy of a document that stays", Bound::at_most(0.0)),
        ];
        if self.method.compares() {
            columns.push(Column::new("similarity", "overlap with the earliest of its cluster", Bound::anything()));
        }
        columns
    }

    fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        let score = self.score.as_ref().and_then(|field| document.metadata.get(field)?.as_f64());
        out.extend((document.text.len() as u64).to_le_bytes());
        out.extend(score.unwrap_or(f64::NAN).to_le_bytes());
        let count = out.len();
        out.extend([0; 4]);
        let mut keys = 0_u32;
        let details = self.method.mark(document, |key| {
            out.extend_from_slice(key);
            keys += 1;
        });
        out.extend_from_slice(&details);
        out[count..count + 4].copy_from_slice(&keys.to_le_bytes());
    }

    fn decide(&self, marks: &Marks, spill: Spill, decided: &mut Decisions) -> Result<(), PipelineError> {
        let width = self.method.key_width();
        let mut sorter = self.method.sorter(spill);
        for (number, mark) in (0_u32..).zip(marks.iter()) {
            for key in mark[HEAD..][..keys(mark) * width].chunks_exact(width) {
                sorter.push(&[key, &number.to_be_bytes()].concat())?;
            }
        }
        let clusters = self.method.decide(sorter, marks.len(), &|i| Ok(self.details(marks.of(i as usize)).to_vec()))?;
        let word = |mark: &[u8], at: usize| u64::from_le_bytes(mark[at..at + 8].try_into().expect("eight bytes"));
        let lengths: Vec<u64> = marks.iter().map(|mark| word(mark, 0)).collect();
        let mut scores: Vec<f64> = Vec::new();
        if let Some(field) = &self.score {
            scores.extend(marks.iter().map(|mark| f64::from_bits(word(mark, 8))));
            if !scores.is_empty() && scores.iter().all(|score| score.is_nan()) {
                return Err(PipelineError::NoScore(field.clone()));
            }
        }
        let standing = Standing { lengths: &lengths, scores: &scores, ..Standing::default() };
        let stays = self.keep.kept(&clusters, &vec![true; marks.len()], standing);
        const BATCH: usize = 1 << 12;
        for begin in (0..marks.len()).step_by(BATCH) {
            let found = parallel::map(BATCH.min(marks.len() - begin), |k| {
                let i = begin + k;
                let first = clusters.of[i];
                let details = |i: usize| self.details(marks.of(i));
                let alike = (clusters.sizes[i] > 1)
                    .then(|| self.method.similarity(details(i), details(first as usize)))
                    .flatten();
                let (cluster, size) = (u64::from(first), u64::from(clusters.sizes[i]));
                Decision { cluster, size, copy: !stays[i], similarity: alike.unwrap_or(f64::NAN) }.to_bytes()
            });
            found.iter().try_for_each(|decision| decided.put(decision))?;
        }
        Ok(())
    }

    fn measure(&self, _document: &Document, decision: &[u8], ask: &mut Asked) -> ControlFlow<()> {
        let Decision { cluster, size, copy, similarity } = Decision::of_bytes(decision);
        ask.number(CLUSTER, cluster as f64)?;
        ask.number(SIZE, size as f64)?;
        // Before the verdict, so that copies have it too.
        if self.method.compares() && !similarity.is_nan() {
            ask.number(SIMILARITY, similarity)?;
        }
        ask.number(COPY, f64::from(u8::from(copy)))
    }

    fn recall(&self, values: &[Option<Value>]) -> Vec<u8> {
        let similarity = values.get(SIMILARITY).is_some_and(Option::is_some);
        Decision {
            cluster: number(values, CLUSTER) as u64,
            size: number(values, SIZE) as u64,
            copy: number(values, COPY) > 0.0,
            similarity: if similarity { number(values, SIMILARITY) } else { f64::NAN },
        }
        .to_bytes()
    }

    fn has_clusters(&self) -> bool {
        true
    }
}
