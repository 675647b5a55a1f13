//! Text that is no language at all: symbols, digits, keyboard noise, one line over and over.

use super::characters::{place, spaceless};
use super::repeated::repeated;
use super::{Asked, Bound, Column, Page, Rule, RuleError, options, share};
use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

/// Share of letters among the visible characters, mean length of words, share of repeated lines.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Noise {}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<Noise>(table)?))
}

const LETTERS: usize = 0;
const WORD_LENGTH: usize = 1;
const REPEATED_LINES: usize = 2;
const CHARACTERS: usize = 3;

impl Rule for Noise {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("letters", "share of letters among the visible characters", Bound::at_least(0.5)),
            Column::new("word_length", "mean characters of a word, where words are spaced", Bound::at_most(20.0)),
            Column::new(
                "repeated_lines",
                "share of lines that were there before, of four or more",
                Bound::at_most(0.5),
            ),
            Column::new("characters", "visible characters", Bound::anything()),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let text = page.text();
        let visible = text.chars().filter(|c| !c.is_whitespace()).count();
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        ask.number(LETTERS, share(letters, visible))?;
        if !spaceless(text) {
            ask.number(WORD_LENGTH, share(visible, text.split_whitespace().count()))?;
        }
        let lines = page.filled_lines();
        if lines.len() >= 4 {
            let distinct = lines.iter().collect::<HashSet<_>>().len();
            ask.number(REPEATED_LINES, share(lines.len() - distinct, lines.len()))?;
        }
        ask.number(CHARACTERS, visible as f64)
    }

    fn spans(&self, page: &Page, column: usize) -> Vec<Range<usize>> {
        if column != REPEATED_LINES {
            return Vec::new();
        }
        repeated(page.filled_lines()).map(|line| place(page.text(), line)).collect()
    }
}
