//! Formats and compressions, by name and by first bytes.

use super::{Counted, lz4};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How the decompressed bytes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain UTF-8 text, one document a file.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// WARC, WET or ARC: pages as a crawler stored them.
    Archive,
    /// One page of HTML a file.
    Html,
    /// A table whose first row names its columns.
    Csv,
    /// The same between tabs, without quotes.
    Tsv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
    Lz4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Lines(Format, Compression),
    Epub,
    #[cfg(feature = "pdf")]
    Pdf,
    #[cfg(feature = "parquet")]
    Parquet,
}

pub(super) enum NameError {
    Unknown,
    #[cfg(not(all(feature = "parquet", feature = "pdf")))]
    Needs(&'static str),
}

/// What names may end with, for people.
pub(super) const ENDINGS: &str =
    ".txt, .jsonl, .csv, .tsv, .html, .warc, .wet or .arc (each also .gz, .zst or .lz4), .epub, .pdf or .parquet";

impl Kind {
    pub(super) fn of_name(name: &str) -> Result<Kind, NameError> {
        let name = name.to_lowercase();
        let (stem, compression) = if let Some(stem) = name.strip_suffix(".gz") {
            (stem, Compression::Gzip)
        } else if let Some(stem) = name.strip_suffix(".zst") {
            (stem, Compression::Zstd)
        } else if let Some(stem) = name.strip_suffix(".lz4") {
            (stem, Compression::Lz4)
        } else {
            (name.as_str(), Compression::None)
        };
        match stem.rsplit_once('.').map(|(_, extension)| extension) {
            Some("txt") => Ok(Kind::Lines(Format::Text, compression)),
            Some("jsonl" | "ndjson") => Ok(Kind::Lines(Format::Jsonl, compression)),
            Some("warc" | "wet" | "arc") => Ok(Kind::Lines(Format::Archive, compression)),
            Some("html" | "htm" | "xhtml") => Ok(Kind::Lines(Format::Html, compression)),
            Some("csv") => Ok(Kind::Lines(Format::Csv, compression)),
            Some("tsv" | "tab") => Ok(Kind::Lines(Format::Tsv, compression)),
            Some("epub") if compression == Compression::None => Ok(Kind::Epub),
            #[cfg(feature = "pdf")]
            Some("pdf") if compression == Compression::None => Ok(Kind::Pdf),
            #[cfg(not(feature = "pdf"))]
            Some("pdf") if compression == Compression::None => Err(NameError::Needs("pdf")),
            #[cfg(feature = "parquet")]
            Some("parquet") if compression == Compression::None => Ok(Kind::Parquet),
            #[cfg(not(feature = "parquet"))]
            Some("parquet") if compression == Compression::None => Err(NameError::Needs("parquet")),
            _ => Err(NameError::Unknown),
        }
    }
}

impl Format {
    pub(super) fn of_bytes(start: &[u8]) -> Format {
        let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
        let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
        if start.starts_with(b"WARC/") || start.starts_with(b"filedesc://") {
            return Format::Archive;
        }
        let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(tag));
        if begins(b"<!doctype html") || begins(b"<html") {
            return Format::Html;
        }
        let object =
            line.starts_with(b"{") && line[1..].trim_ascii_start().first().is_some_and(|&b| b == b'"' || b == b'}');
        if object { Format::Jsonl } else { Format::Text }
    }
}

impl Compression {
    pub(super) fn of_bytes(start: &[u8]) -> Compression {
        match start {
            [0x1F, 0x8B, ..] => Compression::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Compression::Zstd,
            [0x04, 0x22, 0x4D, 0x18, ..] => Compression::Lz4,
            _ => Compression::None,
        }
    }

    /// The first bytes once they are unpacked, as far as these reach.
    pub(super) fn beginning(self, raw: &[u8]) -> Vec<u8> {
        let mut start = Vec::new();
        if let Ok(reader) = self.open(Box::new(io::Cursor::new(raw.to_vec()))) {
            // An error only says that the bytes at hand end: what came before it tells the format.
            let _ = reader.take(1 << 12).read_to_end(&mut start);
        }
        start
    }

    /// Reading ends with an error where far more comes out than went in, so that a file made to unpack without end does not.
    pub(super) fn open(self, raw: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
        let read = Arc::new(AtomicU64::new(0));
        let count = |raw| BufReader::with_capacity(1 << 16, Counted { inner: raw, count: read.clone() });
        let unpacked: Box<dyn Read + Send> = match self {
            Compression::None => return Ok(raw),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(count(raw))),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(count(raw))?),
            Compression::Lz4 => Box::new(lz4::Frames::new(count(raw))),
        };
        Ok(Box::new(BufReader::with_capacity(1 << 17, Believable { unpacked, packed: read, given: 0 })))
    }
}

/// What unpacks to so many times its size, and to more than a little, was made to do so: texts stay below 50.
const MOST_TIMES: u64 = 250;
const A_LITTLE: u64 = 256 << 20;

/// Unpacked bytes, as long as there are not too many for those that were read.
struct Believable {
    unpacked: Box<dyn Read + Send>,
    packed: Arc<AtomicU64>,
    given: u64,
}

impl Read for Believable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given > A_LITTLE && self.given / MOST_TIMES > self.packed.load(Relaxed) {
            let why =
                format!("it unpacks to more than {MOST_TIMES} times its size; unpack it yourself if it is to be read");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let n = self.unpacked.read(buffer)?;
        self.given += n as u64;
        Ok(n)
    }
}
