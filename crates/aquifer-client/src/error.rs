//! What ends a job of questions.

use aquifer_record::FileError;
use std::path::PathBuf;

/// Why no more questions are asked. Every answer so far is in the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// An address that is none.
    #[error("`{url}` is no endpoint: {why}; it should look like https://host/v1 or http://localhost:8080/v1")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A key that cannot be sent.
    #[error("the API key holds characters that no HTTP header may carry (a line break at its end?)")]
    Key,
    /// The endpoint says no, and would say so again.
    #[error("{url} answered {status}: {message}{}", hint(*status))]
    Denied {
        /// Who.
        url: String,
        /// The HTTP status.
        status: u16,
        /// In its own words.
        message: String,
    },
    /// One question after another went unanswered.
    #[error(
        "{failed} questions in a row went unanswered, each tried {tries} times; the last one: {why}. What was answered is kept: run the same command again"
    )]
    GivenUp {
        /// Questions.
        failed: usize,
        /// Times each was asked.
        tries: u32,
        /// What went wrong last.
        why: String,
    },
    /// The money is gone.
    #[error("{spent:.2} of {at_most:.2} was spent; every answer so far is kept, and the same command goes on")]
    Spent {
        /// At the prices given.
        spent: f64,
        /// What was allowed.
        at_most: f64,
    },
    /// A signal asked for it.
    #[error("stopped; every answer so far is kept: run the same command again to go on")]
    Stopped,
    /// The journal cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Two processes at one journal.
    #[error("another process is writing `{}`: wait for it, or name another file with --journal", .0.display())]
    Held(PathBuf),
    /// The file given as a journal is none.
    #[error("`{}` is no journal of answers (line {line}: {why}); name another file with --journal", path.display())]
    NoJournal {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => " (is the API key set, and is it the right one?)",
        404 => " (is this the address, and is the model called so there?)",
        300..=399 => " (the endpoint has moved: name its new address)",
        _ => "",
    }
}
