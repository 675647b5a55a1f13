//! Who stays: those for which the condition holds, and of copies among them one.

use super::super::run::Pipeline;
use super::Keep;
use super::table::PartTable;
use aquifer_record::data::Size;
use rustc_hash::FxHashMap;

/// The documents for which the condition holds.
pub(super) struct Survivors {
    keep: Keep,
    parts: Vec<Vec<bool>>,
    /// For each barrier, in order: its name, the best of each cluster, and how many were never compared.
    barriers: Vec<Barrier>,
    candidates: Vec<Candidate>,
    kept: Size,
    rescued: u64,
}

struct Barrier {
    name: String,
    best: FxHashMap<u64, usize>,
    not_compared: u64,
}

struct Candidate {
    part: usize,
    row: usize,
    bytes: u64,
    rescued: bool,
    /// Its cluster at each barrier.
    clusters: Vec<Option<u64>>,
}

impl Survivors {
    pub(super) fn new(pipeline: &Pipeline, keep: Keep) -> Self {
        let names = pipeline.segments.iter().filter_map(|segment| segment.barrier.as_ref());
        let barriers =
            names.map(|b| Barrier { name: b.name().to_owned(), best: FxHashMap::default(), not_compared: 0 });
        let (parts, candidates) = (Vec::new(), Vec::new());
        Survivors { keep, parts, barriers: barriers.collect(), candidates, kept: Size::default(), rescued: 0 }
    }

    /// Adds the documents of a part, after those of the parts before it.
    pub(super) fn add(&mut self, part: usize, table: &PartTable, holds: &[Option<bool>]) {
        self.parts.push(vec![false; holds.len()]);
        for row in (0..holds.len()).filter(|&row| holds[row] == Some(true)) {
            let clusters = table.clusters().iter().map(|(_, clusters)| clusters[row]).collect();
            let rescued = table.dropped_in(row).is_some();
            self.candidates.push(Candidate { part, row, bytes: table.bytes(row), rescued, clusters });
        }
    }

    /// Which documents of each part stay.
    pub(super) fn decide(&mut self) -> Vec<Vec<bool>> {
        let mut stays = vec![true; self.candidates.len()];
        for (at, barrier) in self.barriers.iter_mut().enumerate() {
            for (i, candidate) in self.candidates.iter().enumerate().filter(|(i, _)| stays[*i]) {
                let Some(cluster) = candidate.clusters[at] else {
                    barrier.not_compared += 1;
                    continue;
                };
                let best = barrier.best.entry(cluster).or_insert(i);
                if self.keep == Keep::Longest && candidate.bytes > self.candidates[*best].bytes {
                    *best = i;
                }
            }
            if self.keep == Keep::All {
                continue;
            }
            for (i, candidate) in self.candidates.iter().enumerate() {
                stays[i] &= candidate.clusters[at].is_none_or(|cluster| barrier.best.get(&cluster) == Some(&i));
            }
        }
        for (candidate, _) in self.candidates.iter().zip(&stays).filter(|(_, stays)| **stays) {
            self.parts[candidate.part][candidate.row] = true;
            self.kept.documents += 1;
            self.kept.bytes += candidate.bytes;
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
        let some = self.barriers.iter().filter(|barrier| barrier.not_compared > 0);
        some.map(|barrier| (barrier.name.clone(), barrier.not_compared)).collect()
    }
}
