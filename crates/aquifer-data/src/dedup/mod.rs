//! Documents that are there twice: word for word, or nearly.
//!
//! Which copy stays does not depend on chance or threads: the earliest in the order given.

pub mod bloom;
pub mod clusters;
pub mod exact;
pub mod keep;
pub mod method;
pub mod minhash;
pub mod near;
pub mod sentence;
pub mod simhash;
pub mod spill;
pub mod substring;
pub mod trim;
pub mod universal;
pub mod url;

mod mt19937;

pub use clusters::Clusters;
pub use keep::{Keep, Standing};
pub use method::Method;

use aquifer_corpus::Document;
use aquifer_record::Stop;
use serde::{Deserialize, Serialize};

/// What counts as a duplicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DedupOptions {
    /// Remove documents whose texts are equal but for case and white space.
    pub exact: bool,
    /// Remove documents whose shingles overlap at least this much (Jaccard similarity); `None` leaves them.
    pub near: Option<f64>,
}

impl Default for DedupOptions {
    fn default() -> Self {
        DedupOptions { exact: true, near: Some(near::DEFAULT_THRESHOLD) }
    }
}

/// A document that was removed, and the one that stays in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The removed document.
    pub id: String,
    /// The document that stays.
    pub of: String,
    /// The Jaccard similarity of their shingles; 1 for exact duplicates. In a chain of near duplicates it may lie below
    /// the threshold: each is near to the next.
    pub similarity: f64,
}

/// What deduplication did.
#[derive(Clone, Debug, Default)]
pub struct Deduplicated {
    /// The documents that stay, in order.
    pub kept: Vec<Document>,
    /// Removed as word-for-word copies, with the documents themselves.
    pub exact: Vec<(Duplicate, Document)>,
    /// Removed as near copies, with the documents themselves.
    pub near: Vec<(Duplicate, Document)>,
}

/// Removes exact and then near duplicates.
pub fn deduplicate(documents: Vec<Document>, options: &DedupOptions, stop: &Stop) -> Deduplicated {
    let mut result = Deduplicated { kept: documents, ..Default::default() };
    if options.exact {
        let first = exact::first_copies(&result.kept);
        (result.kept, result.exact) = separate(result.kept, &first, |_, _| 1.0);
    }
    if let Some(threshold) = options.near.filter(|_| !stop.requested()) {
        let first = near::first_copies(&result.kept, threshold);
        (result.kept, result.near) = separate(result.kept, &first, |a, b| near::similarity(&a.text, &b.text));
    }
    result
}

/// Removes of every cluster all documents but one. Returns those that stay, and the others with how alike they are to it
/// (as [`near::similarity`] measures).
pub fn keep_one(
    documents: Vec<Document>,
    clusters: &Clusters,
    keep: Keep,
    standing: Standing,
) -> (Vec<Document>, Vec<(Duplicate, Document)>) {
    let kept = keep.kept(clusters, &vec![true; documents.len()], standing);
    let mut stays = vec![0; documents.len()];
    for i in (0..documents.len()).filter(|&i| kept[i]) {
        stays[clusters.of[i] as usize] = i;
    }
    let of: Vec<usize> = clusters.of.iter().map(|&cluster| stays[cluster as usize]).collect();
    separate(documents, &of, |a, b| near::similarity(&a.text, &b.text))
}

/// Splits documents into those that stay and those that do not; `first[i]` is the place of the member that stays.
fn separate(
    documents: Vec<Document>,
    first: &[usize],
    similarity: impl Fn(&Document, &Document) -> f64 + Sync,
) -> (Vec<Document>, Vec<(Duplicate, Document)>) {
    let copies: Vec<usize> = (0..first.len()).filter(|&i| first[i] != i).collect();
    let found = crate::parallel::map(copies.len(), |k| {
        let (copy, of) = (&documents[copies[k]], &documents[first[copies[k]]]);
        Duplicate { id: copy.id.clone(), of: of.id.clone(), similarity: similarity(copy, of) }
    });
    let mut found = found.into_iter();
    let (mut kept, mut removed) = (Vec::new(), Vec::new());
    for (i, document) in documents.into_iter().enumerate() {
        if first[i] == i {
            kept.push(document);
        } else {
            removed.push((found.next().expect("one for every copy"), document));
        }
    }
    (kept, removed)
}

#[cfg(test)]
mod tests;
