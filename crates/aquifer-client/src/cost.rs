//! What questions will cost, told before they are asked.

use crate::{Question, Usage};
use serde::Serialize;

/// Prices of a million tokens, in whatever currency the person thinks of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Of questions.
    pub prompt: f64,
    /// Of answers.
    pub completion: f64,
}

impl Price {
    /// What this many tokens cost.
    pub fn of(&self, usage: Usage) -> f64 {
        (self.prompt * usage.prompt_tokens as f64 + self.completion * usage.completion_tokens as f64) / 1e6
    }
}

/// What a job will take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Questions to ask.
    pub questions: usize,
    /// Questions whose answers the journal has.
    pub answered: usize,
    /// Tokens of the questions to ask, by [`tokens`].
    pub prompt_tokens: u64,
    /// Tokens of their answers, if all are as long as they may be.
    pub completion_tokens_at_most: u64,
}

impl Estimate {
    /// Adds one question that is to be asked.
    pub fn add(&mut self, question: &Question) {
        self.questions += 1;
        self.prompt_tokens += tokens(&question.prompt) + question.system.as_deref().map_or(0, tokens) + 8;
        self.completion_tokens_at_most += u64::from(question.max_tokens);
    }

    /// The tokens as usage, at the most.
    pub fn usage(&self) -> Usage {
        Usage { prompt_tokens: self.prompt_tokens, completion_tokens: self.completion_tokens_at_most }
    }
}

/// About how many tokens a text is under today's large vocabularies: four ASCII characters make one, two letters of other
/// alphabets, one character of East Asian scripts. Meant for costs, where a fifth more or less matters little.
pub fn tokens(text: &str) -> u64 {
    let quarters: u64 = text
        .chars()
        .map(|c| {
            if c.is_ascii() {
                1
            } else if c < '\u{2E80}' {
                2
            } else {
                4
            }
        })
        .sum();
    quarters.div_ceil(4)
}
