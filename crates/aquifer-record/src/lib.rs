//! What every run leaves and says: run folders, manifests, metrics, the index over many runs, and the
//! traits through which long work reports progress and learns that it should stop.
//!
//! The run folder is the truth; the index is rebuilt from it. Nothing here prints: the binary does.

pub mod files;
pub mod progress;

pub use files::{FileError, sha256_file, sha256_hex, write_atomic};
pub use progress::{Bar, Progress, Silent, Stop};
