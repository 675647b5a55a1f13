//! Ways to tell copies by what each document says alone: keys for every document, and clusters from all keys.
//!
//! Keys are made document by document, on any thread or machine; a [`Sorter`] takes them in whatever order and goes to disk
//! where it must, so the clusters are the same however many were at work and however little memory they had.

use super::clusters::{Clusters, Groups};
use super::index::Seen;
use super::minhash::{MinHash, Unions};
use super::near::Near;
use super::semantic::Semantic;
use super::simhash::SimHash;
use super::spill::{Sorter, Spill};
use super::{exact, url};
use crate::parallel;
use aquifer_corpus::Document;
use aquifer_record::FileError;

/// A way to tell copies.
#[derive(Clone)]
pub enum Method {
    /// Texts equal but for case and white space.
    Exact,
    /// Pages of one address.
    Url,
    /// Texts whose runs of five words overlap, each pair compared.
    Near(Near),
    /// Texts that share a band of their MinHash signatures.
    MinHash(MinHash),
    /// Texts whose SimHash fingerprints differ in few bits.
    SimHash(SimHash),
    /// Texts that mean the same by their vectors.
    Semantic(Semantic),
}

/// What each document left for being compared with others, by its number.
pub type Details<'a> = dyn Fn(u32) -> Result<Vec<u8>, FileError> + Sync + 'a;

/// Bytes of a document's number, behind its key.
const NUMBER: usize = size_of::<u32>();

impl Method {
    /// Bytes of a key.
    pub fn key_width(&self) -> usize {
        match self {
            Method::Exact | Method::Url => exact::MARK,
            Method::Near(_) => Near::KEY,
            Method::MinHash(minhash) => minhash.key_width(),
            Method::SimHash(_) => size_of::<u64>(),
            // It has no keys; a record has at least one byte.
            Method::Semantic(_) => 1,
        }
    }

    /// The keys of a document, none if it cannot be told by this method (it has no address, no shingle); returns what it
    /// is compared by with those that share a key, which is nothing where sharing one is enough.
    pub fn mark(&self, document: &Document, mut each: impl FnMut(&[u8])) -> Vec<u8> {
        match self {
            Method::Exact => each(&exact::mark(&document.text)),
            Method::Url => url::mark(document).iter().for_each(|mark| each(mark)),
            Method::Near(near) => return near.mark(&document.text, each),
            Method::Semantic(semantic) => return semantic.embed.note(&document.text),
            Method::MinHash(minhash) => minhash.keys(&document.text, each),
            Method::SimHash(simhash) => {
                simhash.fingerprint(&document.text).iter().for_each(|print| each(&print.to_be_bytes()));
            }
        }
        Vec::new()
    }

    /// Whether it tells how alike two copies are.
    pub fn compares(&self) -> bool {
        matches!(self, Method::Near(_) | Method::Semantic(_))
    }

    /// Takes records of a key and the number of its document (most significant byte first).
    pub fn sorter(&self, spill: Spill) -> Sorter {
        Sorter::new(self.key_width() + NUMBER, spill)
    }

    /// The clusters of documents `0..n` from the records of all of them, and what else was wished for.
    ///
    /// # Errors
    /// If sorting cannot write or read, or details or earlier keys cannot be had.
    ///
    /// # Panics
    /// For 2³² documents or more; if roots or earlier keys are wished for of a method that looks beyond equal keys.
    pub fn decide<'a>(
        &self,
        records: Sorter,
        n: usize,
        details: &'a Details<'a>,
        wishes: Wishes,
    ) -> Result<Decided<'a>, FileError> {
        let mut groups = Groups::new(n);
        let mut similarity: Option<Box<Similarity<'a>>> = None;
        let mut roots = wishes.roots.then(|| Unions::new(n));
        let mut met_earlier = Vec::new();
        match self {
            Method::Near(near) => {
                near.join(records, details, &mut groups)?;
                similarity = Some(Box::new(|a, b| Ok(Near::similarity(&details(a)?, &details(b)?))));
            }
            Method::Semantic(semantic) => {
                let vectors = semantic.join(n, details, records.spill(), &mut groups)?;
                similarity = Some(Box::new(move |a, b| vectors.cosine(a, b)));
            }
            Method::SimHash(simhash) => simhash.join_near(records, &mut groups)?,
            Method::Exact | Method::Url | Method::MinHash(_) => {
                let mut seen = wishes.seen;
                let meet = |key: &[u8], before: Option<u32>, number: u32| {
                    if let (Some(before), Some(roots)) = (before, &mut roots) {
                        roots.join(before, number);
                    }
                    if let (None, Some(seen)) = (before, &mut seen)
                        && seen.has(key)?
                    {
                        met_earlier.push(number);
                    }
                    Ok(())
                };
                join_equal(records, meet, &mut groups)?;
                seen.map_or(Ok(()), Seen::finish)?;
            }
        }
        let clusters = groups.clusters();
        let mut earlier = vec![false; if met_earlier.is_empty() { 0 } else { n }];
        met_earlier.iter().for_each(|&number| earlier[clusters.of[number as usize] as usize] = true);
        Ok(Decided { clusters, roots: roots.map(Unions::roots).unwrap_or_default(), earlier, similarity })
    }

    /// The clusters of documents at hand.
    ///
    /// # Errors
    /// If sorting cannot write or read.
    pub fn clusters(&self, documents: &[Document], spill: Spill) -> Result<Clusters, FileError> {
        const BATCH: usize = 1024;
        let mut sorter = self.sorter(spill);
        for (batch, documents) in documents.chunks(BATCH).enumerate() {
            let records = parallel::map(documents.len(), |i| {
                let number = ((batch * BATCH + i) as u32).to_be_bytes();
                let mut records: Vec<u8> = Vec::new();
                self.mark(&documents[i], |key| records.extend(key.iter().chain(&number)));
                records
            });
            let records = records.iter().flat_map(|records| records.chunks_exact(self.key_width() + NUMBER));
            records.into_iter().try_for_each(|record| sorter.push(record))?;
        }
        let details = |i: u32| Ok(self.mark(&documents[i as usize], |_| {}));
        Ok(self.decide(sorter, documents.len(), &details, Wishes::default())?.clusters)
    }

    /// Whether documents are copies by equal keys alone, so that the keys of earlier runs can be compared with.
    pub fn goes_by_keys(&self) -> bool {
        matches!(self, Method::Exact | Method::Url | Method::MinHash(_))
    }
}

/// What [`Method::decide`] is to find out beside the clusters.
#[derive(Default)]
pub struct Wishes {
    /// datatrove's roots, where documents are copies by equal keys.
    pub roots: bool,
    /// Which clusters earlier runs met, where documents are copies by equal keys.
    pub seen: Option<Seen>,
}

/// What [`Method::decide`] found.
pub struct Decided<'a> {
    /// Who belongs together.
    pub clusters: Clusters,
    /// For every document the member that datatrove's order of unions leaves as root, if it was wished for.
    pub roots: Vec<u32>,
    earlier: Vec<bool>,
    similarity: Option<Box<Similarity<'a>>>,
}

type Similarity<'a> = dyn Fn(u32, u32) -> Result<f64, FileError> + Sync + 'a;

impl Decided<'_> {
    /// Whether an earlier run met a member of this document's cluster.
    pub fn is_earlier(&self, i: usize) -> bool {
        self.earlier.get(self.clusters.of[i] as usize).is_some_and(|earlier| *earlier)
    }

    /// How alike two documents are, where the method [compares](Method::compares).
    ///
    /// # Errors
    /// If details cannot be had.
    pub fn similarity(&self, a: u32, b: u32) -> Result<Option<f64>, FileError> {
        self.similarity.as_ref().map(|similarity| similarity(a, b)).transpose()
    }
}

/// Joins the documents whose records, but for their number at the end, are equal; `each` is told every key, the document
/// before it that has the same, and the document.
pub(super) fn join_equal(
    sorter: Sorter,
    mut each: impl FnMut(&[u8], Option<u32>, u32) -> Result<(), FileError>,
    groups: &mut Groups,
) -> Result<(), FileError> {
    let (mut last, mut before) = (Vec::new(), None);
    let mut sorted = sorter.finish()?;
    while let Some(record) = sorted.next()? {
        let (key, number) = record.split_at(record.len() - NUMBER);
        let number = u32::from_be_bytes(number.try_into().expect("four bytes"));
        if last != key {
            last.clear();
            last.extend_from_slice(key);
            before = None;
        }
        each(key, before, number)?;
        if let Some(before) = before {
            groups.join(before, number);
        }
        before = Some(number);
    }
    Ok(())
}
