//! What makes a vector of a document.

use crate::dedup::method::Details;
use aquifer_record::FileError;

/// Turns documents into vectors whose cosine says how alike in meaning they are.
///
/// It happens in two steps, for what the vectors are learnt from may be the documents themselves: of each document something
/// is noted, anywhere and in any order; then, with all notes at hand, each note becomes a vector. An encoder that was trained
/// elsewhere notes the vector, and has nothing to learn.
pub trait Embed: Send + Sync {
    /// Numbers in a vector.
    fn width(&self) -> usize;

    /// What is noted of a text. It waits on the disk.
    fn note(&self, text: &str) -> Vec<u8>;

    /// Learns what it needs from the notes of documents `0..n`, and says how a note becomes a vector. The same notes give the
    /// same vectors, to the bit.
    ///
    /// # Errors
    /// If notes cannot be had.
    fn learn<'a>(&'a self, n: usize, notes: &Details) -> Result<Box<ToVector<'a>>, FileError>;
}

/// Writes the vector of a note, of length 1; `false` for a document that has none, and is like no other.
pub type ToVector<'a> = dyn Fn(&[u8], &mut [f32]) -> bool + Sync + 'a;
