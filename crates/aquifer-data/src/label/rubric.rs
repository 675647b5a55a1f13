//! `rubric.toml`: what to ask of a document, and how the answer is read.

use super::answer::last_object;
use super::placeholders::{check, fill};
use aquifer_client::Question;
use serde::Deserialize;
use serde_json::Value;

/// A rubric that comes with the program: its name, what it is for, and its file.
pub const RUBRICS: &[(&str, &str, &str)] = &[
    ("quality", "how much a reader learns from a text, 0 to 5", include_str!("rubrics/quality.toml")),
    ("industry", "one of 18 industries, or none of them", include_str!("rubrics/industry.toml")),
];

/// What to ask, and how to read what comes back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// A short name, kept with every label.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub about: String,
    /// What the model is told before it is asked.
    #[serde(default)]
    pub system: Option<String>,
    /// The question, with `{text}` where the document goes; `{classes}`, `{low}` and `{high}` are filled too.
    pub prompt: String,
    /// Characters of the document that are shown, from its beginning.
    #[serde(default = "six_thousand")]
    pub max_characters: usize,
    /// The longest answer, in tokens.
    #[serde(default = "two_hundred")]
    pub max_tokens: u32,
    /// Numbers to choose from; or else `class`.
    #[serde(default)]
    pub scale: Option<Scale>,
    /// Names to choose from; or else `scale`.
    #[serde(default, rename = "class")]
    pub classes: Vec<Class>,
    /// Where the answer is in what the model says.
    pub answer: AnswerForm,
}

/// Numbers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The worst.
    pub low: f64,
    /// The best.
    pub high: f64,
    /// Whether numbers between whole ones are taken, too.
    #[serde(default)]
    pub fractions: bool,
}

/// One name to choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// The label.
    pub name: String,
    /// What belongs to it.
    #[serde(default)]
    pub about: String,
}

/// Where the answer is in what the model says: in a field of a JSON object, or behind some words. The last one counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerForm {
    /// The field that holds the score or the class.
    #[serde(default)]
    pub field: Option<String>,
    /// Another field, which says why.
    #[serde(default)]
    pub why: Option<String>,
    /// The words that the score or the class follows, up to the end of the line.
    #[serde(default)]
    pub after: Option<String>,
}

/// A rubric that is none.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {why}")]
pub struct RubricError {
    origin: String,
    why: String,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) score: Option<f64>,
    pub(super) why: Option<String>,
}

impl Rubric {
    /// Reads a rubric; `origin` names it in errors.
    ///
    /// # Errors
    /// For TOML that is none, unknown keys, gaps in the prompt that nothing fills, or no way to answer.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RubricError> {
        let refused = |why: String| RubricError { origin: origin.to_owned(), why };
        let rubric: Rubric = toml::from_str(text).map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
        rubric.check().map_err(refused)?;
        Ok(rubric)
    }

    fn check(&self) -> Result<(), String> {
        check(&self.prompt, &["text", "classes", "low", "high"], &["text"])?;
        match (&self.scale, self.classes.as_slice()) {
            (None, []) => return Err("it has no answers: give it a [scale] or some [[class]]".into()),
            (Some(_), [_, ..]) => return Err("it has a [scale] and a [[class]]: one of them must go".into()),
            (Some(Scale { low, high, .. }), []) if !(low.is_finite() && high.is_finite() && low < high) => {
                return Err(format!("its scale runs from {low} to {high}: `low` should be below `high`"));
            }
            (None, [only]) => return Err(format!("`{}` is its only class; there should be two or more", only.name)),
            _ => {}
        }
        for (at, class) in self.classes.iter().enumerate() {
            if class.name.trim().is_empty() {
                return Err("a class has no name".into());
            }
            if self.classes[..at].iter().any(|other| same(&other.name, &class.name)) {
                return Err(format!("two classes are called `{}`", class.name));
            }
        }
        match (&self.answer.field, &self.answer.after) {
            (Some(_), None) => {}
            (None, Some(words)) if !words.is_empty() && self.answer.why.is_none() => {}
            _ => return Err("[answer] needs a `field` (of a JSON object) or `after` (the words before it)".into()),
        }
        match self.max_characters > 0 && self.max_tokens > 0 {
            true => Ok(()),
            false => Err("max_characters and max_tokens should be 1 or more".into()),
        }
    }

    /// The question about a text.
    pub fn question(&self, text: &str, model: &str) -> Question {
        let end = text.char_indices().nth(self.max_characters).map_or(text.len(), |(at, _)| at);
        let class = |class: &Class| match class.about.as_str() {
            "" => format!("- {}", class.name),
            about => format!("- {}: {about}", class.name),
        };
        let classes = self.classes.iter().map(class).collect::<Vec<_>>().join("\n");
        let [low, high] = self.scale.map_or([0.0; 2], |scale| [scale.low, scale.high]).map(|end| end.to_string());
        let prompt = fill(&self.prompt, |name| match name {
            "text" => Some(&text[..end]),
            "classes" => Some(&classes),
            "low" => Some(&low),
            "high" => Some(&high),
            _ => None,
        });
        Question { system: self.system.clone(), max_tokens: self.max_tokens, ..Question::new(model, prompt) }
    }

    /// The label in what a model said.
    ///
    /// # Errors
    /// Why there is none.
    pub fn label_of(&self, said: &str) -> Result<String, String> {
        self.read(said).map(|verdict| verdict.name)
    }

    /// Reads an answer.
    pub(super) fn read(&self, said: &str) -> Result<Verdict, String> {
        let (value, why) = match (&self.answer.field, &self.answer.after) {
            (Some(field), _) => {
                let object =
                    last_object(said, field).ok_or_else(|| format!("no JSON object with `{field}` in the answer"))?;
                let why = self.answer.why.as_ref().and_then(|why| object.get(why)?.as_str()).map(str::to_owned);
                (object[field].clone(), why)
            }
            (None, words) => {
                let words = words.as_deref().unwrap_or_default();
                let at = said.rfind(words).ok_or_else(|| format!("no `{words}` in the answer"))?;
                let line = said[at + words.len()..].trim_start().lines().next().unwrap_or_default();
                (Value::from(line.trim_matches(|c: char| c.is_whitespace() || "*`\".".contains(c))), None)
            }
        };
        let (name, score) = match self.scale {
            Some(scale) => scale.read(&value).map(|score| (score.to_string(), Some(score)))?,
            None => (self.class(&value)?, None),
        };
        Ok(Verdict { name, score, why })
    }

    fn class(&self, value: &Value) -> Result<String, String> {
        let said = value.as_str().ok_or("the class is no text")?;
        let found = self.classes.iter().find(|class| same(&class.name, said));
        found.map(|class| class.name.clone()).ok_or_else(|| "the answer names no class of the rubric".to_owned())
    }
}

impl Scale {
    /// `4`, `"4"`, `4.0` and `4/5` are all four.
    fn read(&self, value: &Value) -> Result<f64, String> {
        let text = |text: &str| text.split('/').next().unwrap_or_default().trim().parse::<f64>().ok();
        let number = value.as_f64().or_else(|| text(value.as_str()?)).filter(|number| number.is_finite());
        let number = number.ok_or("the score is no number")?;
        if !(self.low..=self.high).contains(&number) {
            return Err("the score is off the scale".into());
        }
        if !self.fractions && number.fract() != 0.0 {
            return Err("the score is no whole number".into());
        }
        // No label is "-0".
        Ok(number + 0.0)
    }
}

fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.trim().to_lowercase().replace([' ', '-'], "_");
    plain(a) == plain(b)
}

fn six_thousand() -> usize {
    6000
}

fn two_hundred() -> u32 {
    200
}
