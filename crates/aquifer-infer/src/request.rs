//! What is asked of the engine, and what it answers, token by token.

use crate::logprobs::Scored;
use crate::sampling::{Sampling, SamplingError};

/// One prompt and how to go on from it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the model reads first; not empty.
    pub prompt: Vec<u32>,
    /// The longest answer, in tokens; 0 only scores the prompt.
    pub max_tokens: usize,
    /// Answers wanted; they share the reading of the prompt.
    pub choices: u32,
    /// How each next token is chosen.
    pub sampling: Sampling,
    /// Names the random draws: equal seeds, prompts and settings give equal answers.
    pub seed: u64,
    /// Tokens that end an answer and are not part of it.
    pub stop_tokens: Vec<u32>,
    /// Scores every token of the answer and lists this many likeliest beside it.
    pub logprobs: Option<usize>,
    /// Scores every token of the prompt but the first and lists this many likeliest beside it.
    pub prompt_logprobs: Option<usize>,
}

impl Request {
    /// A greedy answer of at most `max_tokens` to `prompt`.
    pub fn greedy(prompt: Vec<u32>, max_tokens: usize) -> Self {
        Request {
            prompt,
            max_tokens,
            choices: 1,
            sampling: Sampling::greedy(),
            seed: 0,
            stop_tokens: Vec::new(),
            logprobs: None,
            prompt_logprobs: None,
        }
    }
}

/// A request the engine refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nothing to read.
    #[error("the prompt is empty: the model needs at least one token to go on from")]
    EmptyPrompt,
    /// A token the model has no row for.
    #[error("token {token} at place {at} of the prompt lies beyond the model's vocabulary of {vocab}")]
    UnknownToken {
        /// The token.
        token: u32,
        /// Its index in the prompt.
        at: usize,
        /// The vocabulary's size.
        vocab: usize,
    },
    /// Prompt and answer together are longer than the model reads.
    #[error(
        "the prompt has {prompt} tokens and up to {max_tokens} more are asked for, but this model reads at most {context}"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens asked for.
        max_tokens: usize,
        /// The most there may be together.
        context: usize,
    },
    /// More answers than can ever run at once.
    #[error("{choices} choices are asked for, but at most {most} sequences run at once and at least one must")]
    Choices {
        /// Asked for.
        choices: u32,
        /// The engine's limit.
        most: usize,
    },
    /// The caches of this request would never fit.
    #[error("{choices} answers of this length need {need} bytes of cache, but the engine may use {limit}")]
    TooMuchCache {
        /// Answers asked for.
        choices: u32,
        /// Bytes needed.
        need: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A sampling setting out of range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// Names a request inside one engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// Why an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// One of [`Request::stop_tokens`] came.
    Stop(u32),
    /// [`Request::max_tokens`] were made.
    Length,
    /// The model gave no usable logit: its weights hold NaN, or every token was forbidden.
    NoToken,
}

/// One thing that happened in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The whole prompt has been read. Sent before any token when [`Request::prompt_logprobs`] is set; one score
    /// for every token but the first.
    Prompt {
        /// Whose.
        id: RequestId,
        /// In order.
        scores: Vec<Scored>,
    },
    /// An answer grew.
    Token {
        /// Whose.
        id: RequestId,
        /// Which answer.
        choice: u32,
        /// By what.
        token: u32,
        /// When [`Request::logprobs`] is set.
        scored: Option<Scored>,
    },
    /// An answer ended.
    Finished {
        /// Whose.
        id: RequestId,
        /// Which answer.
        choice: u32,
        /// Why.
        reason: Finish,
    },
}

impl Event {
    /// The request it belongs to.
    pub fn id(&self) -> RequestId {
        match self {
            Event::Prompt { id, .. } | Event::Token { id, .. } | Event::Finished { id, .. } => *id,
        }
    }
}
