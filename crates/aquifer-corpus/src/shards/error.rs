//! What can be wrong with a folder of shards.

use aquifer_record::FileError;
use std::path::PathBuf;

/// A set of shards that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// No `shards.json`: never finished, or another folder.
    #[error(
        "`{}` holds no finished token shards (no shards.json, nor .ds files of datatrove, nor .idx and .bin of Megatron): \
         tokenise again, or check the path", .0.display()
    )]
    Unfinished(PathBuf),
    /// A file is not what was written.
    #[error("`{}` is damaged: {what}; make the shards again from their documents", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was expected and what is there.
        what: String,
    },
    /// A file in another program's layout that does not follow it.
    #[error("`{}` cannot be read as {format}: {what}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The layout.
        format: &'static str,
        /// What was expected and what is there.
        what: String,
    },
    /// A token that the vocabulary does not have.
    #[error("document `{id}`: token {token} at position {position} is outside the vocabulary of {vocab_size}")]
    Vocabulary {
        /// The document.
        id: String,
        /// The token.
        token: u32,
        /// Where in the document.
        position: usize,
        /// Entries in the vocabulary.
        vocab_size: usize,
    },
    /// A mask that is not as long as its tokens, or that the layout cannot keep.
    #[error("document `{id}`: {what}")]
    Mask {
        /// The document.
        id: String,
        /// What is wrong with it.
        what: String,
    },
}
