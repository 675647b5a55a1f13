//! What a corpus consists of.

use crate::parallel;
use aquifer_corpus::Document;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts over documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Documents.
    pub documents: u64,
    /// Of these, dialogues.
    pub dialogues: u64,
    /// UTF-8 bytes.
    pub bytes: u64,
    /// Characters (Unicode scalar values).
    pub characters: u64,
    /// Words; in scripts without spaces, characters.
    pub words: u64,
    /// Bytes of the longest document.
    pub longest: u64,
    /// Documents by the script that most of their letters are of.
    pub scripts: BTreeMap<String, u64>,
}

/// Counts, in parallel.
pub fn stats(documents: &[Document]) -> Stats {
    let counts = parallel::map(documents.len(), |i| {
        let text = &documents[i].text;
        let (mut words, mut inside) = (0_u64, false);
        for c in text.chars() {
            let alone = is_unspaced(c);
            words += u64::from(alone || (c.is_alphanumeric() && !inside));
            inside = c.is_alphanumeric() && !alone;
        }
        (text.chars().count() as u64, words, script(text))
    });
    let mut stats = Stats { documents: documents.len() as u64, ..Stats::default() };
    for (document, (characters, words, script)) in documents.iter().zip(counts) {
        stats.dialogues += u64::from(document.metadata.contains_key("messages"));
        stats.bytes += document.text.len() as u64;
        stats.characters += characters;
        stats.words += words;
        stats.longest = stats.longest.max(document.text.len() as u64);
        *stats.scripts.entry(script.to_owned()).or_default() += 1;
    }
    stats
}

fn is_unspaced(c: char) -> bool {
    matches!(script_of(c), Some("Chinese" | "Japanese" | "Thai"))
}

/// The script that most letters of the text are of; a text with a good part of kana is Japanese.
pub fn script(text: &str) -> &'static str {
    let mut count: BTreeMap<&'static str, usize> = BTreeMap::new();
    for c in text.chars() {
        if let Some(script) = script_of(c) {
            *count.entry(script).or_default() += 1;
        }
    }
    let of = |name: &str| count.get(name).copied().unwrap_or(0);
    if of("Japanese") * 10 > of("Chinese") && of("Japanese") > 0 && of("Japanese") + of("Chinese") > of("Latin") {
        return "Japanese";
    }
    count.iter().max_by_key(|(name, n)| (**n, std::cmp::Reverse(**name))).map_or("none", |(name, _)| name)
}

fn script_of(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return c.is_ascii_alphabetic().then_some("Latin");
    }
    if !c.is_alphabetic() {
        return None;
    }
    Some(match u32::from(c) {
        0x00AA..=0x024F | 0x1E00..=0x1EFF => "Latin",
        0x0370..=0x03FF | 0x1F00..=0x1FFF => "Greek",
        0x0400..=0x052F => "Cyrillic",
        0x0530..=0x058F => "Armenian",
        0x0590..=0x05FF => "Hebrew",
        0x0600..=0x06FF | 0x0750..=0x077F => "Arabic",
        0x0900..=0x097F => "Devanagari",
        0x0980..=0x0DFF => "other Indic",
        0x0E00..=0x0EFF => "Thai",
        0x10A0..=0x10FF => "Georgian",
        0x1100..=0x11FF | 0xAC00..=0xD7AF => "Korean",
        0x3040..=0x30FF => "Japanese",
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF => "Chinese",
        _ => "other",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_words() {
        for (text, expected) in [
            ("hello", "Latin"),
            ("你好 ok", "Chinese"),
            ("吾輩は猫である", "Japanese"),
            ("мир", "Cyrillic"),
            ("123", "none"),
        ] {
            assert_eq!(script(text), expected);
        }
        let stats = stats(&[Document::new("a", "two words"), Document::new("b", "两个 and one")]);
        assert_eq!((stats.documents, stats.words, stats.characters), (2, 6, 19));
    }
}
