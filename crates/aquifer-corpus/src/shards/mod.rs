//! Token shards: tokenised documents in memory-mapped files, with the ids and sizes they came from.
//!
//! A folder holds `part-00000.tokens`, … and `shards.json`, which is written last and names every part with
//! its SHA-256; without it the folder is not a set of shards. A part is, little-endian, each section padded
//! with zeros to 64 bytes:
//!
//! ```text
//! "AQTOKENS", version u32, bytes per token u32, documents u64, tokens u64, bytes of ids u64, has mask u64, 16 zero bytes
//! tokens      u16 or u32 each
//! token ends  u64 each: tokens of this document and all before it
//! text bytes  u64 each: UTF-8 bytes of the document's text
//! id ends     u64 each,  then the ids, UTF-8
//! mask        one bit a token, lowest first (only with a mask)
//! ```
//!
//! Token shards of datatrove and of Megatron are read and written as well ([`ShardFormat`]). They know neither ids nor the
//! size of texts: a document is then called after its file and its place in it.

mod datatrove;
mod error;
mod foreign;
mod format;
mod megatron;
mod mixture;
mod open;
mod write;

pub use error::ShardError;
pub use format::{ShardFormat, TokenSink};
pub use mixture::MixtureFile;
pub use open::{DocTokens, TokenShards};
pub use write::{ShardMeta, ShardWriter};

use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"AQTOKENS";
const VERSION: u32 = 1;
const HEADER: usize = 64;
const ALIGN: usize = 64;
const INDEX_FILE: &str = "shards.json";

/// What `shards.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Index {
    format: String,
    version: u32,
    #[serde(flatten)]
    meta: ShardMeta,
    documents: u64,
    tokens: u64,
    text_bytes: u64,
    loss_mask: bool,
    parts: Vec<Part>,
    /// Of this very object with an empty string here.
    sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    file: String,
    documents: u64,
    tokens: u64,
    bytes: u64,
    sha256: String,
}

impl Index {
    fn digest(&self) -> String {
        let bare = Index { sha256: String::new(), ..self.clone() };
        aquifer_record::sha256_hex(&serde_json::to_vec(&bare).expect("a struct of strings and numbers serialises"))
    }
}

/// Where each section of a part lies.
struct Layout {
    tokens: usize,
    token_ends: usize,
    text_bytes: usize,
    id_ends: usize,
    ids: usize,
    mask: usize,
    total: usize,
}

impl Layout {
    /// `None` where the numbers do not fit this machine's addresses.
    fn new(width: usize, documents: u64, tokens: u64, id_bytes: u64, mask: bool) -> Option<Layout> {
        let (documents, tokens) = (usize::try_from(documents).ok()?, usize::try_from(tokens).ok()?);
        let id_bytes = usize::try_from(id_bytes).ok()?;
        let mut at = HEADER;
        let mut section = |bytes: usize| {
            let start = at;
            at = start.checked_add(bytes)?.checked_next_multiple_of(ALIGN)?;
            Some(start)
        };
        let column = documents.checked_mul(8)?;
        Some(Layout {
            tokens: section(tokens.checked_mul(width)?)?,
            token_ends: section(column)?,
            text_bytes: section(column)?,
            id_ends: section(column)?,
            ids: section(id_bytes)?,
            mask: section(if mask { tokens.div_ceil(8) } else { 0 })?,
            total: at,
        })
    }
}

#[cfg(test)]
mod tests;
