//! A vocabulary of single characters.
//!
//! It holds the special tokens, all 128 ASCII characters, the 115 bytes that UTF-8 uses beyond them (written `<0xE4>`)
//! and then, in code point order, every other character of the training text. A character never trained on becomes
//! its UTF-8 bytes, so nothing is lost, and a purely ASCII text has 247 entries: they fit one block of 256 rows.

use crate::train_bpe::added_tokens_json;
use crate::{TextError, Tokenizer, special};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Makes the vocabulary of the characters of `texts`.
///
/// # Errors
/// None for texts of fewer than 2³² characters; the result is that of [`Tokenizer::from_json`].
pub fn train_char<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Tokenizer, TextError> {
    let mut beyond_ascii = BTreeSet::new();
    for text in texts {
        beyond_ascii.extend(text.as_ref().chars().filter(|c| !c.is_ascii()));
    }
    let entries = special::ALL
        .iter()
        .map(|s| s.to_string())
        .chain((0..128_u8).map(|b| char::from(b).to_string()))
        .chain((0x80..=0xF4_u8).filter(|b| !matches!(b, 0xC0 | 0xC1)).map(|b| format!("<0x{b:02X}>")))
        .chain(beyond_ascii.into_iter().map(String::from));
    let vocab: Map<String, Value> = entries.zip(0_u32..).map(|(entry, id)| (entry, json!(id))).collect();
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added_tokens_json(),
        "normalizer": null,
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocab, "merges": []
        }
    });
    Tokenizer::from_json(json, Tokenizer::default_config())
}
