//! Evaluation sets in training text: runs of words that a question or its answer has too.
//!
//! Brown et al., "Language models are few-shot learners", 2020, appendix C; decided as datatrove's decontamination does.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use aquifer_corpus::{ReadOptions, read_documents};
use aquifer_text::contamination::{Contamination, ContaminationOptions, Item};
use aquifer_text::shingles::words;
use aquifer_text::words::Language;
use serde::Deserialize;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Files of evaluation items.
    sets: Vec<PathBuf>,
    /// Field of an item that holds the answer, where it is not `text`.
    #[serde(default)]
    label: Option<String>,
    /// Field that holds the question.
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    language: Language,
    /// How runs are made.
    #[serde(default)]
    parameters: ContaminationOptions,
}

pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let Options { sets, label, query, language, parameters } = options(table)?;
    let mut index = Contamination::new(&parameters, words(language));
    let read = ReadOptions { text_field: label, ..ReadOptions::default() };
    for path in sets {
        let unusable = |cause: String| RuleError::File { path: path.clone(), cause };
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        for item in read_documents(&path, &read).map_err(|e| unusable(e.to_string()))? {
            let item = item.map_err(|skipped| unusable(skipped.to_string()))?;
            let query = query.as_ref().and_then(|field| item.metadata.get(field)?.as_str());
            index.add(&name, &Item { query, label: &item.text });
        }
    }
    if index.is_empty() {
        let why = format!("`sets` leave nothing to look for: no item has a run of {} words", parameters.n_grams);
        return Err(RuleError::Options(why));
    }
    Ok(Box::new(Found(index)))
}

struct Found(Contamination);

impl Rule for Found {
    fn columns(&self) -> Vec<Column> {
        let about = "runs of words that an evaluation set has too";
        vec![Column::new("runs", about, Bound::at_most(0.0)), Column::label("set", "the first such set", &[])]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let spans = self.0.spans(page.text());
        ask.number(0, spans.iter().map(|span| span.runs).sum::<usize>() as f64)?;
        ask.label(1, spans.first().map_or("", |span| span.set))
    }

    fn spans(&self, page: &Page, _: usize) -> Vec<Range<usize>> {
        self.0.spans(page.text()).into_iter().map(|span| span.bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{Page, Stage};
    use aquifer_corpus::Document;

    #[test]
    fn a_question_in_the_text_is_found_and_shown() {
        let dir = tempfile::tempdir().unwrap();
        let set = dir.path().join("riddles.jsonl");
        std::fs::write(&set, "{\"q\":\"What has a bed but never sleeps\",\"a\":\"It is a river, of course\"}\n")
            .unwrap();
        let table = format!(
            "rule = \"contamination\"\nsets = [{set:?}]\nquery = \"q\"\nlabel = \"a\"\n[parameters]\nn_grams = 4\nquery = true\n"
        );
        let stage = Stage::build(toml::from_str(&table).unwrap()).unwrap();
        let document = Document::new("d", "He asked: what has a bed, but never sleeps? Nobody knew.");
        let page = Page::new(&document);
        let broken = stage.ask(&page, false).verdict.unwrap();
        assert_eq!(broken.column, "contamination.runs");
        let span = stage.spans(&page, 0).remove(0);
        assert_eq!(&document.text[span], "what has a bed, but never sleeps?");
        let clean = Document::new("d", "Nothing of the kind was ever asked of anybody here.");
        assert_eq!(stage.ask(&Page::new(&clean), false).verdict, None);
        let missing = toml::toml! { rule = "contamination" sets = ["nowhere.jsonl"] };
        assert!(Stage::build(missing).err().unwrap().to_string().contains("nowhere.jsonl"));
        let short = table.replace("n_grams = 4", "n_grams = 40");
        assert!(Stage::build(toml::from_str(&short).unwrap()).err().unwrap().to_string().contains("40 words"));
    }
}
