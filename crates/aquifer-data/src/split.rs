//! Part of the documents held out, in contiguous blocks.

use aquifer_corpus::{Document, held_out_blocks};

/// Divides documents into those to train on and those held out, as [`held_out_blocks`] chooses by their bytes.
pub fn hold_out(documents: Vec<Document>, share: f64, seed: u64) -> (Vec<Document>, Vec<Document>) {
    let sizes: Vec<u64> = documents.iter().map(|document| document.text.len() as u64).collect();
    let mut held = held_out_blocks(&sizes, share, seed).into_iter();
    documents.into_iter().partition(|_| !held.next().expect("one for every document"))
}
