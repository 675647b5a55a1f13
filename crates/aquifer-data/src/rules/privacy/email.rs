//! E-mail addresses: what datatrove's pattern finds, read from each `@` outwards.
//!
//! Its pattern asks for a boundary between a character of a word and another one before the address, as Python tells them apart, and
//! runs over the text from left to right; the leftmost beginning that fits is the address's.

use aquifer_text::words::characters::is_word;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// A name of two labels at least, or an address in brackets.
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
    let number = super::ip::NUMBER;
    let host = format!(r"^(?:(?:{label}\.)+{label}|\[(?:{number}\.){{3}}(?:{number}|[A-Za-z0-9-]*[A-Za-z0-9]:)\])");
    Regex::new(&host).expect("the pattern is sound")
});

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        let after = found.last().map_or(0, |last| last.end);
        if let Some(start) = name(text, after, at)
            && let Some(host) = HOST.find(&text[at + 1..])
        {
            found.push(start..at + 1 + host.end());
        }
    }
    found
}

/// Where the name before the `@` begins: atoms with single stops between them, none before `after`.
fn name(text: &str, after: usize, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
    let mut first = at;
    while first > after && (is_atom(bytes[first - 1]) || bytes[first - 1] == b'.' && first < at && bytes[first] != b'.')
    {
        first -= 1;
    }
    let begins = |start: &usize| {
        let before = text[..*start].chars().next_back().is_some_and(is_word);
        is_atom(bytes[*start]) && before != is_word(char::from(bytes[*start]))
    };
    (first..at).find(begins)
}
