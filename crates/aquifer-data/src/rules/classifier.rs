//! What a fastText model says of a text: its language, its quality, its subject.

use super::{Asked, Bound, Column, Page, Rule, RuleError, options};
use aquifer_text::fasttext::{FastText, Scratch};
use aquifer_text::language::{codes, languages};
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// A supervised model, `.bin` or `.ftz`.
    model: Option<PathBuf>,
    /// The label whose probability is the score, instead of the best one's.
    #[serde(default)]
    of: Option<String>,
}

/// A model, and what it works with.
struct Classifier {
    model: Model,
    of: Option<String>,
    least: Option<f64>,
    /// Memory to predict in, taken and given back; it belongs to this model.
    scratches: Mutex<Vec<Scratch>>,
}

enum Model {
    /// Our own model of languages.
    Language,
    File(Box<FastText>),
}

impl Model {
    fn labels(&self) -> &[String] {
        match self {
            Model::Language => codes(),
            Model::File(model) => model.labels(),
        }
    }

    /// The most probable labels, best first.
    fn predict(&self, text: &str, k: usize, scratch: &mut Scratch) -> Vec<(&str, f32)> {
        match self {
            Model::Language => languages(text, k, scratch).into_iter().map(|l| (l.code, l.probability)).collect(),
            Model::File(model) => {
                let found = model.predict_with(text, k, 0.0, scratch);
                found.into_iter().map(|one| (one.label, one.probability)).collect()
            }
        }
    }
}

/// Any model; nothing is dropped unless the recipe says so.
pub(super) fn build(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    let options: Options = options(table)?;
    if options.model.is_none() {
        return Err(RuleError::Options("it should name its `model`, a fastText file".to_owned()));
    }
    classifier(options, None)
}

/// A model of languages, our own unless another is named; what is less sure than datatrove's 0.65 goes.
pub(super) fn language(table: toml::Table) -> Result<Box<dyn Rule>, RuleError> {
    classifier(options(table)?, Some(0.65))
}

fn classifier(options: Options, least: Option<f64>) -> Result<Box<dyn Rule>, RuleError> {
    let Options { model: path, of } = options;
    let model = match &path {
        None => Model::Language,
        Some(path) => {
            let loaded = FastText::load(path);
            Model::File(Box::new(loaded.map_err(|e| RuleError::File { path: path.clone(), cause: e.to_string() })?))
        }
    };
    if let Some(of) = of.as_ref().filter(|of| !model.labels().contains(of)) {
        let whose = path.map_or("the model of languages".to_owned(), |path| format!("`{}`", path.display()));
        return Err(RuleError::Options(format!("{whose} has no label `{of}`; it has {}", model.labels().join(", "))));
    }
    Ok(Box::new(Classifier { model, of, least, scratches: Mutex::default() }))
}

const LABEL: usize = 0;
const SCORE: usize = 1;

impl Rule for Classifier {
    fn columns(&self) -> Vec<Column> {
        let bound = self.least.map_or(Bound::anything(), Bound::at_least);
        vec![
            Column::label("label", "the most probable label", &[]),
            Column::new("score", "its probability, or that of the label asked for", bound),
        ]
    }

    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()> {
        let mut scratch = self.scratches.lock().ok().and_then(|mut all| all.pop()).unwrap_or_default();
        let wanted = if self.of.is_some() { self.model.labels().len() } else { 1 };
        let found = self.model.predict(page.text().trim(), wanted, &mut scratch);
        let best = found.first().map_or_else(String::new, |(label, _)| (*label).to_owned());
        let score = match &self.of {
            Some(of) => found.iter().find(|(label, _)| label == of),
            None => found.first(),
        };
        let score = score.map_or(0.0, |(_, probability)| f64::from(*probability));
        drop(found);
        if let Ok(mut all) = self.scratches.lock() {
            all.push(scratch);
        }
        // A text of which nothing is known has no label, and a score that no bound above zero lets pass.
        ask.label(LABEL, best)?;
        ask.number(SCORE, score)
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::{Page, Stage, Value};
    use aquifer_corpus::Document;

    #[test]
    fn a_model_names_the_language_and_a_wrong_one_is_refused() {
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../aquifer-text/tests/golden/fasttext/softmax.bin");
        let table = format!("rule = \"language\"\nmodel = {model:?}\nlabel = {{ one_of = [\"en\"] }}\n");
        let stage = Stage::build(toml::from_str(&table).unwrap()).unwrap();
        let document = Document::new("d", "the quiet river\nruns under a small bridge");
        let answer = stage.ask(&Page::new(&document), true);
        assert_eq!(answer.values[0], Some(Value::Label("en".to_owned())));
        let refused =
            |more: &str| Stage::build(toml::from_str(&(table.clone() + more)).unwrap()).err().unwrap().to_string();
        assert!(refused("of = \"xx\"").contains("no label `xx`"));
        assert!(
            Stage::build(toml::toml! { rule = "classifier" }).err().unwrap().to_string().contains("name its `model`")
        );
        let missing = toml::toml! { rule = "classifier" model = "nowhere.bin" };
        assert!(Stage::build(missing).err().unwrap().to_string().contains("nowhere.bin"));
    }
}
