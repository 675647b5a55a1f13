//! Repetition rules of Gopher (Rae et al., 2021, <https://arxiv.org/abs/2112.11446>, table A1), as datatrove decides them.

use super::characters::{place, strip};
use super::ngrams::Ngrams;
use super::repeated::{repeated, repeated_characters};
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, share};
use aquifer_text::words::Language;
use std::ops::{ControlFlow, Range};

/// Repeated lines, paragraphs and runs of words.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct GopherRepetition {
    language: Language,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<GopherRepetition>(table)?))
}

/// Name, largest share of the characters, and datatrove's name, of the most frequent run of so many words.
const TOP: [(usize, &str, f64, &str); 3] = [
    (2, "top_2_gram", 0.20, "top_2_gram"),
    (3, "top_3_gram", 0.18, "top_3_gram"),
    (4, "top_4_gram", 0.16, "top_4_gram"),
];
/// The same of the runs of so many words that were there before.
const REPEATED: [(usize, &str, f64, &str); 6] = [
    (5, "repeated_5_grams", 0.15, "duplicated_5_n_grams"),
    (6, "repeated_6_grams", 0.14, "duplicated_6_n_grams"),
    (7, "repeated_7_grams", 0.13, "duplicated_7_n_grams"),
    (8, "repeated_8_grams", 0.12, "duplicated_8_n_grams"),
    (9, "repeated_9_grams", 0.11, "duplicated_9_n_grams"),
    (10, "repeated_10_grams", 0.10, "duplicated_10_n_grams"),
];

const CHARACTERS: usize = 0;
const PARAGRAPHS: usize = 1;
const LINES: usize = 3;
const FIRST_TOP: usize = 5;
const FIRST_REPEATED: usize = FIRST_TOP + TOP.len();

impl Rule for GopherRepetition {
    fn columns(&self) -> Vec<Column> {
        let at_most = |name, about, bound, peer| Column::new(name, about, Bound::at_most(bound)).peer("", peer);
        let mut columns = vec![
            Column::new("characters", "characters of the text", Bound::at_least(1.0)).peer("empty", ""),
            at_most("paragraphs", "share of paragraphs that were there before", 0.3, "dup_para_frac"),
            at_most("paragraph_characters", "characters in such paragraphs, of all", 0.2, "dup_para_char_frac"),
            at_most("lines", "share of lines that were there before", 0.3, "dup_line_frac"),
            at_most("line_characters", "characters in such lines, of all", 0.2, "dup_line_char_frac"),
        ];
        let top = "characters in the most frequent run of so many words, of all";
        columns.extend(TOP.map(|(_, name, bound, peer)| at_most(name, top, bound, peer)));
        let repeated = "characters in runs of so many words that were there before, of all";
        columns.extend(REPEATED.map(|(_, name, bound, peer)| at_most(name, repeated, bound, peer)));
        columns
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let (text, all) = (page.text(), page.length());
        ask.number(CHARACTERS, all as f64)?;
        if all == 0 {
            return ControlFlow::Continue(());
        }
        for (first, parts) in [(PARAGRAPHS, split_at_ends(strip(text), 2)), (LINES, split_at_ends(text, 1))] {
            let (again, characters) = repeated_characters(&parts);
            ask.number(first, share(again, parts.len()))?;
            ask.number(first + 1, share(characters, all))?;
        }
        let words = page.words(self.language);
        let mut ngrams = Ngrams::new(text, &words);
        for (i, (n, ..)) in TOP.into_iter().enumerate() {
            if let Some(characters) = ngrams.top(n) {
                ask.number(FIRST_TOP + i, share(characters, all))?;
            }
        }
        for (i, (n, ..)) in REPEATED.into_iter().enumerate() {
            ask.number(FIRST_REPEATED + i, share(ngrams.repeated(n), all))?;
        }
        ControlFlow::Continue(())
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        let text = page.text();
        let parts = match column {
            CHARACTERS => return Vec::new(),
            PARAGRAPHS..LINES => split_at_ends(strip(text), 2),
            LINES..FIRST_TOP => split_at_ends(text, 1),
            _ => return self.runs(page, column),
        };
        repeated(&parts).map(|part| place(text, part)).collect()
    }
}

impl GopherRepetition {
    /// Where the runs of words lie that a column counts.
    fn runs(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        let words = page.words(self.language);
        let mut ngrams = Ngrams::new(page.text(), &words);
        let (n, places) = match column.checked_sub(FIRST_REPEATED) {
            None => (TOP[column - FIRST_TOP].0, ngrams.top_places(TOP[column - FIRST_TOP].0)),
            Some(which) => (REPEATED[which].0, ngrams.repeated_places(REPEATED[which].0)),
        };
        places.into_iter().map(|at| words[at].start as usize..words[at + n - 1].end as usize).collect()
    }
}

/// The parts between runs of at least so many line feeds; empty at an end that is such a run.
fn split_at_ends(text: &str, least: usize) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        let begin = at + found;
        let run = bytes[begin..].iter().take_while(|b| **b == b'\n').count();
        if run >= least {
            parts.push(&text[start..begin]);
            start = begin + run;
        }
        at = begin + run;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Stage;
    use aquifer_corpus::Document;

    #[test]
    fn what_is_repeated_is_shown() {
        let stage = Stage::build(toml::toml! { rule = "gopher_repetition" }).unwrap();
        let text = "one two three four five six\nother\none two three four five six\n\nother";
        let document = Document::new("d", text);
        let page = Page::new(&document);
        let shown = |name: &str| {
            let at = stage.columns().iter().position(|column| column.name == name).unwrap();
            stage.spans(&page, at).into_iter().map(|span| text[span].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown("lines"), ["one two three four five six", "other"]);
        assert_eq!(shown("paragraphs"), [""; 0]);
        assert_eq!(shown("top_2_gram"), ["one two", "one two"]);
        assert_eq!(shown("repeated_5_grams"), ["one two three four five"]);
        assert_eq!(shown("repeated_10_grams"), [""; 0]);
    }

    #[test]
    fn parts_lie_between_runs_of_line_feeds() {
        assert_eq!(split_at_ends("a\nb\n\n\nc\n\n", 2), ["a\nb", "c", ""]);
        assert_eq!(split_at_ends("\na\n\nb", 1), ["", "a", "b"]);
        assert_eq!(split_at_ends("", 1), [""]);
    }
}
