//! How surprising a text is to an n-gram model, as CCNet and datatrove measure it: lines are sentences.
//!
//! Wenzek et al., "CCNet", 2020, <https://arxiv.org/abs/1911.00359>, section 3.4: text near to the model's (Wikipedia there)
//! has a low perplexity. CCNet parts a language at the 30th and the 60th percentile of its perplexities into head, middle
//! and tail.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use aquifer_text::Tokenizer;
use aquifer_text::ccnet::normalise_line;
use aquifer_text::kenlm::KenLm;
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// A KenLM model: ARPA, or a binary.
    model: PathBuf,
    /// How the text was prepared that the model was trained on; as it is, if nothing is said.
    #[serde(default)]
    normalise: Option<Normalise>,
    /// Folder of a tokenizer whose pieces are the model's words; words are cut at white space, if there is none.
    #[serde(default)]
    tokenizer: Option<PathBuf>,
    /// Perplexities below it are the head, those from `tail` on the tail.
    #[serde(default)]
    head: Option<f64>,
    #[serde(default)]
    tail: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Normalise {
    Ccnet,
}

struct Perplexity {
    model: KenLm,
    normalise: Option<Normalise>,
    tokenizer: Option<Tokenizer>,
    cutoffs: Option<[f64; 2]>,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let Options { model: path, normalise, tokenizer, head, tail } = options(table)?;
    let cutoffs = match (head, tail) {
        (Some(head), Some(tail)) if head <= tail => Some([head, tail]),
        (None, None) => None,
        _ => {
            let why = "`head` and `tail` go together, and `head` is the smaller one: the perplexities below which 30 and \
                       60 per cent of the documents lie, as CCNet has it";
            return Err(RuleError::Options(why.to_owned()));
        }
    };
    let tokenizer = tokenizer.map(|folder| {
        Tokenizer::load(&folder).map_err(|e| RuleError::File { path: folder.clone(), cause: e.to_string() })
    });
    let model = KenLm::load(&path).map_err(|e| RuleError::File { path, cause: e.to_string() })?;
    Ok(Box::new(Perplexity { model, normalise, tokenizer: tokenizer.transpose()?, cutoffs }))
}

impl Perplexity {
    /// A line as the model's words, between spaces; `None` where the tokenizer cannot write it.
    fn words(&self, line: &str) -> Option<String> {
        let line = match self.normalise {
            Some(Normalise::Ccnet) => normalise_line(line),
            None => line.to_owned(),
        };
        let Some(tokenizer) = &self.tokenizer else { return Some(line) };
        let pieces = tokenizer.encode(&line).ok()?;
        let pieces: Vec<&str> = pieces.into_iter().filter_map(|piece| tokenizer.token(piece)).collect();
        Some(pieces.join(" "))
    }
}

impl Rule for Perplexity {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("perplexity", "of its words and line ends, to a model", Bound::anything()),
            Column::label("bucket", "head, middle or tail, by `head` and `tail`", &[]),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let perplexity = match (&self.normalise, &self.tokenizer) {
            (None, None) => self.model.perplexity_of_lines(page.text()),
            _ => match page.text().split('\n').map(|line| self.words(line)).collect::<Option<Vec<_>>>() {
                Some(lines) => self.model.perplexity_of_lines(&lines.join("\n")),
                None => return ControlFlow::Continue(()),
            },
        };
        ask.number(0, perplexity)?;
        match self.cutoffs {
            Some([head, _]) if perplexity < head => ask.label(1, "head"),
            Some([_, tail]) if perplexity < tail => ask.label(1, "middle"),
            Some(_) => ask.label(1, "tail"),
            None => ControlFlow::Continue(()),
        }
    }
}
