//! What can keep a model from being scored.

use std::path::PathBuf;

/// An evaluation that could not be done, with the evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] aquifer_record::FileError),
    /// A line of a task file that is not a question.
    #[error("`{}`, line {line}: {reason}", path.display())]
    Question {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to score.
    #[error("{0} holds nothing to score")]
    Empty(String),
    /// A continuation that no context window holds.
    #[error("a continuation of {tokens} tokens does not fit the model's context of {context}")]
    TooLong {
        /// Its tokens.
        tokens: usize,
        /// Tokens the model can look at.
        context: usize,
    },
    /// A continuation with nothing before it: a model predicts only what follows something.
    #[error("a request has an empty context; begin it with the token that begins a text")]
    NoContext,
    /// The data was cut by another vocabulary than the model's.
    #[error(
        "the tokens were made by tokenizer {found}, the model's is {expected}: shard the text again with the model's tokenizer"
    )]
    OtherTokenizer {
        /// SHA-256 of the model's.
        expected: String,
        /// SHA-256 of the data's.
        found: String,
    },
    /// The tokenizer failed.
    #[error(transparent)]
    Text(#[from] aquifer_text::TextError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] aquifer_model::ModelError),
    /// Asked to stop.
    #[error("stopped before every item was scored; nothing was written")]
    Stopped,
}
