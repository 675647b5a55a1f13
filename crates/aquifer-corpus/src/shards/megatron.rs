//! Megatron's indexed data set: `NAME.bin`, the tokens and nothing else, and `NAME.idx`, little-endian:
//!
//! ```text
//! "MMIDIDX\0\0", version u64 (1), kind of token u8, sequences u64, entries of the document list u64
//! lengths    i32 a sequence, in tokens
//! pointers   i64 a sequence, in bytes of the .bin
//! documents  i64 an entry: the sequence with which a document begins, and at last their number
//! ```
//!
//! The layout is that of `IndexedDataset` in Megatron-LM (`megatron/core/datasets/indexed_dataset.py`).

use super::foreign::{Foreign, beside, map, unreadable};
use super::write::{check_document, token_bytes, width_of};
use super::{ShardError, ShardFormat, TokenSink};
use aquifer_record::FileError;
use aquifer_record::files::{Writing, write_atomic};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

const FORMAT: ShardFormat = ShardFormat::Megatron;
const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const HEADER: usize = 34;
/// Kinds of token: NumPy's `int32` and `uint16`.
const INT32: u8 = 4;
const UINT16: u8 = 8;

/// The name datatrove's tokenizer for Megatron gives to the files of the first worker.
const FILE: &str = "00000_tokens";

/// Opens `stem.idx` and `stem.bin`.
pub(super) fn open(stem: &Path) -> Result<Foreign, ShardError> {
    let (index_path, tokens_path) = (beside(stem, ".idx"), beside(stem, ".bin"));
    let wrong = |what: String| unreadable(&index_path, FORMAT, what);
    let index = map(&index_path)?;
    if index.len() < HEADER || &index[..9] != MAGIC {
        return Err(wrong("it does not begin as an index does (`MMIDIDX`)".to_owned()));
    }
    let long = |at: usize| u64::from_le_bytes(index[at..at + 8].try_into().expect("eight bytes"));
    let (version, kind, sequences, entries) = (long(9), index[17], long(18), long(26));
    if version != 1 {
        return Err(wrong(format!("it says version {version}, and 1 is known")));
    }
    let width = match kind {
        UINT16 => 2,
        INT32 => 4,
        other => return Err(wrong(format!("its tokens are of kind {other}; 4 (int32) and 8 (uint16) are known"))),
    };
    let size = |count: u64, bytes: u64| count.checked_mul(bytes).and_then(|bytes| usize::try_from(bytes).ok());
    let sections = size(sequences, 4).zip(size(sequences, 8)).zip(size(entries, 8));
    let ends = sections.and_then(|((lengths, pointers), documents)| {
        let pointers_at = HEADER.checked_add(lengths)?;
        let documents_at = pointers_at.checked_add(pointers)?;
        Some((pointers_at, documents_at, documents_at.checked_add(documents)?))
    });
    let (pointers_at, documents_at) = match ends {
        Some((pointers_at, documents_at, end)) if end == index.len() => (pointers_at, documents_at),
        Some((_, _, end)) if end.checked_add(sequences as usize) == Some(index.len()) => {
            return Err(wrong("its sequences have modes: it is of images and text, and only text is read".to_owned()));
        }
        _ => {
            let what = format!("its {} bytes do not hold {sequences} sequences and {entries} entries", index.len());
            return Err(wrong(what));
        }
    };
    let (sequences, entries) = (sequences as usize, entries as usize);
    let tokens = map(&tokens_path)?;
    let held = tokens.len() as u64 / width;
    // The tokens of a sequence in the .bin.
    let sequence = |i: usize| -> Result<Range<u64>, ShardError> {
        let length = i32::from_le_bytes(index[HEADER + 4 * i..HEADER + 4 * i + 4].try_into().expect("four bytes"));
        let pointer = long(pointers_at + 8 * i);
        let start = pointer / width;
        let end = u64::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.filter(|end| *end <= held && pointer % width == 0);
        let outside = || {
            let bytes = tokens.len();
            wrong(format!(
                "sequence {} ({length} tokens at byte {pointer}) is outside the .bin of {bytes} bytes",
                i + 1
            ))
        };
        end.map(|end| start..end).ok_or_else(outside)
    };
    let (mut documents, mut at) = (Vec::with_capacity(entries.saturating_sub(1)), 0);
    let entry = |i: usize| long(documents_at + 8 * i);
    if entries == 0 || entry(0) != 0 || entry(entries - 1) != sequences as u64 {
        return Err(wrong(format!("its documents do not go from its first sequence to the last of {sequences}")));
    }
    for i in 1..entries {
        let (from, to) = (entry(i - 1), entry(i));
        if from > to || to > sequences as u64 {
            return Err(wrong(format!("document {i} goes from sequence {from} to {to} of {sequences}")));
        }
        let start = at;
        for number in from as usize..to as usize {
            let next = sequence(number)?;
            if next.start != at {
                return Err(wrong(format!("the sequences of document {i} do not lie one after another")));
            }
            at = next.end;
        }
        documents.push(start..at);
    }
    let name = stem.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Foreign { name, tokens, width: width as usize, documents, loss: None })
}

/// Writes a `.bin` and an `.idx` with one sequence a document. The index, without which nobody reads the rest, is last.
pub(super) struct Writer {
    stem: PathBuf,
    vocab_size: usize,
    width: usize,
    out: Writing,
    lengths: Vec<i32>,
}

impl Writer {
    pub(super) fn create(dir: &Path, vocab_size: usize) -> Result<Self, ShardError> {
        let stem = dir.join(FILE);
        let out = Writing::begin(&beside(&stem, ".bin"))?;
        let stale = beside(&stem, ".idx");
        if stale.exists() {
            std::fs::remove_file(&stale).map_err(FileError::at("remove", &stale))?;
        }
        Ok(Writer { stem, vocab_size, width: width_of(vocab_size), out, lengths: Vec::new() })
    }
}

impl TokenSink for Writer {
    fn push(&mut self, id: &str, _: u64, tokens: &[u32], mask: Option<&[bool]>) -> Result<(), ShardError> {
        check_document(id, tokens, mask, self.vocab_size)?;
        let refused = |what: String| ShardError::Mask { id: id.to_owned(), what };
        if mask.is_some_and(|mask| mask.contains(&false)) {
            let what = "some of its tokens are not to be learned, and Megatron's layout has no place for that: learn \
                        every token (`--loss-on all`), or write another layout";
            return Err(refused(what.to_owned()));
        }
        let length = i32::try_from(tokens.len());
        let length = length.map_err(|_| refused(format!("{} tokens are more than an index can say", tokens.len())))?;
        self.out.write_all(&token_bytes(tokens, self.width)).map_err(|cause| self.out.failed(cause))?;
        self.lengths.push(length);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ShardError> {
        self.out.finish()?;
        let (lengths, width) = (self.lengths, self.width as i64);
        write_atomic(&beside(&self.stem, ".idx"), |out| {
            out.write_all(MAGIC)?;
            out.write_all(&1_u64.to_le_bytes())?;
            out.write_all(&[if width == 2 { UINT16 } else { INT32 }])?;
            out.write_all(&(lengths.len() as u64).to_le_bytes())?;
            out.write_all(&(lengths.len() as u64 + 1).to_le_bytes())?;
            for length in &lengths {
                out.write_all(&length.to_le_bytes())?;
            }
            let mut pointer = 0_i64;
            for length in &lengths {
                out.write_all(&pointer.to_le_bytes())?;
                pointer += i64::from(*length) * width;
            }
            (0..=lengths.len() as i64).try_for_each(|document| out.write_all(&document.to_le_bytes()))
        })?;
        Ok(())
    }
}
