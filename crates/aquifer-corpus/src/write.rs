//! Documents to a JSONL file, compressed by what its name ends with, whole or not at all.

use crate::Document;
use aquifer_record::{FileError, write_atomic};
use serde::{Serialize, Serializer};
use std::borrow::Borrow;
use std::io::{self, Write};
use std::path::Path;

/// Writes one JSON object a line; `.zst` and `.gz` names are compressed. Returns the number of documents.
///
/// # Errors
/// Whatever the system says, with the path; an earlier file of that name is then untouched.
pub fn write_documents<D: Borrow<Document>>(
    path: &Path,
    documents: impl IntoIterator<Item = D>,
) -> Result<u64, FileError> {
    write_rows(path, documents.into_iter().map(AsDocument))
}

/// [`write_documents`], of rows that are no documents.
///
/// # Errors
/// As [`write_documents`].
pub fn write_rows<R: Serialize>(path: &Path, rows: impl IntoIterator<Item = R>) -> Result<u64, FileError> {
    let mut count = 0;
    write_atomic(path, |out| {
        match Ending::of(path) {
            Ending::Zstd => {
                let mut encoder = zstd::Encoder::new(out, 3)?;
                count = write_lines(&mut encoder, rows)?;
                encoder.finish()?;
            }
            Ending::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                count = write_lines(&mut encoder, rows)?;
                encoder.finish()?;
            }
            Ending::Plain => count = write_lines(out, rows)?,
        }
        Ok(())
    })?;
    Ok(count)
}

/// Documents gathered into frames for a file that grows: JSONL, compressed by what the file's name ends with. Frames (of
/// gzip: members) one after another make one file.
pub struct LineFrames {
    compression: Ending,
    lines: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Ending {
    Plain,
    Gzip,
    Zstd,
}

impl Ending {
    fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        match () {
            () if name.ends_with(".zst") => Ending::Zstd,
            () if name.ends_with(".gz") => Ending::Gzip,
            () => Ending::Plain,
        }
    }
}

impl LineFrames {
    /// For a file of this name.
    pub fn new(path: &Path) -> Self {
        LineFrames { compression: Ending::of(path), lines: Vec::new() }
    }

    /// Adds a document; `true` once there is enough for a frame.
    ///
    /// # Errors
    /// When the memory for it is not there.
    pub fn put(&mut self, document: &Document) -> io::Result<bool> {
        write_lines(&mut self.lines, [AsDocument(document)])?;
        Ok(self.lines.len() >= 1 << 20)
    }

    /// What was gathered, as a frame; an empty one if that is nothing.
    ///
    /// # Errors
    /// When the memory for it is not there.
    pub fn frame(&mut self) -> io::Result<Vec<u8>> {
        let lines = std::mem::take(&mut self.lines);
        match self.compression {
            Ending::Plain => Ok(lines),
            Ending::Zstd => zstd::encode_all(lines.as_slice(), 3),
            Ending::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&lines)?;
                encoder.finish()
            }
        }
    }
}

/// One JSON object a line, as a Zstandard frame: frames one after another make a `.jsonl.zst` file.
///
/// # Errors
/// When the memory for it is not there.
pub fn zstd_lines<D: Borrow<Document>>(documents: impl IntoIterator<Item = D>) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    write_lines(&mut encoder, documents.into_iter().map(AsDocument))?;
    encoder.finish()
}

/// Whatever holds a document, as its row.
struct AsDocument<D>(D);

impl<D: Borrow<Document>> Serialize for AsDocument<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.borrow().serialize(serializer)
    }
}

fn write_lines<R: Serialize>(mut out: impl Write, rows: impl IntoIterator<Item = R>) -> io::Result<u64> {
    let mut count = 0;
    for row in rows {
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    Ok(count)
}
