//! The rules that FineWeb adds (Penedo et al., 2024, <https://arxiv.org/abs/2406.17557>, section 3.4), as datatrove decides them.

use super::characters::{is_terminal, length, place, strip};
use super::repeated::{repeated, repeated_characters};
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, share};
use aquifer_text::words::Language;
use std::ops::{ControlFlow, Range};

/// Lines that end a sentence, short lines, repeated lines, line ends for each word.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FinewebQuality {
    language: Language,
    /// Characters of a line that counts as short.
    short_line_length: usize,
    /// A text in which no line ends a sentence passes that test.
    line_punct_exclude_zero: bool,
    /// What ends a sentence, instead of the marks of all scripts.
    stop_chars: Option<Vec<String>>,
}

impl Default for FinewebQuality {
    fn default() -> Self {
        let language = Language::default();
        FinewebQuality { language, short_line_length: 30, line_punct_exclude_zero: false, stop_chars: None }
    }
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<FinewebQuality>(table)?))
}

const LINES: usize = 0;
const LINES_THAT_END: usize = 1;
const SHORT_LINES: usize = 2;
const REPEATED_CHARACTERS: usize = 3;
const LINE_ENDS_PER_WORD: usize = 4;

impl Rule for FinewebQuality {
    fn columns(&self) -> Vec<Column> {
        let at_most = |name, about, bound, peer| Column::new(name, about, Bound::at_most(bound)).peer("", peer);
        let at_least = |name, about, bound, peer| Column::new(name, about, Bound::at_least(bound)).peer(peer, "");
        vec![
            at_least("lines", "lines that are not blank", 1.0, "empty"),
            at_least("lines_that_end", "share of lines that end a sentence", 0.12, "line_punct_ratio"),
            at_most("short_lines", "share of short lines", 0.67, "short_line_ratio"),
            at_most("repeated_characters", "share of the characters in repeated lines", 0.01, "char_dup_ratio"),
            at_most("line_ends_per_word", "line ends for each word", 0.3, "list_ratio"),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let text = page.text();
        let lines = filled(text);
        ask.number(LINES, lines.len() as f64)?;
        if lines.is_empty() {
            return ControlFlow::Continue(());
        }
        let that_end = lines.iter().filter(|line| self.ends(line)).count();
        if that_end > 0 || !self.line_punct_exclude_zero {
            ask.number(LINES_THAT_END, share(that_end, lines.len()))?;
        }
        ask.number(SHORT_LINES, share(lines.iter().filter(|line| self.is_short(line)).count(), lines.len()))?;
        let line_ends = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let (_, again) = repeated_characters(&lines);
        ask.number(REPEATED_CHARACTERS, share(again, page.length() - line_ends))?;
        ask.number(LINE_ENDS_PER_WORD, share(line_ends, page.words(self.language).len()))
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        let mut lines = filled(page.text());
        match column {
            LINES_THAT_END => lines.retain(|line| !self.ends(line)),
            SHORT_LINES => lines.retain(|line| self.is_short(line)),
            REPEATED_CHARACTERS => lines = repeated(&lines).collect(),
            _ => lines.clear(),
        }
        lines.into_iter().map(|line| place(page.text(), line)).collect()
    }
}

fn filled(text: &str) -> Vec<&str> {
    text.split('\n').filter(|line| !strip(line).is_empty()).collect()
}

impl FinewebQuality {
    fn ends(&self, line: &str) -> bool {
        match &self.stop_chars {
            None => line.ends_with(is_terminal),
            Some(marks) => marks.iter().any(|mark| line.ends_with(mark.as_str())),
        }
    }

    fn is_short(&self, line: &str) -> bool {
        // Few characters take few bytes; only a line between the two needs counting.
        line.len() <= self.short_line_length || length(line) <= self.short_line_length
    }
}
