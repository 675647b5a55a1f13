//! Sorting more records than memory holds: sorted runs on disk, merged when all are there.
//!
//! Records are byte strings of one width and are compared as such, so numbers go in most significant byte first. The
//! order is total (equal records are the same record), hence the result does not depend on the bound, nor on who pushed
//! what first.

use aquifer_record::files::{Appender, FileError};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Runs merged at once; more are first merged into longer ones.
const FAN_IN: usize = 64;
/// What a reader of a run holds.
const READ_BYTES: usize = 1 << 16;
/// What sorting holds for each record beside it.
const INDEX_BYTES: usize = size_of::<(u64, u32)>();

/// Where, and from how many bytes on, sorting goes to disk.
#[derive(Clone, Debug)]
pub struct Spill {
    /// Bytes of records held before they are written; readers of runs hold at most 4 MiB more.
    pub memory: usize,
    /// In which folder runs are written; it must exist. They are gone when sorting is over, however it ends.
    pub folder: PathBuf,
}

impl Spill {
    /// Runs of `memory` bytes in the system's folder for temporary files.
    pub fn to_temporary(memory: usize) -> Self {
        Spill { memory, folder: std::env::temp_dir() }
    }

    /// The same folder, and a part of the memory.
    pub fn share(&self, of: usize) -> Self {
        Spill { memory: self.memory / of.max(1), folder: self.folder.clone() }
    }
}

/// Takes records in any order.
pub struct Sorter {
    width: usize,
    capacity: usize,
    spill: Spill,
    records: Vec<u8>,
    runs: Runs,
}

impl Sorter {
    /// For records of `width` bytes.
    pub fn new(width: usize, spill: Spill) -> Self {
        assert!(width > 0, "records have at least one byte");
        let capacity = (spill.memory / (width + INDEX_BYTES)).clamp(16, u32::MAX as usize);
        Sorter { width, capacity, spill, records: Vec::new(), runs: Runs::default() }
    }

    /// Where this sorts.
    pub fn spill(&self) -> &Spill {
        &self.spill
    }

    /// Takes a record.
    ///
    /// # Errors
    /// If a run cannot be written.
    pub fn push(&mut self, record: &[u8]) -> Result<(), FileError> {
        assert_eq!(record.len(), self.width, "a record of another width");
        if self.records.len() == self.capacity * self.width {
            let order = order(&self.records, self.width);
            let sorted = order.iter().map(|&i| record_at(&self.records, self.width, i));
            self.runs.write(&self.spill.folder, 0, sorted)?;
            self.runs.shorten(self.width, &self.spill.folder)?;
            self.records.clear();
        }
        self.records.extend_from_slice(record);
        Ok(())
    }

    /// All records in ascending order, each as often as it was pushed.
    ///
    /// # Errors
    /// If a run cannot be read.
    pub fn finish(self) -> Result<Sorted, FileError> {
        let order = order(&self.records, self.width);
        let merge = self.runs.merge(self.width, ..)?;
        let memory = Memory { records: self.records, order, at: 0 };
        Ok(Sorted { width: self.width, memory, merge, current: Vec::new(), _runs: self.runs })
    }
}

fn record_at(records: &[u8], width: usize, i: u32) -> &[u8] {
    &records[i as usize * width..][..width]
}

/// The places of the records in ascending order.
fn order(records: &[u8], width: usize) -> Vec<u32> {
    let prefix = |record: &[u8]| {
        let mut first = [0; 8];
        let n = width.min(8);
        first[..n].copy_from_slice(&record[..n]);
        u64::from_be_bytes(first)
    };
    let mut keyed: Vec<(u64, u32)> =
        records.chunks_exact(width).enumerate().map(|(i, record)| (prefix(record), i as u32)).collect();
    keyed.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| record_at(records, width, a.1).cmp(record_at(records, width, b.1)))
    });
    keyed.into_iter().map(|(_, i)| i).collect()
}

/// Records in ascending order.
pub struct Sorted {
    width: usize,
    memory: Memory,
    merge: Merge,
    current: Vec<u8>,
    // Keeps the files until all is read.
    _runs: Runs,
}

struct Memory {
    records: Vec<u8>,
    order: Vec<u32>,
    at: usize,
}

impl Sorted {
    /// The next record.
    ///
    /// # Errors
    /// If a run cannot be read.
    #[allow(clippy::should_implement_trait)] // It lends what it returns, which an iterator cannot.
    pub fn next(&mut self) -> Result<Option<&[u8]>, FileError> {
        let Memory { records, order, at } = &mut self.memory;
        let here = order.get(*at).map(|&i| record_at(records, self.width, i));
        let from_memory = match (here, self.merge.peek()) {
            (Some(here), Some(there)) => here <= there,
            (here, _) => here.is_some(),
        };
        if from_memory {
            *at += 1;
            return Ok(here);
        }
        Ok(self.merge.next(&mut self.current)?.then_some(self.current.as_slice()))
    }

    /// Calls `each` for every group of records whose first `prefix` bytes are equal, with those bytes and the rest of
    /// each record, in order.
    ///
    /// # Errors
    /// If a run cannot be read.
    pub fn each_group(mut self, prefix: usize, mut each: impl FnMut(&[u8], &[&[u8]])) -> Result<(), FileError> {
        let rest = self.width - prefix;
        let (mut key, mut members): (Vec<u8>, Vec<u8>) = Default::default();
        let mut give = |key: &[u8], members: &mut Vec<u8>| {
            if !members.is_empty() {
                each(key, &members.chunks_exact(rest).collect::<Vec<_>>());
                members.clear();
            }
        };
        while let Some(record) = self.next()? {
            if record[..prefix] != key[..] {
                give(&key, &mut members);
                key.clear();
                key.extend_from_slice(&record[..prefix]);
            }
            members.extend_from_slice(&record[prefix..]);
        }
        give(&key, &mut members);
        Ok(())
    }
}

/// Runs on disk by level: `levels[l]` were merged from [`FAN_IN`]ˡ first ones each.
#[derive(Default)]
struct Runs {
    folder: Option<tempfile::TempDir>,
    levels: Vec<Vec<PathBuf>>,
    written: usize,
}

impl Runs {
    fn write<'a>(
        &mut self,
        folder: &Path,
        level: usize,
        records: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), FileError> {
        let mut out = self.new_run(folder, level)?;
        records.into_iter().try_for_each(|record| out.push(record))?;
        out.flush()
    }

    fn new_run(&mut self, folder: &Path, level: usize) -> Result<RunWriter, FileError> {
        if self.folder.is_none() {
            let made = tempfile::Builder::new().prefix("aquifer-sort-").tempdir_in(folder);
            self.folder = Some(made.map_err(FileError::at("create a folder for sorted runs in", folder))?);
        }
        let path = self.folder.as_ref().map_or(folder, |f| f.path()).join(format!("run-{}", self.written));
        self.written += 1;
        self.levels.resize(self.levels.len().max(level + 1), Vec::new());
        self.levels[level].push(path.clone());
        Ok(RunWriter { out: Appender::open(&path)?, path, buffer: Vec::with_capacity(READ_BYTES) })
    }

    /// Merges a full level into one run of the next.
    fn shorten(&mut self, width: usize, folder: &Path) -> Result<(), FileError> {
        for level in 0.. {
            if self.levels.get(level).is_none_or(|runs| runs.len() < FAN_IN) {
                break;
            }
            let mut merge = self.merge(width, level..level + 1)?;
            let merged = std::mem::take(&mut self.levels[level]);
            let mut out = self.new_run(folder, level + 1)?;
            let mut record = Vec::new();
            while merge.next(&mut record)? {
                out.push(&record)?;
            }
            out.flush()?;
            for path in merged {
                std::fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
            }
        }
        Ok(())
    }

    fn merge(
        &self,
        width: usize,
        levels: impl std::slice::SliceIndex<[Vec<PathBuf>], Output = [Vec<PathBuf>]>,
    ) -> Result<Merge, FileError> {
        let runs = self.levels[levels].iter().flatten();
        let readers = runs.map(|path| {
            let file = File::open(path).map_err(FileError::at("open", path))?;
            Ok(RunReader { input: BufReader::with_capacity(READ_BYTES, file), path: path.clone() })
        });
        Merge::new(width, readers.collect::<Result<_, FileError>>()?)
    }
}

struct RunWriter {
    out: Appender,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl RunWriter {
    fn push(&mut self, record: &[u8]) -> Result<(), FileError> {
        if self.buffer.len() + record.len() > READ_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(record);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FileError> {
        self.out.append(&self.buffer).map_err(FileError::at("write", &self.path))?;
        self.buffer.clear();
        Ok(())
    }
}

struct RunReader {
    input: BufReader<File>,
    path: PathBuf,
}

/// The least of the runs' first records, again and again.
struct Merge {
    readers: Vec<RunReader>,
    heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
}

impl Merge {
    fn new(width: usize, readers: Vec<RunReader>) -> Result<Self, FileError> {
        let mut merge = Merge { readers, heap: BinaryHeap::new() };
        for i in 0..merge.readers.len() {
            merge.refill(vec![0; width], i)?;
        }
        Ok(merge)
    }

    fn peek(&self) -> Option<&[u8]> {
        self.heap.peek().map(|Reverse((record, _))| record.as_slice())
    }

    /// Puts the next record into `out`; `false` at the end.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, FileError> {
        let Some(Reverse((record, i))) = self.heap.pop() else { return Ok(false) };
        out.clear();
        out.extend_from_slice(&record);
        self.refill(record, i)?;
        Ok(true)
    }

    fn refill(&mut self, mut record: Vec<u8>, i: usize) -> Result<(), FileError> {
        let RunReader { input, path } = &mut self.readers[i];
        let ended = std::io::BufRead::fill_buf(input).map_err(FileError::at("read", &*path))?.is_empty();
        if !ended {
            input.read_exact(&mut record).map_err(FileError::at("read", &*path))?;
            self.heap.push(Reverse((record, i)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(records: &[Vec<u8>], memory: usize) -> Vec<Vec<u8>> {
        let mut sorter = Sorter::new(3, Spill::to_temporary(memory));
        records.iter().for_each(|record| sorter.push(record).unwrap());
        let (mut sorted, mut out) = (sorter.finish().unwrap(), Vec::new());
        while let Some(record) = sorted.next().unwrap() {
            out.push(record.to_vec());
        }
        out
    }

    proptest! {
        #[test]
        fn any_bound_sorts(records in prop::collection::vec(prop::collection::vec(0_u8..4, 3), 0..200)) {
            let mut expected = records.clone();
            expected.sort();
            for memory in [0, 1000, 1 << 20] {
                prop_assert_eq!(&sorted(&records, memory), &expected);
            }
        }
    }

    #[test]
    fn more_runs_than_are_merged_at_once() {
        // 16 records a run: 79 runs, so that one level is merged before the end.
        let records: Vec<Vec<u8>> =
            (0..16 * 79_u32).map(|i| (i * 7919 % 100_003).to_be_bytes()[1..].to_vec()).collect();
        let mut expected = records.clone();
        expected.sort();
        assert_eq!(sorted(&records, 0), expected);
    }

    #[test]
    fn groups_share_their_beginning() {
        let mut sorter = Sorter::new(3, Spill::to_temporary(0));
        for record in [*b"ab2", *b"cd1", *b"ab1", *b"ef9"] {
            sorter.push(&record).unwrap();
        }
        let mut groups = Vec::new();
        let collect = |key: &[u8], rest: &[&[u8]]| groups.push((key.to_vec(), rest.concat()));
        sorter.finish().unwrap().each_group(2, collect).unwrap();
        let groups: Vec<_> = groups.iter().map(|(k, r)| (k.as_slice(), r.as_slice())).collect();
        assert_eq!(groups, [(&b"ab"[..], &b"12"[..]), (b"cd", b"1"), (b"ef", b"9")]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let mut sorter = Sorter::new(1, Spill { memory: 0, folder: "/nowhere/at/all".into() });
        let error = (0..40).find_map(|_| sorter.push(b"x").err()).unwrap();
        assert!(error.to_string().contains("`/nowhere/at/all`"), "{error}");
    }
}
