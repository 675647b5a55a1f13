//! The paragraph rule of mC4 (Xue et al., 2021, <https://arxiv.org/abs/2010.11934>, section 3.1): three lines of 200 characters.

use super::characters::length;
use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use std::ops::ControlFlow;

/// Characters of the third longest line.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct C4Paragraph {}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    Ok(Box::new(options::<C4Paragraph>(table)?))
}

impl Rule for C4Paragraph {
    fn columns(&self) -> Vec<Column> {
        let about = "characters of the third longest line";
        vec![Column::new("third_longest_line", about, Bound::at_least(200.0)).peer("< 3 paragraphs", "")]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let mut longest = [0; 3];
        for line in page.text().split('\n') {
            // A line has no more characters than bytes.
            if line.len() > longest[2] {
                longest[2] = longest[2].max(length(line));
                longest.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
        ask.number(0, longest[2] as f64)
    }
}
