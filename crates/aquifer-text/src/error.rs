//! What can go wrong with a tokenizer, a chat template, a classifier or an n-gram model.

use std::path::PathBuf;

/// A text operation that could not be done, with the evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] aquifer_record::FileError),
    /// A tokenizer file that is not one, or asks for something unsafe.
    #[error("`{}` is not a tokenizer that can be used: {reason}", path.display())]
    BadTokenizer {
        /// The file.
        path: PathBuf,
        /// What was found in it.
        reason: String,
    },
    /// A model file that is damaged, or not of its kind.
    #[error("`{}` is not a {kind} that can be used: {reason}", path.display())]
    BadModel {
        /// The file.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
        /// What was found in it.
        reason: String,
    },
    /// Training asked for something impossible.
    #[error("cannot learn a vocabulary: {0}")]
    Training(String),
    /// Training a classifier or an n-gram model asked for something impossible.
    #[error("cannot train: {0}")]
    Learning(String),
    /// The tokenizer refused a text.
    #[error("the tokenizer could not encode this text: {0}")]
    Encode(String),
    /// The tokenizer refused a list of ids.
    #[error("the tokenizer could not decode these ids: {0}")]
    Decode(String),
    /// The chat template is missing, does not parse or refused these messages.
    #[error("chat template: {0}")]
    Template(String),
    /// Training was asked to stop before it was done.
    #[error("stopped before training was complete; nothing was written")]
    Stopped,
}

impl TextError {
    pub(crate) fn bad_model(path: impl Into<PathBuf>, kind: &'static str, reason: impl ToString) -> Self {
        TextError::BadModel { path: path.into(), kind, reason: reason.to_string() }
    }

    pub(crate) fn bad(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        TextError::BadTokenizer { path: path.into(), reason: reason.to_string() }
    }
}
