//! How much text an input holds, told before it is read.

use super::format::{Compression, Format, Kind};
use super::{Counted, ReadError};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Unpacked bytes looked at of a file; how far a compressed one unpacks, and what is in it, is judged by them.
const SAMPLE: u64 = 4 << 20;

/// Files of an input that are looked into; the others are judged by these.
const LOOKED_INTO: usize = 16;

/// How much text an input holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unpacked {
    /// Bytes of its files once they are unpacked.
    pub bytes: u64,
    /// The part of these in scripts that are written without spaces, from 0 to 1.
    pub spaceless: f64,
    /// Bytes of the longest document seen; texts are handed out in pieces of no more than 4 MiB.
    pub longest: u64,
}

/// About how much text the files of an input hold, told by their sizes and the beginnings of some of them. Files that
/// would be skipped count nothing.
///
/// # Errors
/// As [`read_documents`](crate::read_documents).
pub fn unpacked(path: &Path) -> Result<Unpacked, ReadError> {
    let (mut plain, mut seen, mut unseen) = (0, [0, 0], 0);
    let (mut spaceless, mut sampled, mut looked, mut longest) = (0, 0, 0, 0);
    for found in super::input_files(path)? {
        match found.kind {
            Err(_) => {}
            // About as much text as a book or a paper packs into so many bytes.
            Ok(Kind::Epub) => plain += 3 * found.bytes,
            #[cfg(feature = "pdf")]
            Ok(Kind::Pdf) => plain += found.bytes,
            #[cfg(feature = "parquet")]
            Ok(Kind::Parquet) => plain += super::parquet::unpacked_bytes(&found.path).unwrap_or(found.bytes),
            Ok(Kind::Lines(format, compression)) => {
                let compressed = compression != Compression::None;
                // What cannot be looked into will be skipped, with the reason, when it is read.
                let sample = if looked < LOOKED_INTO { sample(&found.path, format, compression).ok() } else { None };
                looked += 1;
                match &sample {
                    Some(sample) if compressed => {
                        let times = sample.unpacked as f64 / sample.packed.max(1) as f64;
                        seen[0] += found.bytes;
                        seen[1] += (found.bytes as f64 * times) as u64;
                    }
                    None if compressed => unseen += found.bytes,
                    _ => plain += found.bytes,
                }
                let sample = sample.unwrap_or_default();
                (spaceless, sampled) = (spaceless + sample.spaceless, sampled + sample.unpacked);
                longest = longest.max(sample.longest);
            }
        }
    }
    let times = if seen[0] > 0 { seen[1] as f64 / seen[0] as f64 } else { 1.0 };
    let bytes = plain + seen[1] + (unseen as f64 * times) as u64;
    Ok(Unpacked { bytes, spaceless: spaceless as f64 / sampled.max(1) as f64, longest })
}

/// The beginning of a file.
#[derive(Default)]
struct Sample {
    /// Bytes of the file.
    packed: u64,
    /// Bytes these unpack to.
    unpacked: u64,
    /// Of these, in scripts without spaces.
    spaceless: u64,
    /// Of the longest document.
    longest: u64,
}

fn sample(path: &Path, format: Format, compression: Compression) -> std::io::Result<Sample> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Counted { inner: File::open(path)?, count: count.clone() };
    // A small buffer, so that little is counted that was not unpacked yet.
    let mut reader = compression.open(Box::new(BufReader::with_capacity(1 << 12, counted)))?.take(SAMPLE);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    // Three-byte characters from U+3000 on: kana and Chinese characters, and few others.
    let spaceless = 3 * bytes.iter().filter(|byte| (0xE3..=0xE9).contains(*byte)).count() as u64;
    let longest = match format {
        Format::Text | Format::Html => bytes.len(),
        // A page is some hundred kilobytes; the longest in the sample cannot be told without reading its records.
        Format::Archive => bytes.len().min(1 << 20),
        Format::Jsonl | Format::Csv | Format::Tsv => {
            bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0)
        }
    };
    Ok(Sample { packed: count.load(Relaxed), unpacked: bytes.len() as u64, spaceless, longest: longest as u64 })
}
