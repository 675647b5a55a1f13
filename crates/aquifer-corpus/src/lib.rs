//! Documents and token shards: reading, writing, compression, memory maps.
//!
//! A [`Document`] is a text with an id and metadata; [`read_documents`] streams them from `.txt`, `.jsonl` and
//! (with the feature `parquet`) `.parquet` files, from folders of these, or from any byte stream, and hands
//! every row it cannot use back as a [`Skipped`] with file, line and reason. [`write_documents`] writes JSONL.
//! [`ShardWriter`] and [`TokenShards`] keep tokenised documents in memory-mapped, hashed files; those of datatrove and
//! Megatron are read and written too.
//!
//! ```
//! use aquifer_corpus::{read_documents, write_documents, Document, ReadOptions};
//! let dir = tempfile::tempdir().unwrap();
//! let path = dir.path().join("rain.jsonl.zst");
//! write_documents(&path, [Document::new("d1", "It rained.")]).unwrap();
//! let back: Vec<_> = read_documents(&path, &ReadOptions::default()).unwrap().collect();
//! assert_eq!(back[0].as_ref().unwrap().text, "It rained.");
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cut;
mod document;
mod read;
mod shards;
mod split;
mod write;

pub use cut::{cut_document, cut_documents};
pub use document::{Document, Message};
pub use read::{
    Collected, Documents, Format, InputFile, NumberedRow, ReadError, ReadOptions, Skipped, Unpacked, collect_documents,
    input_files, parquet_rows, read_documents, read_files, read_stream, read_unpacked, unpacked,
};
pub use shards::{DocTokens, MixtureFile, ShardError, ShardFormat, ShardMeta, ShardWriter, TokenShards, TokenSink};
pub use split::held_out_blocks;
pub use write::{LineFrames, write_documents, write_rows, zstd_lines};
