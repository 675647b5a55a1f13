//! Document quality rules of Gopher (Rae et al., 2021, <https://arxiv.org/abs/2112.11446>, appendix A1.1), as datatrove decides them.

use super::characters::{is_symbol, place, strip};
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, share};
use aquifer_text::words::{Language, characters};
use rustc_hash::FxHashMap;
use std::ops::{ControlFlow, Range};

/// Number and length of words, symbols, bullets, ellipses, words with letters, stop words.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    language: Language,
    /// Words of which some should occur.
    stop_words: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let stop_words = ["the", "be", "to", "of", "and", "that", "have", "with"].map(str::to_owned).to_vec();
        Options { language: Language::default(), stop_words }
    }
}

struct GopherQuality {
    language: Language,
    stop_words: FxHashMap<String, usize>,
    longest: usize,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let Options { language, stop_words } = options(table)?;
    let longest = stop_words.iter().map(String::len).max().unwrap_or(0);
    let mut numbered = FxHashMap::default();
    for word in stop_words {
        let next = numbered.len();
        numbered.entry(word).or_insert(next);
    }
    Ok(Box::new(GopherQuality { language, stop_words: numbered, longest }))
}

const WORDS: usize = 0;
const WORD_LENGTH: usize = 1;
const HASHES: usize = 2;
const ELLIPSES: usize = 3;
const BULLET_LINES: usize = 4;
const ELLIPSIS_LINES: usize = 5;
const WORDS_WITH_LETTERS: usize = 6;
const STOP_WORDS: usize = 7;

impl Rule for GopherQuality {
    fn columns(&self) -> Vec<Column> {
        let at_most = |name, about, bound, peer| Column::new(name, about, Bound::at_most(bound)).peer("", peer);
        let at_least = |name, about, bound, peer| Column::new(name, about, Bound::at_least(bound)).peer(peer, "");
        vec![
            Column::new("words", "words that are more than punctuation", Bound::between(50.0, 100_000.0))
                .peer("gopher_short_doc", "gopher_long_doc"),
            Column::new("word_length", "mean characters of such a word", Bound::between(3.0, 10.0))
                .peer("gopher_below_avg_threshold", "gopher_above_avg_threshold"),
            at_most("hashes", "`#` for each word", 0.1, "gopher_too_many_hashes"),
            at_most("ellipses", "`...` and `…` for each word", 0.1, "gopher_too_many_ellipsis"),
            at_most("bullet_lines", "share of lines that begin with `•` or `-`", 0.9, "gopher_too_many_bullets"),
            at_most("ellipsis_lines", "share of lines that end in an ellipsis", 0.3, "gopher_too_many_end_ellipsis"),
            at_least("words_with_letters", "share of words with a letter in them", 0.8, "gopher_below_alpha_threshold"),
            at_least("stop_words", "different stop words found", 2.0, "gopher_enough_stop_words"),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let text = page.text();
        let words = page.words(self.language);
        let (mut filled, mut characters) = (0, 0);
        for token in words.iter().filter(|token| token.of(text).chars().any(|c| !is_symbol(c))) {
            filled += 1;
            characters += token.chars as usize;
        }
        ask.number(WORDS, filled as f64)?;
        // A mean of nothing has no value, and nothing is asked of shares of nothing.
        if filled > 0 {
            ask.number(WORD_LENGTH, share(characters, filled))?;
        }
        if words.is_empty() {
            return ControlFlow::Continue(());
        }
        let ellipses = memchr::memmem::find_iter(text.as_bytes(), "...").count()
            + memchr::memmem::find_iter(text.as_bytes(), "…").count();
        ask.number(HASHES, share(memchr::memchr_iter(b'#', text.as_bytes()).count(), words.len()))?;
        ask.number(ELLIPSES, share(ellipses, words.len()))?;

        let lines = page.lines();
        let lines_that = |test: fn(&str) -> bool| share(lines.iter().filter(|line| test(line)).count(), lines.len());
        ask.number(BULLET_LINES, lines_that(has_bullet))?;
        ask.number(ELLIPSIS_LINES, lines_that(trails_off))?;

        let with_letter = words.iter().filter(|token| has_letter(token.of(text))).count();
        ask.number(WORDS_WITH_LETTERS, share(with_letter, words.len()))?;
        let mut found = vec![false; self.stop_words.len()];
        for token in words.iter().filter(|token| (token.end - token.start) as usize <= self.longest) {
            if let Some(&which) = self.stop_words.get(token.of(text)) {
                found[which] = true;
            }
        }
        ask.number(STOP_WORDS, found.iter().filter(|found| **found).count() as f64)
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        let text = page.text();
        let matches = |what: &str| text.match_indices(what).map(|(at, found)| at..at + found.len()).collect::<Vec<_>>();
        let lines = |test: fn(&str) -> bool| {
            page.lines().iter().filter(|line| test(line)).map(|line| place(text, line)).collect()
        };
        match column {
            HASHES => matches("#"),
            ELLIPSES => {
                let mut found = [matches("..."), matches("…")].concat();
                found.sort_by_key(|span| span.start);
                found
            }
            BULLET_LINES => lines(has_bullet),
            ELLIPSIS_LINES => lines(trails_off),
            WORDS_WITH_LETTERS => {
                let words = page.words(self.language);
                let without = words.iter().filter(|token| !has_letter(token.of(text)));
                without.map(|token| token.start as usize..token.end as usize).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn has_bullet(line: &str) -> bool {
    strip(line).starts_with(['•', '-'])
}

fn trails_off(line: &str) -> bool {
    let line = strip(line);
    line.ends_with("...") || line.ends_with('…')
}

fn has_letter(word: &str) -> bool {
    word.chars().any(characters::is_letter)
}
