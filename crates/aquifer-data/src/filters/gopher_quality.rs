//! Document quality rules of Gopher (Rae et al., 2021, <https://arxiv.org/abs/2112.11446>, appendix A1.1).
//!
//! Deviations: in scripts without spaces a character counts as a word and the rules on word form are not asked; the
//! stop-word rule is asked only of text in Latin letters.

use super::{Measure, share, spaceless};
use std::collections::HashSet;

/// Number and length of words, symbols, bullets, ellipses, words with letters, stop words.
pub fn measures(text: &str) -> Vec<Measure> {
    let spaceless = spaceless(text);
    let words: Vec<&str> = text.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).collect();
    let count = if spaceless { text.chars().filter(|c| c.is_alphanumeric()).count() } else { words.len() };
    let mut measures =
        vec![Measure { rule: "gopher_quality/words", value: count as f64, at_least: 50.0, at_most: 100_000.0 }];
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let lines_that = |test: &dyn Fn(&str) -> bool| share(lines.iter().filter(|line| test(line)).count(), lines.len());
    let ellipses = text.matches("...").count() + text.matches('…').count();
    measures.extend([
        Measure::at_most("gopher_quality/hashes", share(text.matches('#').count(), count), 0.1),
        Measure::at_most("gopher_quality/ellipses", share(ellipses, count), 0.1),
        Measure::at_most("gopher_quality/bullet_lines", lines_that(&|line| line.starts_with(['•', '-'])), 0.9),
        Measure::at_most(
            "gopher_quality/ellipsis_lines",
            lines_that(&|line| line.ends_with("...") || line.ends_with('…')),
            0.3,
        ),
    ]);
    if spaceless {
        return measures;
    }
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    let mean = share(letters, words.len());
    let with_letter = words.iter().filter(|word| word.chars().any(char::is_alphabetic)).count();
    measures.push(Measure { rule: "gopher_quality/word_length", value: mean, at_least: 3.0, at_most: 10.0 });
    measures.push(Measure::at_least("gopher_quality/words_with_letters", share(with_letter, words.len()), 0.8));
    let latin = text.bytes().filter(u8::is_ascii_alphabetic).count();
    if share(latin, text.chars().filter(|c| c.is_alphabetic()).count()) > 0.9 {
        const STOP: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];
        let lower = words.iter().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
        let found: HashSet<String> = lower.filter(|word| STOP.contains(&word.as_str())).collect();
        measures.push(Measure::at_least("gopher_quality/stop_words", found.len() as f64, 2.0));
    }
    measures
}
