//! Ways to tell copies by what each document says alone: keys for every document, and clusters from all keys.
//!
//! Keys are made document by document, on any thread or machine; a [`Sorter`] takes them in whatever order and goes to disk
//! where it must, so the clusters are the same however many were at work and however little memory they had.

use super::clusters::{Clusters, Groups};
use super::minhash::MinHash;
use super::near::Near;
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
        }
    }

    /// The keys of a document, none if it cannot be told by this method (it has no address, no shingle); returns what it
    /// is compared by with those that share a key, which is nothing where sharing one is enough.
    pub fn mark(&self, document: &Document, mut each: impl FnMut(&[u8])) -> Vec<u8> {
        match self {
            Method::Exact => each(&exact::mark(&document.text)),
            Method::Url => url::mark(document).iter().for_each(|mark| each(mark)),
            Method::Near(near) => return near.mark(&document.text, each),
            Method::MinHash(minhash) => minhash.keys(&document.text, each),
            Method::SimHash(simhash) => {
                simhash.fingerprint(&document.text).iter().for_each(|print| each(&print.to_be_bytes()));
            }
        }
        Vec::new()
    }

    /// Whether it tells how alike two copies are.
    pub fn compares(&self) -> bool {
        matches!(self, Method::Near(_))
    }

    /// How alike two documents are by what they left, where the method [compares](Self::compares).
    pub fn similarity(&self, a: &[u8], b: &[u8]) -> Option<f64> {
        self.compares().then(|| Near::similarity(a, b))
    }

    /// Takes records of a key and the number of its document (most significant byte first).
    pub fn sorter(&self, spill: Spill) -> Sorter {
        Sorter::new(self.key_width() + NUMBER, spill)
    }

    /// The clusters of documents `0..n` from the records of all of them.
    ///
    /// # Errors
    /// If sorting cannot write or read, or details cannot be had.
    ///
    /// # Panics
    /// For 2³² documents or more.
    pub fn decide(&self, records: Sorter, n: usize, details: &Details) -> Result<Clusters, FileError> {
        let mut groups = Groups::new(n);
        match self {
            Method::Near(near) => near.join(records, details, &mut groups)?,
            Method::SimHash(simhash) => simhash.join_near(records, &mut groups)?,
            _ => join_equal(records, |_, _| Ok(()), &mut groups)?,
        }
        Ok(groups.clusters())
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
        self.decide(sorter, documents.len(), &|i| Ok(self.mark(&documents[i as usize], |_| {})))
    }
}

/// Joins the documents whose records, but for their number at the end, are equal; `each` is told every such key once, with
/// the first of its documents.
pub(super) fn join_equal(
    sorter: Sorter,
    mut each: impl FnMut(&[u8], u32) -> Result<(), FileError>,
    groups: &mut Groups,
) -> Result<(), FileError> {
    let mut last: Option<(Vec<u8>, u32)> = None;
    let mut sorted = sorter.finish()?;
    while let Some(record) = sorted.next()? {
        let (key, number) = record.split_at(record.len() - NUMBER);
        let number = u32::from_be_bytes(number.try_into().expect("four bytes"));
        match &last {
            Some((last, first)) if last == key => groups.join(*first, number),
            _ => {
                each(key, number)?;
                last = Some((key.to_vec(), number));
            }
        }
    }
    Ok(())
}
