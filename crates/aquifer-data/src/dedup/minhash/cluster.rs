//! From pairs to clusters, and what to remove: datatrove's third stage.

use super::buckets::INDEXED;
use super::files::list;
use crate::dedup::{Clusters, damaged};
use aquifer_record::files::FileError;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};

/// What [`cluster`] writes beside `.remove`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterOptions {
    /// `.clusters`: the number of each duplicate's cluster.
    pub save_ids: bool,
    /// `.sizes`: the size of each duplicate's cluster.
    pub save_sizes: bool,
    /// Pairs with an index do not count.
    pub ignore_index: bool,
}

/// What [`cluster`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Documents that have a duplicate.
    pub duplicates: u64,
    /// Of these, to be removed.
    pub removed: u64,
    /// Clusters.
    pub clusters: u64,
}

/// Reads every `.dups` file of `pairs`, by name, and writes for every rank that has duplicates `000000.remove` (places of documents
/// to remove), and on request `.clusters` and `.sizes` (place and number), all 4-byte numbers in the order of documents.
///
/// Which member stays is decided by the order of unions, by size, of the first over the second where equal; the index
/// wins always.
///
/// # Errors
/// If a file cannot be read, is cut short, or cannot be written.
pub fn cluster(pairs: &Path, out: &Path, options: &ClusterOptions) -> Result<Counted, FileError> {
    let files: Vec<PathBuf> =
        list(pairs)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "dups")).collect();
    let mut nodes: Vec<u64> = Vec::new();
    let mut limit = 1 << 20;
    each_pair(&files, options, |a, b| {
        nodes.extend([a, b]);
        if nodes.len() >= limit {
            nodes.sort_unstable();
            nodes.dedup();
            limit = limit.max(2 * nodes.len());
        }
    })?;
    nodes.sort_unstable();
    nodes.dedup();
    let place = |node: u64| nodes.binary_search(&node).expect("collected above") as u32;
    let mut unions = Unions::new(nodes.len());
    if nodes.last() == Some(&index()) {
        unions.always_root = Some(nodes.len() as u32 - 1);
    }
    each_pair(&files, options, |a, b| unions.join(place(a), place(b)))?;

    let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
    let mut counted = Counted { duplicates: nodes.len() as u64, ..Default::default() };
    let mut start = 0;
    for rank_nodes in nodes.chunk_by(|a, b| a >> 32 == b >> 32) {
        let rank = rank_nodes[0] >> 32;
        let (mut remove, mut ids, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for (i, node) in (start..).zip(rank_nodes) {
            let document = (*node as u32).to_le_bytes();
            let root = unions.root(i);
            let next = numbers.len() as u32;
            let id = *numbers.entry(root).or_insert(next);
            if root != i {
                remove.extend(document);
            }
            ids.extend(document.into_iter().chain(id.to_le_bytes()));
            sizes.extend(document.into_iter().chain(unions.size[root as usize].to_le_bytes()));
        }
        start += rank_nodes.len() as u32;
        counted.removed += remove.len() as u64 / 4;
        for (wanted, ending, bytes) in [
            (!remove.is_empty(), "remove", remove),
            (options.save_ids, "clusters", ids),
            (options.save_sizes, "sizes", sizes),
        ] {
            if wanted {
                aquifer_record::write_atomic_bytes(&out.join(format!("{rank:06}.{ending}")), &bytes)?;
            }
        }
    }
    counted.clusters = numbers.len() as u64;
    Ok(counted)
}

/// The places of the documents of `rank` to remove; none where there is no such file.
///
/// # Errors
/// If the file cannot be read or is cut short.
pub fn read_removed(folder: &Path, rank: u32) -> Result<Vec<u32>, FileError> {
    let path = folder.join(format!("{rank:06}.remove"));
    match path.exists() {
        true => numbers(&path, 4).map(|numbers| numbers.into_iter().map(|[n]: [u32; 1]| n).collect()),
        false => Ok(Vec::new()),
    }
}

/// For every document the member of its cluster that datatrove's order of unions leaves as root. `pairs` are the pairs in
/// the order of the files; the clusters are theirs.
pub fn datatrove_roots(clusters: &Clusters, pairs: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let mut unions = Unions::new(clusters.len());
    pairs.for_each(|(a, b)| unions.join(a, b));
    unions.roots()
}

/// The node of the index.
fn index() -> u64 {
    u64::from(INDEXED) << 32 | u64::from(INDEXED)
}

fn each_pair(files: &[PathBuf], options: &ClusterOptions, mut each: impl FnMut(u64, u64)) -> Result<(), FileError> {
    for path in files {
        for [rank_a, a, rank_b, b] in numbers(path, 16)? {
            let node = |rank: u32, document: u32| u64::from(rank) << 32 | u64::from(document);
            let (a, b) = (node(rank_a, a), node(rank_b, b));
            if !(options.ignore_index && a == index()) {
                each(a, b);
            }
        }
    }
    Ok(())
}

/// A file of groups of `N` numbers.
fn numbers<const N: usize>(path: &Path, width: usize) -> Result<Vec<[u32; N]>, FileError> {
    let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
    if bytes.len() % width != 0 {
        let what = format!("has {} bytes, which is no multiple of {width}: it was cut short", bytes.len());
        return Err(damaged(path, what));
    }
    let number = |group: &[u8], i: usize| u32::from_le_bytes(group[4 * i..][..4].try_into().expect("four bytes"));
    Ok(bytes.chunks_exact(width).map(|group| std::array::from_fn(|i| number(group, i))).collect())
}

/// Union by size, the first of a pair before the second: what decides who stays.
pub(in crate::dedup) struct Unions {
    parent: Vec<u32>,
    size: Vec<u32>,
    /// The index, which is joined to nothing.
    always_root: Option<u32>,
}

impl Unions {
    pub(in crate::dedup) fn new(n: usize) -> Self {
        Unions { parent: (0..n as u32).collect(), size: vec![1; n], always_root: None }
    }

    fn root(&mut self, mut i: u32) -> u32 {
        while self.parent[i as usize] != i {
            self.parent[i as usize] = self.parent[self.parent[i as usize] as usize];
            i = self.parent[i as usize];
        }
        i
    }

    /// The root of each.
    pub(in crate::dedup) fn roots(mut self) -> Vec<u32> {
        (0..self.parent.len() as u32).map(|i| self.root(i)).collect()
    }

    pub(in crate::dedup) fn join(&mut self, a: u32, b: u32) {
        let (mut a, mut b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let larger = self.size[a as usize] < self.size[b as usize] && self.always_root != Some(a);
        if self.always_root == Some(b) || larger {
            (a, b) = (b, a);
        }
        self.parent[b as usize] = a;
        self.size[a as usize] += self.size[b as usize];
    }
}
