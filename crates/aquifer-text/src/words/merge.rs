//! The second look: tokens that together spell an exception become it.
//!
//! spaCy's phrase matcher runs over the tokens of the whole document, so a sequence may cross white space; such a match makes nothing,
//! yet it can hide a shorter one. That is kept.

use super::rules::Rules;
use super::{Token, Traits};
use std::cmp::Reverse;

/// Replaces sequences of tokens by the exceptions they spell. `piece` makes a token of a byte range.
pub(super) fn merge(text: &str, tokens: &mut Vec<Token>, rules: &Rules, piece: impl Fn(usize, usize) -> Token) {
    let mut matches: Vec<(usize, usize)> = Vec::new();
    for start in 0..tokens.len() {
        if !tokens[start].traits.has(Traits::BEGINS_PHRASE) {
            continue;
        }
        for rest in rules.phrases(tokens[start].of(text)).unwrap_or_default() {
            let here = tokens[start + 1..].iter().take(rest.len());
            if tokens.len() - start > rest.len() && here.zip(rest).all(|(token, want)| token.of(text) == want) {
                matches.push((start, start + 1 + rest.len()));
            }
        }
    }
    if matches.is_empty() {
        return;
    }
    // Longest first, then leftmost; a match stands if neither its first nor its last token was seen in one before.
    matches.sort_by_key(|(start, end)| (Reverse(end - start), *start));
    let mut seen = vec![false; tokens.len()];
    matches.retain(|&(start, end)| {
        let free = !seen[start] && !seen[end - 1];
        seen[start..end].fill(true);
        free
    });
    matches.sort_unstable();
    let mut merged = Vec::with_capacity(tokens.len());
    let mut at = 0;
    for (start, end) in matches {
        let (from, to) = (tokens[start].start as usize, tokens[end - 1].end as usize);
        let Some(lengths) = rules.exception(&text[from..to]) else { continue };
        merged.extend_from_slice(&tokens[at..start]);
        let mut begin = from;
        merged.extend(lengths.iter().map(|length| {
            begin += length;
            piece(begin - length, begin)
        }));
        at = end;
    }
    merged.extend_from_slice(&tokens[at..]);
    *tokens = merged;
}
