//! Documents that are there twice: clusters of copies, of which one member stays.

use super::super::PipelineError;
use super::earlier::Earlier;
use super::marks::{Decisions, Marks};
use super::{Compare, method, number, take_text};
use crate::dedup::spill::Spill;
use crate::dedup::{Keep, Method, Standing, Wishes};
use crate::parallel;
use crate::rules::{Asked, Bound, Column, RuleError, Value};
use aquifer_corpus::Document;
use aquifer_record::FileError;
use std::ops::ControlFlow;
use std::path::Path;

struct Copies {
    method: Method,
    keep: Keep,
    /// Field of the metadata with what [`Keep::Best`] goes by.
    score: Option<String>,
    /// What earlier runs met.
    earlier: Earlier,
}

pub(super) fn build(asked: &str, name: &str, mut table: toml::Table) -> Result<Box<dyn Compare>, RuleError> {
    let mut earlier = Earlier::take(&mut table, name)?;
    let score = take_text(&mut table, "score")?;
    let keep = match (take_text(&mut table, "keep")?.as_deref(), &score) {
        (None | Some("earliest"), None) => Keep::Earliest,
        (Some("longest"), None) => Keep::Longest,
        (Some("datatrove"), None) if asked == "minhash" => Keep::Datatrove,
        (Some("datatrove"), None) => {
            let why = "keep = \"datatrove\" is for `minhash`: other methods have no order of unions";
            return Err(RuleError::Options(why.to_owned()));
        }
        (Some("best"), Some(_)) => Keep::Best,
        (Some("best"), None) => {
            let why = "keep = \"best\" wants a `score`: the field of the metadata that holds it";
            return Err(RuleError::Options(why.to_owned()));
        }
        (None | Some("earliest" | "longest" | "datatrove"), Some(_)) => {
            return Err(RuleError::Options("`score` is for keep = \"best\"".to_owned()));
        }
        (Some(other), _) => {
            let why = format!("`keep` should be `earliest`, `longest`, `best` or `datatrove`, it is `{other}`");
            return Err(RuleError::Options(why));
        }
    };
    let (method, about) = method::build(asked, table)?;
    if earlier.is_asked_for() && !method.goes_by_keys() {
        let why = "`index` and `save_index` are for exact, url, minhash and bloom";
        return Err(RuleError::Options(why.to_owned()));
    }
    earlier.set_about(&about, method.key_width());
    Ok(Box::new(Copies { method, keep, score, earlier }))
}

const CLUSTER: usize = 0;
const SIZE: usize = 1;
const COPY: usize = 2;
/// Behind these stands one of two: how alike it is, or whether an earlier run met it. No method has both.
const SIMILARITY: usize = 3;
const EARLIER: usize = 3;

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
    /// Whether an earlier run met a member.
    earlier: bool,
    /// How alike it is to the cluster's earliest member, where that is told; otherwise NaN.
    similarity: f64,
}

impl Decision {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(25);
        out.extend(self.cluster.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.copy) | u8::from(self.earlier) << 1);
        out.extend(self.similarity.to_le_bytes());
        out
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let flags = bytes.get(16).copied().unwrap_or(0);
        let (copy, earlier) = (flags & 1 != 0, flags & 2 != 0);
        Decision { cluster: word(0), size: word(8), copy, earlier, similarity: f64::from_bits(word(17)) }
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
            columns.push(Column::new("similarity", "likeness to the earliest of its cluster", Bound::anything()));
        }
        if self.earlier.is_compared() {
            columns.push(Column::new("earlier", "1 where an earlier run met its like", Bound::at_most(0.0)));
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

    fn check(&self) -> Result<(), PipelineError> {
        Ok(self.earlier.check()?)
    }

    fn decide(&self, marks: &Marks, spill: Spill, index: &Path, decided: &mut Decisions) -> Result<(), PipelineError> {
        let width = self.method.key_width();
        let mut sorter = self.method.sorter(spill);
        for (number, mark) in (0_u32..).zip(marks.iter()) {
            for key in mark[HEAD..][..keys(mark) * width].chunks_exact(width) {
                sorter.push(&[key, &number.to_be_bytes()].concat())?;
            }
        }
        let details = |i: u32| Ok(self.details(marks.of(i as usize)).to_vec());
        let wishes = Wishes { roots: self.keep == Keep::Datatrove, seen: self.earlier.open(index)? };
        let found = self.method.decide(sorter, marks.len(), &details, wishes)?;
        let clusters = &found.clusters;
        let word = |mark: &[u8], at: usize| u64::from_le_bytes(mark[at..at + 8].try_into().expect("eight bytes"));
        let lengths: Vec<u64> = marks.iter().map(|mark| word(mark, 0)).collect();
        let mut scores: Vec<f64> = Vec::new();
        if let Some(field) = &self.score {
            scores.extend(marks.iter().map(|mark| f64::from_bits(word(mark, 8))));
            if !scores.is_empty() && scores.iter().all(|score| score.is_nan()) {
                return Err(PipelineError::NoScore(field.clone()));
            }
        }
        let standing = Standing { lengths: &lengths, scores: &scores, roots: &found.roots };
        let stays = self.keep.kept(clusters, &vec![true; marks.len()], standing);
        const BATCH: usize = 1 << 12;
        for begin in (0..marks.len()).step_by(BATCH) {
            let decisions = parallel::map(BATCH.min(marks.len() - begin), |k| {
                let i = begin + k;
                let (first, size) = (clusters.of[i], clusters.sizes[i]);
                let alike = if size > 1 { found.similarity(i as u32, first)? } else { None };
                let earlier = found.is_earlier(i);
                let copy = earlier || !stays[i];
                let (cluster, size, similarity) = (u64::from(first), u64::from(size), alike.unwrap_or(f64::NAN));
                Ok::<_, FileError>(Decision { cluster, size, copy, earlier, similarity }.to_bytes())
            });
            decisions.into_iter().try_for_each(|decision| decided.put(&decision?))?;
        }
        Ok(())
    }

    fn measure(&self, _document: &Document, decision: &[u8], ask: &mut Asked) -> ControlFlow<()> {
        let Decision { cluster, size, copy, earlier, similarity } = Decision::of_bytes(decision);
        ask.number(CLUSTER, cluster as f64)?;
        ask.number(SIZE, size as f64)?;
        // Before the verdict, so that copies have it too.
        if self.method.compares() && !similarity.is_nan() {
            ask.number(SIMILARITY, similarity)?;
        }
        if self.earlier.is_compared() {
            ask.number(EARLIER, f64::from(u8::from(earlier)))?;
        }
        ask.number(COPY, f64::from(u8::from(copy)))
    }

    fn recall(&self, values: &[Option<Value>]) -> Vec<u8> {
        let similarity = self.method.compares() && values.get(SIMILARITY).is_some_and(Option::is_some);
        Decision {
            cluster: number(values, CLUSTER) as u64,
            size: number(values, SIZE) as u64,
            copy: number(values, COPY) > 0.0,
            earlier: self.earlier.is_compared() && number(values, EARLIER) > 0.0,
            similarity: if similarity { number(values, SIMILARITY) } else { f64::NAN },
        }
        .to_bytes()
    }

    fn has_clusters(&self) -> bool {
        true
    }

    fn has_earlier(&self) -> bool {
        self.earlier.is_compared()
    }
}
