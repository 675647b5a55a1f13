//! Documents that are there twice: word for word, or nearly.
//!
//! A [`Method`] tells clusters of copies, [`Keep`] which member of each stays: neither depends on chance or threads. Other ways
//! ([`sentence`], [`substring`]) cut out what stands elsewhere already.

pub mod bloom;
pub mod clusters;
pub mod exact;
pub mod index;
pub mod keep;
pub mod method;
pub mod minhash;
pub mod near;
pub mod semantic;
pub mod sentence;
pub mod simhash;
pub mod spill;
pub mod substring;
pub mod universal;
pub mod url;

mod mt19937;

pub use clusters::Clusters;
pub use keep::{Keep, Standing};
pub use method::{Decided, Method, Wishes};

use aquifer_record::FileError;
use std::path::Path;

/// What is wrong with a file that can be read.
fn damaged(path: &Path, what: impl Into<String>) -> FileError {
    FileError::at("use", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, what.into()))
}

#[cfg(test)]
mod tests;
