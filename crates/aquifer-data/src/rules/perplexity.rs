//! How surprising a text is to an n-gram model, as CCNet and datatrove measure it: lines are sentences.
//!
//! Wenzek et al., "CCNet", 2020, <https://arxiv.org/abs/1911.00359>, section 3.4.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use aquifer_text::kenlm::KenLm;
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// A KenLM model: ARPA, or a binary.
    model: PathBuf,
}

struct Perplexity(KenLm);

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let Options { model: path } = options(table)?;
    let model = KenLm::load(&path).map_err(|e| RuleError::File { path, cause: e.to_string() })?;
    Ok(Box::new(Perplexity(model)))
}

impl Rule for Perplexity {
    fn columns(&self) -> Vec<Column> {
        vec![Column::new("perplexity", "of its words and line ends; words are cut at white space", Bound::anything())]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        ask.number(0, self.0.perplexity_of_lines(page.text()))
    }
}
