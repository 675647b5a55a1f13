//! Files that many machines share without a common folder: what an object store offers, and no more.

use crate::FileError;
use std::path::Path;

/// A file that is stored under an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it is, such as `s3://bucket/crawl/a.jsonl.gz`.
    pub address: String,
    /// Its path below the address that was listed.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// Files under addresses. Each appears whole, for everyone, or not at all; none can be written to once it is there.
pub trait Storage: Send + Sync {
    /// What is stored below an address, or at it, in ascending order of names, folder by folder.
    ///
    /// # Errors
    /// Where the storage does not answer, after several tries.
    fn list(&self, address: &str) -> Result<Vec<Stored>, FileError>;

    /// Copies what is stored under an address to a file; `false` where there is nothing.
    ///
    /// # Errors
    /// Where the storage does not answer, after several tries, and where the file cannot be written.
    fn fetch(&self, address: &str, to: &Path) -> Result<bool, FileError>;

    /// Stores a copy of a file, in the place of what has this address.
    ///
    /// # Errors
    /// Where the storage does not answer, after several tries, and where the file cannot be read.
    fn put(&self, from: &Path, address: &str) -> Result<(), FileError>;

    /// Stores a copy of a file, unless something has this address already: whether nothing had.
    ///
    /// # Errors
    /// As for [`put`](Storage::put).
    fn put_new(&self, from: &Path, address: &str) -> Result<bool, FileError>;

    /// Removes all that is stored below an address.
    ///
    /// # Errors
    /// Where the storage does not answer, after several tries.
    fn remove(&self, address: &str) -> Result<(), FileError>;
}

/// Whether this names something stored, such as `s3://bucket/prefix`, and no file.
pub fn is_address(path: &Path) -> bool {
    path.to_str().and_then(|text| text.split_once("://")).is_some_and(|(scheme, rest)| {
        scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) && !rest.is_empty()
    })
}
