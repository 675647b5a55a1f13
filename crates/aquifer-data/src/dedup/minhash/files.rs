//! Signature files: `bucket_000/00000.minhash.sig` and so on, one for every bucket and rank.

use super::MinHash;
use crate::dedup::damaged;
use crate::dedup::spill::{Sorter, Spill};
use aquifer_record::files::FileError;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A folder of signatures.
///
/// A file holds for every document of its rank that has a signature a record: the values of its bucket and the document's
/// place in the rank (from 0, 4 bytes), all least significant byte first; records ascend by these numbers. 68 bytes at
/// eight 64-bit values.
pub struct SignatureFiles {
    folder: PathBuf,
}

impl SignatureFiles {
    /// The folder; it is made when something is written.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        SignatureFiles { folder: folder.into() }
    }

    /// Signs the documents of a rank and writes its files, each whole or not at all. Returns how many documents there were.
    ///
    /// # Errors
    /// If sorting or writing fails.
    pub fn write<'a>(
        &self,
        rank: u32,
        minhash: &MinHash,
        texts: impl Iterator<Item = &'a str>,
        spill: &Spill,
    ) -> Result<usize, FileError> {
        let share = spill.share(minhash.bands);
        let mut buckets: Vec<Sorter> =
            (0..minhash.bands).map(|_| Sorter::new(minhash.key_bytes() + 4, share.clone())).collect();
        let mut record = Vec::new();
        let n = minhash.sign_all(texts, |document, signature| {
            for (sorter, values) in buckets.iter_mut().zip(signature.chunks_exact(minhash.rows)) {
                record.clear();
                minhash.key(values, &mut record);
                record.extend_from_slice(&document.to_be_bytes());
                sorter.push(&record)?;
            }
            Ok(())
        })?;
        for (bucket, sorter) in buckets.into_iter().enumerate() {
            let path = bucket_folder(&self.folder, bucket).join(format!("{rank:05}.minhash.sig"));
            let mut sorted = sorter.finish()?;
            aquifer_record::write_atomic(&path, |out| {
                while let Some(record) = sorted.next().map_err(io::Error::other)? {
                    let (key, document) = record.split_at(minhash.key_bytes());
                    out.write_all(&swapped(key, minhash.value_bytes))?;
                    out.write_all(&swapped(document, 4))?;
                }
                Ok(())
            })?;
        }
        Ok(n)
    }

    /// The files of a bucket in order of rank, with their ranks.
    pub(super) fn of_bucket(&self, bucket: usize) -> Result<Vec<(u32, PathBuf)>, FileError> {
        let folder = bucket_folder(&self.folder, bucket);
        let named = list(&folder)?.into_iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match name.strip_suffix(".minhash.sig").and_then(|rank| rank.parse().ok()) {
                Some(rank) => Ok((rank, path.clone())),
                None => Err(damaged(&path, "should be named like `00000.minhash.sig`")),
            }
        });
        named.collect()
    }
}

/// The folder of a bucket.
pub(super) fn bucket_folder(folder: &Path, bucket: usize) -> PathBuf {
    folder.join(format!("bucket_{bucket:03}"))
}

/// The files of a folder, by name.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut paths: Vec<PathBuf> =
        entries.map_err(FileError::at("list", folder))?.into_iter().map(|entry| entry.path()).collect();
    // A file still being written is nobody's yet.
    paths.retain(|path| !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.'));
    paths.sort();
    Ok(paths)
}

/// Numbers of `width` bytes with their bytes the other way round.
pub(super) fn swapped(numbers: &[u8], width: usize) -> Vec<u8> {
    numbers.chunks_exact(width).flat_map(|number| number.iter().rev()).copied().collect()
}

/// Reads records of one width, values turned so that they compare as bytes.
pub(super) struct RecordReader {
    input: BufReader<File>,
    path: PathBuf,
    value_bytes: usize,
    key_bytes: usize,
    width: usize,
    left: u64,
    last: Vec<u8>,
}

impl RecordReader {
    /// `numbered` records end with a document's place, those of an index do not.
    pub(super) fn open(path: &Path, minhash: &MinHash, numbered: bool) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::at("open", path))?;
        let bytes = file.metadata().map_err(FileError::at("look at", path))?.len();
        let (key_bytes, value_bytes) = (minhash.key_bytes(), minhash.value_bytes);
        let width = key_bytes + if numbered { 4 } else { 0 };
        if bytes % width as u64 != 0 {
            let expected = format!(
                "has {bytes} bytes, which is no multiple of {width} ({} values of {value_bytes} bytes{}): it was cut short, or \
                 written with other parameters",
                minhash.rows,
                if numbered { " and a number" } else { "" }
            );
            return Err(damaged(path, expected));
        }
        let input = BufReader::with_capacity(1 << 16, file);
        let left = bytes / width as u64;
        Ok(RecordReader { input, path: path.into(), value_bytes, key_bytes, width, left, last: Vec::new() })
    }

    /// How many records are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The key and document (0 in an index) of the next record.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<u8>, u32)>, FileError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut record = vec![0; self.width];
        self.input.read_exact(&mut record).map_err(FileError::at("read", &self.path))?;
        let mut key = swapped(&record[..self.key_bytes], self.value_bytes);
        let document = record[self.key_bytes..].try_into().map_or(0, u32::from_le_bytes);
        let whole: Vec<u8> = key.iter().copied().chain(document.to_be_bytes()).collect();
        if whole < self.last {
            return Err(damaged(&self.path, "is not in ascending order: write its signatures anew"));
        }
        key.truncate(self.key_bytes);
        self.last = whole;
        Ok(Some((key, document)))
    }

    /// Goes to the first record whose key is not below `least`.
    pub(super) fn seek(&mut self, least: &[u8]) -> Result<(), FileError> {
        let (mut low, mut high) = (0, self.left);
        let total = self.left;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first_value(middle)?.as_slice() < least {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.go_to(low)?;
        self.left = total - low;
        Ok(())
    }

    /// The first value of record `i` of the file.
    pub(super) fn first_value(&mut self, i: u64) -> Result<Vec<u8>, FileError> {
        self.go_to(i)?;
        let mut value = vec![0; self.value_bytes];
        self.input.read_exact(&mut value).map_err(FileError::at("read", &self.path))?;
        value.reverse();
        Ok(value)
    }

    fn go_to(&mut self, i: u64) -> Result<(), FileError> {
        self.input.seek(SeekFrom::Start(i * self.width as u64)).map_err(FileError::at("read", &self.path))?;
        Ok(())
    }
}
