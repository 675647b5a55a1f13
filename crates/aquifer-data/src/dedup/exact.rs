//! Word-for-word copies, found by a hash of the text without case and white space.

use crate::parallel;
use aquifer_corpus::Document;
use rustc_hash::FxHashMap;

/// The text as it is compared: lower case, any run of white space one space, none at the ends.
pub fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        match word.is_ascii() {
            true => out.extend(word.bytes().map(|b| char::from(b.to_ascii_lowercase()))),
            false => out.extend(word.chars().flat_map(char::to_lowercase)),
        }
    }
    out
}

/// For every document the place of the first with the same [`normalised`] text (its own, where it is the first).
pub fn first_copies(documents: &[Document]) -> Vec<usize> {
    let hashes =
        parallel::map(documents.len(), |i| aquifer_record::sha256_hex(normalised(&documents[i].text).as_bytes()));
    let mut first = FxHashMap::default();
    hashes.into_iter().enumerate().map(|(i, hash)| *first.entry(hash).or_insert(i)).collect()
}
