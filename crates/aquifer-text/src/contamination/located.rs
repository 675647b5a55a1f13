//! Words of a simplified text, and where they came from.

use crate::shingles::{Shingler, SpacedWords};
use std::ops::Range;

/// The words, and of each the bytes of the text between white space (or punctuation of scripts without spaces) it is of.
///
/// The text is simplified a piece at a time. Nothing that simplification looks at reaches over the ends of such pieces, so
/// the words are those of the whole.
pub(super) fn words(shingler: &Shingler, text: &str) -> (SpacedWords, Vec<Range<usize>>) {
    let mut simple = String::with_capacity(text.len());
    // Where each piece begins in `simple`, and where it came from.
    let mut pieces: Vec<(usize, Range<usize>)> = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let end = text[from..].find(is_between).map_or(text.len(), |at| from + at);
        let piece = shingler.simplify.apply(&text[from..end]);
        if !piece.is_empty() {
            if !simple.is_empty() {
                simple.push(' ');
            }
            pieces.push((simple.len(), from..end));
            simple.push_str(&piece);
        }
        from = end + text[end..].chars().next().map_or(0, char::len_utf8);
    }
    let mut cuts = Vec::new();
    (shingler.words)(&simple, &mut cuts);
    let piece_at = |at: usize| &pieces[pieces.partition_point(|(begin, _)| *begin <= at) - 1].1;
    let places = cuts.iter().map(|word| piece_at(word.start).start..piece_at(word.end - 1).end).collect();
    (SpacedWords::new(&simple, &cuts), places)
}

/// White space, and marks that become white space and stand in no number.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '。' | '，' | '、' | '！' | '？' | '：' | '；' | '（' | '）' | '“' | '”' | '《' | '》' | '…')
}
