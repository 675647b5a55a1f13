//! Pairs of documents that share a band, from signature files: datatrove's second stage.

use super::MinHash;
use super::files::{RecordReader, SignatureFiles, bucket_folder, list, swapped};
use crate::dedup::damaged;
use aquifer_record::files::FileError;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Which part of which bucket, and against what.
#[derive(Clone, Debug)]
pub struct PairOptions {
    /// The bucket.
    pub bucket: usize,
    /// Which of `workers` parts of the bucket's values.
    pub worker: usize,
    /// Into how many parts a bucket is cut.
    pub workers: usize,
    /// Signatures of earlier runs.
    pub index: Option<Index>,
}

/// Signatures of earlier runs, and what is to become of these.
#[derive(Clone, Debug)]
pub struct Index {
    /// Its folder: `bucket_000/NAME_00.minhash.index` and so on.
    pub folder: PathBuf,
    /// Documents are compared with the index and not with one another. As in datatrove, only the first document of
    /// each signature then meets the index.
    pub only: bool,
    /// Adds the signatures that are not in it under this name.
    pub create: Option<String>,
}

impl PairOptions {
    /// A whole bucket, without an index.
    pub fn bucket(bucket: usize) -> Self {
        PairOptions { bucket, worker: 0, workers: 1, index: None }
    }
}

/// The number that stands for file and document of an index.
pub(super) const INDEXED: u32 = u32::MAX;

/// Writes `BUCKET_WORKER.dups` into `out`: for every two documents next to one another in the order of signatures whose
/// bands are equal, four 4-byte numbers: rank and place of the first, rank and place of the second; all ones for both
/// numbers of an index. Returns the number of pairs.
///
/// # Errors
/// If a file cannot be read, is cut short, not in order, or not written with these parameters; or writing fails.
pub fn find_pairs(
    signatures: &SignatureFiles,
    minhash: &MinHash,
    out: &Path,
    options: &PairOptions,
) -> Result<u64, FileError> {
    let PairOptions { bucket, worker, workers, ref index } = *options;
    let ours = signatures.of_bucket(bucket)?;
    let range = Range::of(&ours, minhash, worker, workers)?;
    let theirs = index.as_ref().map_or(Ok(Vec::new()), |index| index_files(index, bucket))?;
    let mut merge = Merge::of(&ours, &theirs, minhash, range)?;

    let only_in_index = !theirs.is_empty() && index.as_ref().is_some_and(|index| index.only);
    let mut pairs = 0;
    let mut find = |dups: &mut dyn Write, new: &mut dyn Write| -> io::Result<()> {
        let mut last: Option<(Vec<u8>, Option<(u32, u32)>)> = None;
        while let Some((key, document)) = merge.next().map_err(io::Error::other)? {
            if let Some(second) = document {
                let same = last.as_ref().filter(|(last, _)| *last == key).map(|(_, first)| *first);
                let first = match same {
                    Some(None) => Some((INDEXED, INDEXED)),
                    Some(first) if !only_in_index => first,
                    Some(_) => None,
                    None => {
                        new.write_all(&swapped(&key, minhash.value_bytes))?;
                        None
                    }
                };
                if let Some(first) = first {
                    for number in [first.0, first.1, second.0, second.1] {
                        dups.write_all(&number.to_le_bytes())?;
                    }
                    pairs += 1;
                }
            }
            last = Some((key, document));
        }
        Ok(())
    };
    let dups = out.join(format!("{bucket:05}_{worker:02}.dups"));
    match index.as_ref().and_then(|index| Some((index, index.create.as_ref()?))) {
        None => aquifer_record::write_atomic(&dups, |dups| find(dups, &mut io::sink()))?,
        Some((index, name)) => {
            let new = bucket_folder(&index.folder, bucket).join(format!("{name}_{worker:02}.minhash.index"));
            // The index appears once its pairs are there: whoever finds it need not ask for them.
            aquifer_record::write_atomic(&new, |new| {
                aquifer_record::write_atomic(&dups, |dups| find(dups, new)).map_err(io::Error::other)
            })?;
        }
    }
    Ok(pairs)
}

/// Writes the signatures of a bucket, each once, as `bucket_000/NAME.minhash.index` into the folder of an index.
///
/// # Errors
/// As [`find_pairs`].
pub fn build_index(
    signatures: &SignatureFiles,
    minhash: &MinHash,
    bucket: usize,
    folder: &Path,
    name: &str,
) -> Result<(), FileError> {
    let files = signatures.of_bucket(bucket)?;
    let range = Range::of(&files, minhash, 0, 1)?;
    let mut merge = Merge::of(&files, &[], minhash, range)?;
    let path = bucket_folder(folder, bucket).join(format!("{name}.minhash.index"));
    aquifer_record::write_atomic(&path, |out| {
        let mut last = Vec::new();
        while let Some((key, _)) = merge.next().map_err(io::Error::other)? {
            if key != last {
                out.write_all(&swapped(&key, minhash.value_bytes))?;
            }
            last = key;
        }
        Ok(())
    })
}

/// The files of an index, without those under the name that is to be written.
fn index_files(index: &Index, bucket: usize) -> Result<Vec<PathBuf>, FileError> {
    let folder = bucket_folder(&index.folder, bucket);
    if !folder.exists() && index.create.is_some() {
        return Ok(Vec::new());
    }
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let worker =
            index.create.as_ref().and_then(|own| name.strip_prefix(&format!("{own}_"))?.strip_suffix(".minhash.index"));
        worker.is_some_and(|worker| worker.len() == 2 && worker.bytes().all(|b| b.is_ascii_digit()))
    };
    Ok(list(&folder)?.into_iter().filter(|path| !own(path)).collect())
}

/// The first values of a worker: from `from` on and below `below`.
struct Range {
    from: Vec<u8>,
    below: Vec<u8>,
}

impl Range {
    /// Cut where the first file has an equal number of records for every worker. All workers look at the same file, so
    /// their parts meet. (Below the largest 32-bit value, of 32-bit ones: datatrove leaves that one out.)
    fn of(files: &[(u32, PathBuf)], minhash: &MinHash, worker: usize, workers: usize) -> Result<Self, FileError> {
        let end = if minhash.value_bytes == 8 { crate::dedup::universal::PRIME } else { u64::from(u32::MAX) };
        let mut range = Range { from: Vec::new(), below: end.to_be_bytes()[8 - minhash.value_bytes..].to_vec() };
        if let Some((_, path)) = files.first().filter(|_| workers > 1) {
            let mut reader = RecordReader::open(path, minhash, true)?;
            let each = reader.left() / workers as u64;
            if each == 0 {
                let few = format!("has {} records, too few to be cut for {workers} workers", reader.left());
                return Err(damaged(path, few));
            }
            if worker > 0 {
                range.from = reader.first_value(each * worker as u64)?;
            }
            if worker + 1 < workers {
                range.below = reader.first_value(each * (worker as u64 + 1))?;
            }
        }
        Ok(range)
    }
}

/// All sources in the order of signatures, then of sources, then of documents.
struct Merge {
    sources: Vec<(Option<u32>, RecordReader)>,
    heap: BinaryHeap<Reverse<(Vec<u8>, usize, u32)>>,
    range: Range,
}

impl Merge {
    fn of(files: &[(u32, PathBuf)], index: &[PathBuf], minhash: &MinHash, range: Range) -> Result<Self, FileError> {
        // An index comes before the documents of the same signature.
        let sources = index.iter().map(|path| (None, path)).chain(files.iter().map(|(rank, path)| (Some(*rank), path)));
        let mut merge = Merge { sources: Vec::new(), heap: BinaryHeap::new(), range };
        for (i, (rank, path)) in sources.enumerate() {
            let mut reader = RecordReader::open(path, minhash, rank.is_some())?;
            reader.seek(&merge.range.from)?;
            merge.sources.push((rank, reader));
            merge.refill(i)?;
        }
        Ok(merge)
    }

    /// A signature, with rank and place of its document unless it is of an index.
    fn next(&mut self) -> Result<Option<(Vec<u8>, Option<(u32, u32)>)>, FileError> {
        let Some(Reverse((key, i, document))) = self.heap.pop() else { return Ok(None) };
        self.refill(i)?;
        Ok(Some((key, self.sources[i].0.map(|rank| (rank, document)))))
    }

    fn refill(&mut self, i: usize) -> Result<(), FileError> {
        let below = &self.range.below;
        if let Some((key, document)) = self.sources[i].1.next()?
            && key[..below.len()] < below[..]
        {
            self.heap.push(Reverse((key, i, document)));
        }
        Ok(())
    }
}
