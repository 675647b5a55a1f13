//! Text that is no language at all: symbols, digits, keyboard noise, one line over and over.

use super::{Measure, share, spaceless};
use std::collections::HashSet;

/// Share of letters among the visible characters, mean length of words, share of repeated lines.
pub fn measures(text: &str) -> Vec<Measure> {
    let visible = text.chars().filter(|c| !c.is_whitespace()).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let mut measures = vec![Measure::at_least("noise/letters", share(letters, visible), 0.5)];
    if !spaceless(text) {
        let words = text.split_whitespace().count();
        measures.push(Measure::at_most("noise/word_length", share(visible, words), 20.0));
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() >= 4 {
        let distinct = lines.iter().collect::<HashSet<_>>().len();
        measures.push(Measure::at_most("noise/repeated_lines", share(lines.len() - distinct, lines.len()), 0.5));
    }
    measures
}
