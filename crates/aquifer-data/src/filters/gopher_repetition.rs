//! Repetition rules of Gopher (Rae et al., 2021, <https://arxiv.org/abs/2112.11446>, table A1).

use super::{Measure, share, spaceless};
use rustc_hash::{FxHashMap, FxHashSet};

/// Largest share of the characters that the most frequent run of so many words may take.
const TOP: [(usize, f64, &str); 3] = [
    (2, 0.20, "gopher_repetition/top_2_gram"),
    (3, 0.18, "gopher_repetition/top_3_gram"),
    (4, 0.16, "gopher_repetition/top_4_gram"),
];
/// Largest share of the characters inside runs of so many words that occur again.
const DUPLICATED: [(usize, f64, &str); 6] = [
    (5, 0.15, "gopher_repetition/5_grams"),
    (6, 0.14, "gopher_repetition/6_grams"),
    (7, 0.13, "gopher_repetition/7_grams"),
    (8, 0.12, "gopher_repetition/8_grams"),
    (9, 0.11, "gopher_repetition/9_grams"),
    (10, 0.10, "gopher_repetition/10_grams"),
];

/// Repeated lines, paragraphs and runs of words.
pub fn measures(text: &str) -> Vec<Measure> {
    let mut measures = Vec::new();
    let paragraphs: Vec<&str> = text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()).collect();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for (rules, parts) in [
        (["gopher_repetition/paragraphs", "gopher_repetition/paragraph_characters"], paragraphs),
        (["gopher_repetition/lines", "gopher_repetition/line_characters"], lines),
    ] {
        let mut seen = FxHashSet::default();
        let again: Vec<&str> = parts.iter().copied().filter(|part| !seen.insert(*part)).collect();
        let characters = again.iter().map(|part| part.len()).sum();
        measures.push(Measure::at_most(rules[0], share(again.len(), parts.len()), 0.3));
        measures.push(Measure::at_most(rules[1], share(characters, text.len()), 0.2));
    }
    // Characters of a script without spaces repeat in short runs by nature; these rules are about words.
    if spaceless(text) {
        return measures;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let length = |run: &[&str]| run.iter().map(|word| word.len()).sum::<usize>();
    let total = length(&words);
    for (n, bound, rule) in TOP {
        let mut count: FxHashMap<&[&str], usize> = FxHashMap::default();
        words.windows(n).for_each(|run| *count.entry(run).or_default() += 1);
        let top = count.iter().filter(|(_, count)| **count > 1).map(|(run, count)| length(run) * count).max();
        measures.push(Measure::at_most(rule, share(top.unwrap_or(0), total), bound));
    }
    for (n, bound, rule) in DUPLICATED {
        let (mut seen, mut at, mut repeated) = (FxHashSet::default(), 0, 0);
        while at + n <= words.len() {
            let run = &words[at..at + n];
            if seen.insert(run) {
                at += 1;
            } else {
                repeated += length(run);
                at += n;
            }
        }
        measures.push(Measure::at_most(rule, share(repeated, total), bound));
    }
    measures
}
