//! Multiple choice by likelihood: the option the scorer finds likeliest is its answer.
//!
//! An option's score is Σ ln p of its tokens after the question. Long options collect more terms, so a second answer
//! divides by the option's UTF-8 bytes; both are reported (`acc` and `acc_bytes` of EleutherAI's evaluation harness).
//! Of equally likely options the first is taken.

use crate::likelihood::score_all;
use crate::{EvalError, LogLikelihood, Question, Request};
use aquifer_metrics::{Score, accuracy};
use aquifer_record::{Bar, Stop};
use aquifer_text::{Message, Tokenizer};
use std::collections::BTreeMap;

/// How a question becomes tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PromptStyle {
    /// [`PromptStyle::Chat`] if the tokenizer has a chat template, else [`PromptStyle::Plain`].
    #[default]
    Auto,
    /// The question is a user's message and the option the assistant's, up to the token that ends its turn.
    Chat,
    /// The question, a space unless it ends in one or in a Chinese character or mark, and the option.
    Plain,
}

/// One question's outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemScore {
    /// The question's id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The right option's number.
    pub answer: usize,
    /// Σ ln p of each option.
    pub log_probs: Vec<f64>,
    /// The likeliest option.
    pub chosen: usize,
    /// The likeliest option by the byte.
    pub chosen_per_byte: usize,
}

impl ItemScore {
    /// Whether the likeliest option is the right one.
    pub fn right(&self) -> bool {
        self.chosen == self.answer
    }
}

/// All outcomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChoiceScore {
    /// In the order of the questions.
    pub items: Vec<ItemScore>,
}

impl ChoiceScore {
    /// Share of right answers, with Wilson's interval.
    pub fn accuracy(&self) -> Score {
        accuracy(&self.items.iter().map(ItemScore::right).collect::<Vec<_>>())
    }

    /// Share of right answers when options are scored by the byte.
    pub fn accuracy_per_byte(&self) -> Score {
        accuracy(&self.items.iter().map(|item| item.chosen_per_byte == item.answer).collect::<Vec<_>>())
    }

    /// What guessing would score on average.
    pub fn chance(&self) -> f64 {
        let shares = self.items.iter().map(|item| 1.0 / item.log_probs.len() as f64);
        shares.sum::<f64>() / self.items.len().max(1) as f64
    }

    /// Accuracy of each kind, by name.
    pub fn by_kind(&self) -> Vec<(String, Score)> {
        let mut kinds: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for item in &self.items {
            kinds.entry(&item.kind).or_default().push(item.right());
        }
        kinds.into_iter().map(|(kind, right)| (kind.to_string(), accuracy(&right))).collect()
    }
}

/// Asks every question. `bar` advances by options.
///
/// # Errors
/// The scorer's and the tokenizer's, and [`EvalError::Stopped`].
pub fn score_choices(
    scorer: &dyn LogLikelihood,
    tokenizer: &Tokenizer,
    questions: &[Question],
    style: PromptStyle,
    bar: &dyn Bar,
    stop: &Stop,
) -> Result<ChoiceScore, EvalError> {
    let mut requests = Vec::new();
    for question in questions {
        for option in &question.options {
            requests.push(request(tokenizer, &question.question, option, style)?);
        }
    }
    let mut scores = score_all(scorer, &requests, bar, stop)?.into_iter();
    let items = questions.iter().map(|question| {
        let log_probs: Vec<f64> = scores.by_ref().take(question.options.len()).collect();
        let per_byte: Vec<f64> = log_probs.iter().zip(&question.options).map(|(p, o)| p / o.len() as f64).collect();
        ItemScore {
            id: question.id.clone(),
            kind: question.kind.clone(),
            answer: question.answer,
            chosen: arg_max(&log_probs),
            chosen_per_byte: arg_max(&per_byte),
            log_probs,
        }
    });
    Ok(ChoiceScore { items: items.collect() })
}

/// The tokens of a question and of an option, as training wrote them: after the mark that begins a text.
fn request(tokenizer: &Tokenizer, question: &str, option: &str, style: PromptStyle) -> Result<Request, EvalError> {
    let chat = match style {
        PromptStyle::Auto => tokenizer.chat_template().is_some(),
        PromptStyle::Chat => true,
        PromptStyle::Plain => false,
    };
    let (context, continuation) = if chat {
        let turns = [Message::new("user", question), Message::new("assistant", option)];
        let whole = tokenizer.encode_chat(&turns, false)?;
        let begin = whole.assistant.iter().position(|&said| said).unwrap_or(whole.ids.len());
        let end = whole.assistant.iter().rposition(|&said| said).map_or(begin, |last| last + 1);
        (whole.ids[..begin].to_vec(), whole.ids[begin..end].to_vec())
    } else {
        (tokenizer.encode(question)?, tokenizer.encode(&format!("{}{option}", joint(question)))?)
    };
    Ok(Request { context: tokenizer.begin(context), continuation })
}

/// What stands between a question and its answer in running text.
fn joint(question: &str) -> &'static str {
    match question.chars().next_back() {
        None => "",
        Some(c) if c.is_whitespace() => "",
        // CJK marks, kana, ideographs and full-width forms are followed by no space.
        Some(
            '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}',
        ) => "",
        Some(_) => " ",
    }
}

fn arg_max(scores: &[f64]) -> usize {
    (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}
