//! Labels by rubric: what a model says of a sample of documents, for a classifier to learn from and apply to the rest.
//!
//! A [`Rubric`] is a TOML file: what to ask, on which scale or of which classes, and how the answer is read. Raters that
//! score a whole corpus are distilled: a large model labels a few thousand documents ([`sample`]d, stratified if asked),
//! [`label`] reads its answers, and `aquifer_text::fasttext` learns from them.

mod answer;
mod placeholders;
mod rubric;
mod sample;

#[cfg(test)]
pub(crate) use placeholders::check as check_gaps;
pub use placeholders::fill;
pub use rubric::{AnswerForm, Class, RUBRICS, Rubric, RubricError, Scale};
pub use sample::sample;

pub(crate) use answer::last_object;

use aquifer_client::{Ask, ClientError, Question, Reply};
use aquifer_corpus::Document;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a model said of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The class, or the score as text: what a classifier learns.
    pub name: String,
    /// The score, on a scale.
    pub score: Option<f64>,
    /// Why, if the rubric asks.
    pub why: Option<String>,
    /// The hash of the question that was answered.
    pub request: String,
}

/// What became of the documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// For each document, in order, its label or why it has none.
    pub labels: Vec<Result<Label, String>>,
}

impl Labelled {
    /// How many documents have each label.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for label in self.labels.iter().flatten() {
            *counts.entry(label.name.as_str()).or_default() += 1;
        }
        counts
    }

    /// Why documents have none, and how many for each reason.
    pub fn failures(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for why in self.labels.iter().filter_map(|label| label.as_ref().err()) {
            *counts.entry(why.as_str()).or_default() += 1;
        }
        counts
    }
}

/// The first question about each document.
pub fn questions(documents: &[Document], rubric: &Rubric, model: &str) -> Vec<Question> {
    documents.iter().map(|document| rubric.question(&document.text, model)).collect()
}

/// Asks about every document, and up to `tries` times where an answer cannot be read.
///
/// # Errors
/// Where no more questions can be asked.
pub fn label(
    documents: &[Document],
    rubric: &Rubric,
    model: &str,
    tries: u64,
    whom: &dyn Ask,
) -> Result<Labelled, ClientError> {
    let mut labels: Vec<Result<Label, String>> = vec![Err(String::new()); documents.len()];
    let mut open: Vec<(usize, Question)> = questions(documents, rubric, model).into_iter().enumerate().collect();
    for attempt in 0..tries.max(1) {
        let asked: Vec<Question> = open.iter().map(|(_, question)| question.again(attempt)).collect();
        let replies = whom.ask(if attempt == 0 { "labelling" } else { "asking again" }, &asked)?;
        let mut left = Vec::new();
        for (((at, first), question), reply) in open.into_iter().zip(&asked).zip(&replies) {
            let said = matches!(reply, Reply::Said(_));
            labels[at] = read(reply, rubric, question);
            if labels[at].is_err() && said {
                left.push((at, first));
            }
        }
        open = left;
        if open.is_empty() {
            break;
        }
    }
    Ok(Labelled { labels })
}

/// A cut answer may still hold what was asked for.
fn read(reply: &Reply, rubric: &Rubric, question: &Question) -> Result<Label, String> {
    let whole = reply.complete();
    let found = reply.text().ok_or_else(String::new).and_then(|text| rubric.read(text));
    match (found, whole) {
        (Ok(verdict), _) => {
            let request = question.hash();
            Ok(Label { name: verdict.name, score: verdict.score, why: verdict.why, request })
        }
        (Err(_), Err(why)) | (Err(why), Ok(_)) => Err(why),
    }
}

/// The document as a row to learn from: its id and text, and what was said of it.
pub fn row(document: &Document, label: &Label, rubric: &Rubric, model: &str) -> Document {
    let mut row = Document::new(document.id.clone(), document.text.clone());
    let mut put = |name: &str, value: Value| row.metadata.insert(name.to_owned(), value);
    put("label", json!(label.name));
    if let Some(score) = label.score {
        put("score", json!(score));
    }
    if let Some(why) = &label.why {
        put("why", json!(why));
    }
    put("labelled_by", json!({"rubric": rubric.name, "model": model, "request": label.request}));
    row
}

#[cfg(test)]
mod tests;
