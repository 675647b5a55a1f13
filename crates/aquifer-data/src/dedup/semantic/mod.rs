//! Documents that mean the same: vectors, clusters of vectors, and within a cluster all pairs above a threshold.
//!
//! Abbas et al., "SemDeDup: Data-efficient learning at web-scale through semantic deduplication", 2023,
//! <https://arxiv.org/abs/2303.09540>. Two things differ from the paper: copies are the connected components of the pairs,
//! and which member stays is chosen as for every other method (the paper keeps the one farthest from the centre of its
//! cluster). As there, pairs whose members fall into different clusters of vectors are not seen.
//!
//! What makes the vectors is an [`Embed`].

mod embed;
mod means;
mod vectors;
mod words;

pub use embed::{Embed, ToVector};
pub use words::WordAverages;

use super::clusters::Groups;
use super::method::Details;
use super::spill::{Sorter, Spill};
use crate::parallel;
use aquifer_ops::order::MIN_SHARD;
use aquifer_ops::{PackedWeight, Precision, linear};
use aquifer_record::FileError;
use aquifer_tensor::{View, ViewMut};
use std::ops::Range;
use std::sync::Arc;
use vectors::Vectors;

/// Finds documents that mean the same.
#[derive(Clone)]
pub struct Semantic {
    /// Cosine from which two documents are copies, above 0 and up to 1.
    pub threshold: f64,
    /// Clusters of vectors; 0 is one for up to 4096 documents, and the root of their number for more.
    pub clusters: usize,
    /// What makes the vectors.
    pub embed: Arc<dyn Embed>,
}

/// Cosine from which two documents are copies.
pub const DEFAULT_THRESHOLD: f64 = 0.98;

/// Up to so many documents every pair is compared.
const ALL_PAIRS: usize = 4096;
/// Vectors worked on at once.
const BLOCK: usize = 1024;

impl Semantic {
    /// By averages of word vectors that are learnt from the documents themselves.
    pub fn of_words(words: WordAverages) -> Self {
        Semantic { threshold: DEFAULT_THRESHOLD, clusters: 0, embed: Arc::new(words) }
    }

    /// Joins documents `0..n` that mean the same; returns their vectors, to tell how alike any two are.
    pub(super) fn join(
        &self,
        n: usize,
        details: &Details,
        spill: &Spill,
        groups: &mut Groups,
    ) -> Result<Vectors, FileError> {
        let vectors = self.embed(n, details, spill)?;
        let with: Vec<u32> = (0..n as u32).filter(|&i| vectors.has(i)).collect();
        let k = match self.clusters {
            0 if with.len() <= ALL_PAIRS => 1,
            0 => with.len().isqrt(),
            k => k.min(with.len()),
        };
        let mut by_cluster = Sorter::new(4 + vectors.bytes() + 4, spill.clone());
        means::assign(&vectors, &with, k.max(1), |cluster, vector, document| {
            by_cluster.push(&[&cluster.to_be_bytes(), vector, &document.to_be_bytes()].concat())
        })?;
        self.compare(by_cluster, vectors.width(), spill, groups)?;
        Ok(vectors)
    }

    fn embed(&self, n: usize, details: &Details, spill: &Spill) -> Result<Vectors, FileError> {
        let to_vector = self.embed.learn(n, details)?;
        let width = self.embed.width();
        let mut vectors = Vectors::create(width, &spill.folder)?;
        for begin in (0..n).step_by(BLOCK) {
            let made = parallel::map(BLOCK.min(n - begin), |k| {
                let mut vector = vec![0.0; width];
                let known = to_vector(&details((begin + k) as u32)?, &mut vector);
                Ok::<_, FileError>(known.then_some(vector))
            });
            made.into_iter().try_for_each(|vector| vectors.push(vector?.as_deref()))?;
        }
        Ok(vectors)
    }

    /// Joins within each cluster: equal vectors as they stand next to one another, the others pair by pair.
    fn compare(&self, by_cluster: Sorter, width: usize, spill: &Spill, groups: &mut Groups) -> Result<(), FileError> {
        let bytes = 4 * width;
        let mut last: Option<(Vec<u8>, u32)> = None;
        let mut distinct =
            Distinct { cluster: 0, numbers: Vec::new(), vectors: Vectors::create(width, &spill.folder)? };
        let mut sorted = by_cluster.finish()?;
        while let Some(record) = sorted.next()? {
            let (key, number) = record.split_at(4 + bytes);
            let number = number_of(number);
            match &last {
                Some((last, first)) if last == key => groups.join(*first, number),
                _ => {
                    let cluster = number_of(&key[..4]);
                    if cluster != distinct.cluster {
                        self.pairs(&mut distinct, spill, groups)?;
                        distinct.cluster = cluster;
                    }
                    distinct.numbers.push(number);
                    distinct.vectors.push_bytes(&key[4..])?;
                    last = Some((key.to_vec(), number));
                }
            }
        }
        self.pairs(&mut distinct, spill, groups)
    }

    /// Joins every two of these whose vectors are near, a block of them against another at a time; and forgets them.
    fn pairs(&self, distinct: &mut Distinct, spill: &Spill, groups: &mut Groups) -> Result<(), FileError> {
        let numbers = std::mem::take(&mut distinct.numbers);
        let fresh = Vectors::create(distinct.vectors.width(), &spill.folder)?;
        let vectors = std::mem::replace(&mut distinct.vectors, fresh);
        let blocks: Vec<Range<usize>> =
            (0..numbers.len()).step_by(BLOCK).map(|from| from..(from + BLOCK).min(numbers.len())).collect();
        for (i, rows) in blocks.iter().enumerate() {
            let block = Block::of(&vectors, rows.clone())?;
            for columns in &blocks[i..] {
                let (other, products) = block.against(&vectors, columns.clone())?;
                for (row, products) in rows.clone().zip(products.chunks_exact(other)) {
                    for (column, &product) in columns.clone().zip(products) {
                        if column > row && f64::from(product) >= self.threshold {
                            groups.join(numbers[row], numbers[column]);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The vectors of a cluster, each once, and the first document with it.
struct Distinct {
    cluster: u32,
    numbers: Vec<u32>,
    vectors: Vectors,
}

/// Some vectors, ready to be multiplied by others.
struct Block {
    values: Vec<f32>,
    width: usize,
}

impl Block {
    fn of(vectors: &Vectors, rows: Range<usize>) -> Result<Self, FileError> {
        Ok(Block { values: vectors.read(rows)?, width: vectors.width() })
    }

    /// The products of every row with every one of these rows; and how many these are.
    fn against(&self, vectors: &Vectors, rows: Range<usize>) -> Result<(usize, Vec<f32>), FileError> {
        let n = rows.len();
        Ok((n, products(&self.values, &vectors.read(rows)?, self.width)))
    }
}

/// Every row of `a` times every row of `b`, the same bits whatever stands beside them.
fn products(a: &[f32], b: &[f32], width: usize) -> Vec<f32> {
    let (m, n) = (a.len() / width, b.len() / width);
    let packed = PackedWeight::new(&View::of(b, [n, width]), MIN_SHARD, Precision::F32).expect("two axes of floats");
    let mut out = vec![0.0; m * n];
    linear(&View::of(a, [m, width]), &packed, None, &mut ViewMut::of(&mut out, [m, n])).expect("shapes that fit");
    out
}

fn number_of(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests;
