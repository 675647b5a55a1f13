//! Who stays: those for which the condition holds, and of copies among them one.

use super::super::run::Pipeline;
use super::table::PartTable;
use crate::dedup::{Clusters, Keep, Standing};
use aquifer_record::data::Size;
use rustc_hash::FxHashMap;

/// The documents for which the condition holds.
pub(super) struct Survivors {
    /// Which of several copies stays; all, if none.
    keep: Option<Keep>,
    parts: Vec<Vec<bool>>,
    /// For each barrier that tells clusters, in order: its name, and how many were never compared.
    barriers: Vec<(String, u64)>,
    candidates: Vec<Candidate>,
    /// Bytes of each candidate's text as it came.
    bytes: Vec<u64>,
    kept: Size,
    rescued: u64,
}

struct Candidate {
    part: usize,
    row: usize,
    rescued: bool,
    /// Its cluster at each barrier.
    clusters: Vec<Option<u64>>,
}

impl Survivors {
    pub(super) fn new(pipeline: &Pipeline, keep: Option<Keep>) -> Self {
        let barriers = pipeline.segments.iter().filter_map(|segment| segment.barrier.as_ref());
        let barriers = barriers.filter(|barrier| barrier.clusters().is_some());
        let barriers = barriers.map(|barrier| (barrier.name().to_owned(), 0)).collect();
        let (parts, candidates, bytes) = Default::default();
        Survivors { keep, parts, barriers, candidates, bytes, kept: Size::default(), rescued: 0 }
    }

    /// Adds the documents of a part, after those of the parts before it.
    pub(super) fn add(&mut self, part: usize, table: &PartTable, holds: &[Option<bool>]) {
        self.parts.push(vec![false; holds.len()]);
        // Members of an earlier run always win; where copies may stay, so may these.
        let loses = |row: usize| self.keep.is_some() && table.is_earlier(row);
        for row in (0..holds.len()).filter(|&row| holds[row] == Some(true) && !loses(row)) {
            let clusters = table.clusters().iter().map(|(_, clusters)| clusters[row]).collect();
            let rescued = table.dropped_in(row).is_some();
            self.candidates.push(Candidate { part, row, rescued, clusters });
            self.bytes.push(table.bytes(row));
        }
    }

    /// Which documents of each part stay.
    pub(super) fn decide(&mut self) -> Vec<Vec<bool>> {
        let mut stays = vec![true; self.candidates.len()];
        for (at, (_, not_compared)) in self.barriers.iter_mut().enumerate() {
            let mut first = FxHashMap::default();
            let of = self.candidates.iter().zip(0..).map(|(candidate, i)| match candidate.clusters[at] {
                Some(cluster) => *first.entry(cluster).or_insert(i),
                None => i,
            });
            let clusters = Clusters { of: of.collect(), sizes: Vec::new() };
            let alone = self.candidates.iter().zip(&stays).filter(|(c, stays)| **stays && c.clusters[at].is_none());
            *not_compared = alone.count() as u64;
            if let Some(keep) = self.keep {
                stays = keep.kept(&clusters, &stays, Standing { lengths: &self.bytes, ..Standing::default() });
            }
        }
        let all = self.candidates.iter().zip(&self.bytes).zip(&stays);
        for ((candidate, bytes), _) in all.filter(|(_, stays)| **stays) {
            self.parts[candidate.part][candidate.row] = true;
            self.kept.documents += 1;
            self.kept.bytes += bytes;
            self.rescued += u64::from(candidate.rescued);
        }
        std::mem::take(&mut self.parts)
    }

    /// How many stay, with the bytes of their texts as they came.
    pub(super) fn size(&self) -> Size {
        self.kept
    }

    pub(super) fn rescued(&self) -> u64 {
        self.rescued
    }

    /// For each barrier that some never met, how many.
    pub(super) fn not_compared(&self) -> Vec<(String, u64)> {
        self.barriers.iter().filter(|(_, count)| *count > 0).cloned().collect()
    }
}
