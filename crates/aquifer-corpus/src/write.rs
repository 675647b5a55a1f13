//! Documents to a JSONL file, compressed by what its name ends with, whole or not at all.

use crate::Document;
use aquifer_record::{FileError, write_atomic};
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
    let mut count = 0;
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    write_atomic(path, |out| {
        if name.ends_with(".zst") {
            let mut encoder = zstd::Encoder::new(out, 3)?;
            count = write_lines(&mut encoder, documents)?;
            encoder.finish()?;
        } else if name.ends_with(".gz") {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            count = write_lines(&mut encoder, documents)?;
            encoder.finish()?;
        } else {
            count = write_lines(out, documents)?;
        }
        Ok(())
    })?;
    Ok(count)
}

/// One JSON object a line, as a Zstandard frame: frames one after another make a `.jsonl.zst` file.
///
/// # Errors
/// When the memory for it is not there.
pub fn zstd_lines<D: Borrow<Document>>(documents: impl IntoIterator<Item = D>) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    write_lines(&mut encoder, documents)?;
    encoder.finish()
}

fn write_lines<D: Borrow<Document>>(mut out: impl Write, documents: impl IntoIterator<Item = D>) -> io::Result<u64> {
    let mut count = 0;
    for document in documents {
        serde_json::to_writer(&mut out, document.borrow())?;
        out.write_all(b"\n")?;
        count += 1;
    }
    Ok(count)
}
