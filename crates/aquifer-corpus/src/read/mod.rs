//! Documents out of files, folders and streams: one at a time, in a fixed order, memory bounded by one document.
//!
//! What cannot be used is never dropped in silence: the iterator hands it back as a [`Skipped`].

mod archive;
mod book;
mod error;
mod format;
mod jsonl;
mod lz4;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "pdf")]
mod pdf;
mod size;
mod table;
mod text;
mod walk;

pub use error::{ReadError, Skipped};
pub use format::Format;
pub use size::{Unpacked, unpacked};
pub use walk::{InputFile, input_files};

use crate::Document;
use aquifer_record::progress::Unit;
use aquifer_record::{Progress, Stop};
use format::{Compression, Kind};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The field (or Parquet column) that holds the text; by default `text`, else `content`, else the turns of `messages`,
    /// else the page in `html`.
    pub text_field: Option<String>,
    /// A text file longer than this is handed out in several documents, cut at paragraphs (default 4 MiB).
    pub max_text_bytes: usize,
    /// A JSONL line longer than this is skipped (default 256 MiB).
    pub max_line_bytes: usize,
    /// A page of a web archive, or an HTML file, longer than this is skipped (default 32 MiB).
    pub max_page_bytes: usize,
    /// [`collect_documents`] takes no more text than this in all (default: any amount).
    pub max_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            text_field: None,
            max_text_bytes: 4 << 20,
            max_line_bytes: 256 << 20,
            max_page_bytes: 32 << 20,
            max_bytes: u64::MAX,
        }
    }
}

type Rows = Box<dyn Iterator<Item = Result<Document, Skipped>> + Send>;

/// The documents of an input, in order.
pub struct Documents {
    files: VecDeque<InputFile>,
    current: Option<Rows>,
    options: ReadOptions,
    total_bytes: u64,
    bytes_read: Arc<AtomicU64>,
}

/// Opens a file, or a folder recursively in sorted order. Files with another extension inside a folder are skipped
/// and listed; hidden ones (`.name`) are passed over.
///
/// Ids are what the rows say; a text file is named by its path below `path` (`file`, or `file#1`, `file#2`, … where it
/// is too long for one document), a row without an id by its line (`file#12`).
///
/// # Errors
/// When `path` is not there, cannot be listed, is a file of an unknown kind or one this program was built without, or
/// is a folder with nothing readable in it.
pub fn read_documents(path: &Path, options: &ReadOptions) -> Result<Documents, ReadError> {
    Ok(read_files(input_files(path)?, options))
}

/// The documents of these files, in order.
pub fn read_files(files: Vec<InputFile>, options: &ReadOptions) -> Documents {
    let total_bytes = files.iter().map(|found| found.bytes).sum();
    let (options, bytes_read) = (options.clone(), Arc::new(AtomicU64::new(0)));
    Documents { files: files.into(), current: None, options, total_bytes, bytes_read }
}

/// Reads documents from a stream such as standard input, called `name` in ids and reasons. Compression is told by the
/// first bytes, and without a `format` so is the format: a web archive, a page of HTML, JSONL where the first line looks
/// like a JSON object, else text.
///
/// # Errors
/// When the stream cannot be read at all.
pub fn read_stream(
    stream: impl Read + Send + 'static,
    name: &str,
    format: Option<Format>,
    options: &ReadOptions,
) -> Result<Documents, ReadError> {
    let failed = |cause| ReadError::Unreadable { path: PathBuf::from(name), cause };
    let mut raw = BufReader::with_capacity(1 << 16, stream);
    let compression = Compression::of_bytes(raw.fill_buf().map_err(failed)?);
    let format = match format {
        Some(format) => format,
        None => Format::of_bytes(&compression.beginning(raw.buffer())),
    };
    let current = Some(rows(Box::new(raw), compression, name.to_owned(), format, options).map_err(failed)?);
    let (options, bytes_read) = (options.clone(), Arc::new(AtomicU64::new(0)));
    Ok(Documents { files: VecDeque::new(), current, options, total_bytes: 0, bytes_read })
}

/// All bytes of a file, unpacked where its first bytes say that it is packed (gzip, Zstandard).
///
/// # Errors
/// When it cannot be read, or [`ReadError::TooMuch`] where it unpacks to more than `max_bytes`.
pub fn read_unpacked(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let failed = |cause| ReadError::Unreadable { path: path.to_path_buf(), cause };
    let mut raw = BufReader::with_capacity(1 << 17, File::open(path).map_err(failed)?);
    let compression = Compression::of_bytes(raw.fill_buf().map_err(failed)?);
    let mut bytes = Vec::new();
    let unpacked = compression.open(Box::new(raw)).map_err(failed)?;
    unpacked.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > max_bytes {
        true => Err(ReadError::TooMuch(max_bytes)),
        false => Ok(bytes),
    }
}

/// The rows of a Parquet file as JSON objects, each with its number from 1; what cannot be read is an error and the last.
///
/// # Errors
/// When it cannot be opened, [`ReadError::TooMuch`] where it unpacks to more than `max_bytes`, and
/// [`ReadError::NeedsFeature`] without the feature `parquet`.
#[cfg_attr(not(feature = "parquet"), allow(unused_variables))]
pub fn parquet_rows(path: &Path, max_bytes: u64) -> Result<Vec<NumberedRow>, ReadError> {
    #[cfg(not(feature = "parquet"))]
    return Err(ReadError::NeedsFeature { path: path.to_path_buf(), feature: "parquet" });
    #[cfg(feature = "parquet")]
    {
        let cause = |e: String| ReadError::Unreadable { path: path.to_path_buf(), cause: io::Error::other(e) };
        let (_, rows) = parquet::rows(path).map_err(cause)?;
        match parquet::unpacked_bytes(path) {
            Some(bytes) if bytes <= max_bytes => Ok((1..).zip(rows).collect()),
            _ => Err(ReadError::TooMuch(max_bytes)),
        }
    }
}

/// A row of a table by its number, or why it cannot be read.
pub type NumberedRow = (usize, Result<serde_json::Map<String, serde_json::Value>, String>);

fn rows(
    raw: Box<dyn BufRead + Send>,
    compression: Compression,
    name: String,
    format: Format,
    options: &ReadOptions,
) -> io::Result<Rows> {
    Ok(match format {
        Format::Text => Box::new(text::Pieces::new(compression.open(raw)?, name, options.max_text_bytes)),
        Format::Jsonl => Box::new(jsonl::Lines::new(compression.open(raw)?, name, options)),
        Format::Csv => Box::new(table::Table::new(compression.open(raw)?, b',', name, options)),
        Format::Tsv => Box::new(table::Table::new(compression.open(raw)?, b'\t', name, options)),
        Format::Archive => Box::new(archive::Pages::open(raw, compression, name, options)?),
        Format::Html => {
            let page = archive::html_file(compression.open(raw)?, &name, options);
            Box::new(std::iter::once(page.map_err(|reason| Skipped { file: name, line: None, reason })))
        }
    })
}

impl Documents {
    /// Bytes of all files, as they lie on the disk; 0 for a stream.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Bytes read from them so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    fn open(&self, found: InputFile) -> Result<Rows, Skipped> {
        let skipped = |reason: String| Skipped { file: found.name.clone(), line: None, reason };
        match found.kind {
            Err(reason) => Err(skipped(reason)),
            Ok(Kind::Lines(format, compression)) => {
                let unreadable = |e: io::Error| skipped(format!("it cannot be read: {e}"));
                let file = File::open(&found.path).map_err(unreadable)?;
                let counted = Counted { inner: file, count: self.bytes_read.clone() };
                let raw = BufReader::with_capacity(1 << 17, counted);
                rows(Box::new(raw), compression, found.name.clone(), format, &self.options).map_err(unreadable)
            }
            Ok(Kind::Epub) => self.whole(&found, book::open),
            #[cfg(feature = "pdf")]
            Ok(Kind::Pdf) => self.whole(&found, pdf::open),
            #[cfg(feature = "parquet")]
            Ok(Kind::Parquet) => self.whole(&found, parquet::open),
        }
    }
}

impl Documents {
    /// Opens a file that is no stream.
    fn whole(
        &self,
        found: &InputFile,
        open: impl FnOnce(&Path, String, &ReadOptions) -> Result<Rows, String>,
    ) -> Result<Rows, Skipped> {
        self.bytes_read.fetch_add(found.bytes, Relaxed);
        let skipped = |reason: String| Skipped { file: found.name.clone(), line: None, reason };
        open(&found.path, found.name.clone(), &self.options).map_err(skipped)
    }
}

impl Iterator for Documents {
    type Item = Result<Document, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(rows) = &mut self.current {
                if let Some(item) = rows.next() {
                    return Some(item);
                }
                self.current = None;
            }
            let found = self.files.pop_front()?;
            match self.open(found) {
                Ok(rows) => self.current = Some(rows),
                Err(skipped) => return Some(Err(skipped)),
            }
        }
    }
}

/// Everything an input held.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The documents, in order.
    pub documents: Vec<Document>,
    /// What was skipped, the first [`Collected::LISTED`] of it.
    pub skipped: Vec<Skipped>,
    /// How much was skipped.
    pub skipped_count: u64,
}

impl Collected {
    /// Skips listed one by one; beyond, they are only counted.
    pub const LISTED: usize = 1000;
}

/// Reads `documents` to the end, or until `stop` is requested.
///
/// # Errors
/// [`ReadError::NothingReadable`], with the first reasons, when not one document came out;
/// [`ReadError::TooMuch`] beyond [`ReadOptions::max_bytes`].
pub fn collect_documents(
    mut documents: Documents,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Collected, ReadError> {
    let total = documents.total_bytes();
    let bar = progress.bar("reading", (total > 0).then_some(total), Unit::Bytes);
    let (mut collected, mut reported, mut left) = (Collected::default(), 0, documents.options.max_bytes);
    while let Some(item) = documents.next() {
        match item {
            Ok(document) => {
                let fits = left.checked_sub(document.text.len() as u64);
                left = fits.ok_or(ReadError::TooMuch(documents.options.max_bytes))?;
                collected.documents.push(document);
            }
            Err(skipped) => {
                collected.skipped_count += 1;
                if collected.skipped.len() < Collected::LISTED {
                    collected.skipped.push(skipped);
                }
            }
        }
        let now = documents.bytes_read();
        if now - reported >= 1 << 16 {
            bar.advance(now - reported);
            reported = now;
        }
        if stop.requested() {
            return Ok(collected);
        }
    }
    if collected.documents.is_empty() {
        return Err(ReadError::NothingReadable { count: collected.skipped_count, first: collected.skipped });
    }
    Ok(collected)
}

/// What a library makes of bytes from outside; one file on which it breaks down must not end a long run.
#[cfg(any(feature = "parquet", feature = "pdf"))]
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    caught.unwrap_or_else(|_| Err("its reader broke down on it".to_owned()))
}

struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
