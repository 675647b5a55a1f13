//! A file of tokens in another program's layout, as one part of a set: its tokens are mapped, its boundaries held.

use super::open::cast;
use super::{DocTokens, ShardError, ShardFormat};
use aquifer_record::FileError;
use memmap2::Mmap;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// One file of tokens.
pub(super) struct Foreign {
    /// What its documents are called after.
    pub(super) name: String,
    /// The file of tokens.
    pub(super) tokens: Mmap,
    /// Bytes of a token: 2 or 4.
    pub(super) width: usize,
    /// The tokens of each document.
    pub(super) documents: Vec<Range<u64>>,
    /// Whether each token is learned, a byte each.
    pub(super) loss: Option<Mmap>,
}

impl Foreign {
    /// The tokens of document `i`.
    pub(super) fn tokens(&self, i: usize) -> DocTokens<'_> {
        let Range { start, end } = self.documents[i];
        let bytes = &self.tokens[start as usize * self.width..end as usize * self.width];
        if self.width == 2 { DocTokens::U16(cast(bytes)) } else { DocTokens::U32(cast(bytes)) }
    }

    /// What document `i` is called.
    pub(super) fn id(&self, i: usize) -> String {
        format!("{}#{}", self.name, i + 1)
    }

    /// Which tokens of document `i` are learned.
    pub(super) fn mask(&self, i: usize) -> Vec<bool> {
        let Range { start, end } = self.documents[i];
        match &self.loss {
            Some(loss) => loss[start as usize..end as usize].iter().map(|byte| *byte != 0).collect(),
            None => vec![true; (end - start) as usize],
        }
    }

    /// Tokens of all documents.
    pub(super) fn total(&self) -> u64 {
        self.documents.iter().map(|document| document.end - document.start).sum()
    }

    /// The largest token, and the SHA-256 of everything there is to read, names of files aside.
    pub(super) fn read_through(&self) -> (u32, String) {
        let mut digest = Sha256::new();
        let mut largest = 0;
        for (i, document) in self.documents.iter().enumerate() {
            digest.update((document.end - document.start).to_le_bytes());
            let tokens = self.tokens(i);
            largest = largest.max(tokens.iter().max().unwrap_or(0));
            digest.update(&self.tokens[document.start as usize * self.width..document.end as usize * self.width]);
            if let Some(loss) = &self.loss {
                digest.update(&loss[document.start as usize..document.end as usize]);
            }
        }
        (largest, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Maps a file of a set.
pub(super) fn map(path: &Path) -> Result<Mmap, ShardError> {
    let file = File::open(path).map_err(FileError::at("read", path))?;
    // SAFETY: the file is only read; as with every mapped file, another program truncating it meanwhile would end this
    // one, which is no worse than the reads of a file that is no longer what it was.
    Ok(unsafe { Mmap::map(&file) }.map_err(FileError::at("map", path))?)
}

/// What is wrong with a file of this layout.
pub(super) fn unreadable(path: &Path, format: ShardFormat, what: impl Into<String>) -> ShardError {
    ShardError::Unreadable { path: path.to_path_buf(), format: format.name(), what: what.into() }
}

/// `path` with `suffix` behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
