//! Vectors on the disk, one after another.

use aquifer_record::FileError;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Vectors of one width in a file that is gone with it. It is written first, then read.
pub(in crate::dedup) struct Vectors {
    width: usize,
    file: Mutex<BufWriter<File>>,
    folder: PathBuf,
    /// Of each whether it is one at all.
    has: Vec<bool>,
}

impl Vectors {
    pub(super) fn create(width: usize, folder: &Path) -> Result<Self, FileError> {
        let file = tempfile::tempfile_in(folder).map_err(FileError::at("create a file for vectors in", folder))?;
        let file = Mutex::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Vectors { width, file, folder: folder.to_path_buf(), has: Vec::new() })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How long one is on the disk.
    pub(super) fn bytes(&self) -> usize {
        4 * self.width
    }

    /// The next vector; zeros for a document that has none.
    pub(super) fn push(&mut self, vector: Option<&[f32]>) -> Result<(), FileError> {
        let bytes: Vec<u8> = match vector {
            Some(vector) => vector.iter().flat_map(|x| x.to_le_bytes()).collect(),
            None => vec![0; self.bytes()],
        };
        self.push_bytes(&bytes)?;
        if let Some(has) = self.has.last_mut() {
            *has = vector.is_some();
        }
        Ok(())
    }

    /// The next vector, as [`read_bytes`](Self::read_bytes) gives it.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.has.push(true);
        let file = self.file.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        file.write_all(bytes).map_err(FileError::at("write vectors in", &self.folder))
    }

    /// Whether a document has a vector.
    pub(super) fn has(&self, i: u32) -> bool {
        self.has[i as usize]
    }

    /// These rows as bytes.
    pub(super) fn read_bytes(&self, rows: Range<usize>) -> Result<Vec<u8>, FileError> {
        let mut out = vec![0; rows.len() * self.bytes()];
        let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // What is still to be written is written before the place changes.
        file.seek(SeekFrom::Start((rows.start * self.bytes()) as u64))
            .and_then(|_| file.get_mut().read_exact(&mut out))
            .map_err(FileError::at("read vectors in", &self.folder))?;
        Ok(out)
    }

    /// These rows.
    pub(super) fn read(&self, rows: Range<usize>) -> Result<Vec<f32>, FileError> {
        Ok(floats(&self.read_bytes(rows)?))
    }

    /// The cosine of two; NaN where one has no vector.
    pub(in crate::dedup) fn cosine(&self, a: u32, b: u32) -> Result<f64, FileError> {
        if !self.has(a) || !self.has(b) {
            return Ok(f64::NAN);
        }
        let of = |i: u32| self.read(i as usize..i as usize + 1);
        let (a, b) = (of(a)?, of(b)?);
        Ok(a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum())
    }
}

pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().expect("four bytes"))).collect()
}
