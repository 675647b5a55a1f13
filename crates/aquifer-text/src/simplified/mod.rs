//! Traditional Chinese characters as simplified ones: OpenCC's conversion `t2s` (1.4.2, <https://github.com/BYVoid/OpenCC>,
//! Apache-2.0), from its dictionaries.
//!
//! Compatibility ideographs become the characters they stand for; then, from left to right, the longest phrase that the dictionary
//! has (`乾坤` keeps its `乾`) or else one character is converted.
//!
//! ```
//! use aquifer_text::simplified::simplified;
//! assert_eq!(simplified("臺灣的後來與皇后，乾坤與乾燥"), "台湾的后来与皇后，乾坤与干燥");
//! ```

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::LazyLock;

struct Tables {
    compatibility: FxHashMap<char, char>,
    phrases: AhoCorasick,
    replacements: Vec<&'static str>,
    characters: FxHashMap<char, char>,
}

/// Read at first use.
static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut parts = include_str!("tables.txt").split("\n\n");
    let mut rows = || parts.next().unwrap_or_default().lines().filter_map(|line| line.split_once('\t'));
    let one = |text: &str| text.chars().next();
    let characters = |(from, to)| Some((one(from)?, one(to)?));
    let compatibility = rows().filter_map(characters).collect();
    let (phrases, replacements): (Vec<_>, Vec<_>) = rows().unzip();
    let phrases = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(phrases);
    let phrases = phrases.expect("a few hundred phrases fit");
    Tables { compatibility, phrases, replacements, characters: rows().filter_map(characters).collect() }
});

/// The text in simplified characters; what has none stays.
pub fn simplified(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let tables = &*TABLES;
    let whole = mapped(text, &tables.compatibility);
    let (mut out, mut at) = (String::with_capacity(whole.len()), 0);
    for phrase in tables.phrases.find_iter(whole.as_ref()) {
        out.push_str(&mapped(&whole[at..phrase.start()], &tables.characters));
        out.push_str(tables.replacements[phrase.pattern().as_usize()]);
        at = phrase.end();
    }
    out.push_str(&mapped(&whole[at..], &tables.characters));
    if out == text { text.into() } else { out.into() }
}

fn mapped<'a>(text: &'a str, map: &FxHashMap<char, char>) -> Cow<'a, str> {
    let known = |c: char| if c < '\u{2e80}' { None } else { map.get(&c).copied() };
    match text.chars().any(|c| known(c).is_some()) {
        true => text.chars().map(|c| known(c).unwrap_or(c)).collect(),
        false => text.into(),
    }
}
