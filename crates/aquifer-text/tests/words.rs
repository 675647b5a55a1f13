//! Cuts of words and sentences against spaCy's, by `golden/words.py`.

#![allow(clippy::unwrap_used)]

use aquifer_text::words::{Language, Splitter, Token, sentences};

#[test]
fn tokens_and_sentences_are_spacys() {
    let languages = [(Language::English, "en"), (Language::Multi, "xx"), (Language::Chinese, "zh")];
    let mut splitters = languages.map(|(language, name)| (name, Splitter::new(language)));
    let mut checked = 0;
    for line in include_str!("golden/words.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let [language, text, lengths, ends] =
            ["language", "text", "lengths", "sentences"].map(|key| row[key].as_str().unwrap());
        let (_, splitter) = splitters.iter_mut().find(|(name, _)| *name == language).unwrap();
        // Twice: the second time out of the cache.
        for _ in 0..2 {
            let tokens = splitter.split(text);
            let got: Vec<&str> = tokens.iter().map(|token| token.of(text)).collect();
            assert_eq!(got, cut(text, lengths), "{text:?}");
            let got: Vec<String> = sentences(&tokens).iter().map(usize::to_string).collect();
            assert_eq!(got.join(" "), ends, "{text:?}");
            assert!(tokens.iter().all(|token: &Token| token.chars as usize == token.of(text).chars().count()));
        }
        checked += 1;
    }
    assert!(checked > 30);
}

/// The pieces of the text, each of so many characters, with no more than one space between two.
fn cut<'a>(text: &'a str, lengths: &str) -> Vec<&'a str> {
    let mut rest = text;
    let mut pieces: Vec<&str> = Vec::new();
    for length in lengths.split_whitespace().map(|length| length.parse::<usize>().unwrap()) {
        let is_space = |text: &str| text.trim().is_empty();
        if pieces.last().is_some_and(|last| !is_space(last)) {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    pieces
}
