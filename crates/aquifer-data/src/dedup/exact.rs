//! Word-for-word copies, found by a hash of the text without case and white space.

use sha2::{Digest, Sha256};

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

/// Bytes of a [`mark`].
pub const MARK: usize = 16;

/// Equal for texts that are equal as they are compared, and for no others: the first half of a SHA-256.
pub fn mark(text: &str) -> [u8; MARK] {
    digest(normalised(text).as_bytes())
}

/// The first half of a SHA-256.
pub(super) fn digest(bytes: &[u8]) -> [u8; MARK] {
    *Sha256::digest(bytes).first_chunk().expect("a digest has 32 bytes")
}
