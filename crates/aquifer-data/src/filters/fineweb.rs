//! The rules that FineWeb adds (Penedo et al., 2024, <https://arxiv.org/abs/2406.17557>, section 3.4).

use super::{Measure, share, spaceless};
use std::collections::HashSet;

/// Lines that end a sentence, short lines, repeated lines, line ends for each word.
pub fn measures(text: &str) -> Vec<Measure> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let ends =
        |line: &&&str| line.ends_with(['.', '!', '?', '"', '\'', '”', '’', '。', '！', '？', '…', '」', '।', '؟']);
    let short = if spaceless(text) { 15 } else { 30 };
    let mut seen = HashSet::new();
    let again: usize = lines.iter().filter(|line| !seen.insert(**line)).map(|line| line.len()).sum();
    let words = if spaceless(text) {
        text.chars().filter(|c| c.is_alphanumeric()).count()
    } else {
        text.split_whitespace().count()
    };
    vec![
        Measure::at_least("fineweb/lines_that_end", share(lines.iter().filter(ends).count(), lines.len()), 0.12),
        Measure::at_most(
            "fineweb/short_lines",
            share(lines.iter().filter(|l| l.chars().count() <= short).count(), lines.len()),
            0.67,
        ),
        Measure::at_most("fineweb/repeated_line_characters", share(again, text.len()), 0.01),
        Measure::at_most("fineweb/line_ends_per_word", share(text.matches('\n').count(), words), 0.3),
    ]
}
