//! Chinese words: jieba's (0.42.1), as spaCy's `zh` asks for them.
//!
//! Stretches of Chinese characters, ASCII letters and digits and a few marks go to jieba (accurate mode, with its hidden Markov model
//! for words it does not know); of the rest, every character that is not white space is a token of its own.
//!
//! The dictionary is jieba's own, written by `dictionary.py`. The crate `jieba-rs` differs from jieba in names such as `iPhone-12`,
//! which it keeps whole; that is put right here.

use jieba_rs::Jieba;
use std::io::BufReader;
use std::sync::LazyLock;

/// One dictionary for all threads; it is read at first use, which takes a moment.
static JIEBA: LazyLock<Jieba> = LazyLock::new(|| {
    let words = zstd::Decoder::new(include_bytes!("dictionary.zst").as_slice()).expect("memory suffices");
    Jieba::with_dict(&mut BufReader::new(words)).expect("the dictionary that is built in is sound")
});

/// Adds the ends of the tokens of text without white space, in bytes.
pub(super) fn split(text: &str, ends: &mut Vec<usize>) {
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if is_jiebas(first) {
            let end = at + text[at..].find(|c| !is_jiebas(c)).unwrap_or(text.len() - at);
            for token in JIEBA.cut(&text[at..end], true) {
                cut_name(token.word, at, ends);
                at += token.word.len();
                ends.push(at);
            }
        } else {
            at += first.len_utf8();
            ends.push(at);
        }
    }
}

/// jieba's `re_han_default`: blocks up to Unicode 8, so that later characters stand alone.
fn is_jiebas(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fd5}')
        || c.is_ascii_alphanumeric()
        || matches!(c, '+' | '#' | '&' | '.' | '_' | '%' | '-')
}

/// Adds the ends inside a word that `jieba-rs` joined at stops, low lines or hyphens: jieba looks for letters and digits, with one
/// decimal part and a percent sign behind them (`[a-zA-Z0-9]+(?:\.\d+)?%?`), and cuts around each. No word of the dictionary has
/// one of these marks.
fn cut_name(word: &str, from: usize, ends: &mut Vec<usize>) {
    let bytes = word.as_bytes();
    if !bytes.iter().any(|b| matches!(b, b'.' | b'_' | b'-')) {
        return;
    }
    let run = |at: usize, of: fn(&u8) -> bool| at + bytes[at..].iter().take_while(|b| of(b)).count();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_alphanumeric() {
            at = run(at, u8::is_ascii_alphanumeric);
            if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                at = run(at + 1, u8::is_ascii_digit);
            }
            at += usize::from(bytes.get(at) == Some(&b'%'));
        } else {
            at = run(at, |b| !b.is_ascii_alphanumeric());
        }
        if at < bytes.len() {
            ends.push(from + at);
        }
    }
}
