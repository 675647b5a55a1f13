//! What each id means in bytes.

use crate::byte_alphabet::char_to_byte;
use serde_json::Value;

/// The bytes of every id, for vocabularies whose decoding is concatenation; others decode only as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Pieces {
    /// One slice of bytes an id.
    Bytes {
        /// All bytes, one piece after another.
        bytes: Vec<u8>,
        /// Piece `id` is `bytes[ends[id - 1]..ends[id]]`.
        ends: Vec<u32>,
    },
    /// The decoder looks at neighbours or edges (it strips, cleans or joins).
    Whole,
}

impl Pieces {
    /// Reads the decoder of a `tokenizer.json`; `tokens` are its entries by id, added tokens marked.
    pub(crate) fn new(decoder: &Value, tokens: &[Option<(String, bool)>]) -> Self {
        let kind = |v: &Value| v.get("type").and_then(Value::as_str).unwrap_or_default().to_string();
        let steps = match kind(decoder).as_str() {
            "Sequence" => decoder["decoders"].as_array().map(|a| a.iter().map(kind).collect()).unwrap_or_default(),
            one => vec![one.to_string()],
        };
        let piece: fn(&str) -> Vec<u8> = match steps.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ByteLevel"] => byte_level,
            ["ByteFallback", "Fuse"] | ["ByteFallback"] => byte_fallback,
            _ => return Pieces::Whole,
        };
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(tokens.len()));
        for token in tokens {
            match token {
                Some((content, true)) => bytes.extend_from_slice(content.as_bytes()),
                Some((content, false)) => bytes.extend(piece(content)),
                None => {}
            }
            ends.push(bytes.len() as u32);
        }
        Pieces::Bytes { bytes, ends }
    }

    /// The bytes of `id`; none for an id beyond the vocabulary.
    pub(crate) fn get(&self, id: u32) -> Option<&[u8]> {
        let Pieces::Bytes { bytes, ends } = self else { return None };
        let end = *ends.get(id as usize)? as usize;
        let start = if id == 0 { 0 } else { ends[id as usize - 1] as usize };
        Some(&bytes[start..end])
    }
}

/// Byte-level entries are written in stand-in characters; one that is not was added by hand and means itself.
fn byte_level(entry: &str) -> Vec<u8> {
    entry.chars().map(char_to_byte).collect::<Option<Vec<u8>>>().unwrap_or_else(|| entry.as_bytes().to_vec())
}

/// `<0xE4>` is one byte; anything else means itself.
fn byte_fallback(entry: &str) -> Vec<u8> {
    let hex = entry.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>')).filter(|hex| hex.len() == 2);
    match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) => vec![byte],
        None => entry.as_bytes().to_vec(),
    }
}
