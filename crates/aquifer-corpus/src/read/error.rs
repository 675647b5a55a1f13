//! What can go wrong with a whole input, and with one row of it.

use super::format::ENDINGS;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// One file, line or row that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file, by its path below the input.
    pub file: String,
    /// The line (or row), counted from 1; `None` for the whole file.
    pub line: Option<u64>,
    /// Why, and where it helps, what to do.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// An input that gives no documents at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Not there, or not to be opened.
    #[error("cannot read `{}`: {cause}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file whose name does not tell its format.
    #[error(
        "`{}`: unknown extension; expected {ENDINGS}, or a folder of these", .0.display()
    )]
    UnknownExtension(PathBuf),
    /// A format this program was built without.
    #[error("`{}` needs the feature `{feature}`: build with `cargo build --release --features full`", path.display())]
    NeedsFeature {
        /// Which file.
        path: PathBuf,
        /// The feature of `aquifer-corpus`.
        feature: &'static str,
    },
    /// A folder with no file to read.
    #[error(
        "the folder `{}` holds no file that ends with {ENDINGS}, nor do its subfolders{}", path.display(),
        if *others == 0 { "; it is empty".to_owned() } else { format!("; {others} other files are there") }
    )]
    EmptyFolder {
        /// Which folder.
        path: PathBuf,
        /// Files of other kinds in it.
        others: usize,
    },
    /// There is more text than may be held at once.
    #[error("the input holds more than {0} bytes of text, and no more may be held at once")]
    TooMuch(u64),
    /// Files were read and nothing came out of them.
    #[error("not one document could be read{}", reasons(*count, first))]
    NothingReadable {
        /// How much was skipped.
        count: u64,
        /// The first of it.
        first: Vec<Skipped>,
    },
}

fn reasons(count: u64, first: &[Skipped]) -> String {
    let listed = first.iter().take(5).map(|skipped| format!("\n  {skipped}")).collect::<String>();
    let more = count.saturating_sub(5);
    match count {
        0 => ": the input is empty".to_owned(),
        _ if more == 0 => format!(":{listed}"),
        _ => format!(":{listed}\n  … and {more} more"),
    }
}
