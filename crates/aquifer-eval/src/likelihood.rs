//! What a scorer is asked: how likely is this after that?

use crate::EvalError;
use aquifer_record::{Bar, Stop};
use aquifer_text::NgramModel;

/// A continuation to be scored after a context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What came before. A model with a limited context looks at its end.
    pub context: Vec<u32>,
    /// What is scored.
    pub continuation: Vec<u32>,
}

/// Anything that gives continuations a probability.
pub trait LogLikelihood {
    /// Σ ln p of each continuation after its context, in nats. A request's score has the same bits whatever the
    /// requests beside it.
    ///
    /// # Errors
    /// [`EvalError::NoContext`], [`EvalError::TooLong`], or the scorer's own.
    fn score(&self, requests: &[Request]) -> Result<Vec<f64>, EvalError>;

    /// Tokens it can look at before the last one it predicts; `None` for no limit.
    fn context_len(&self) -> Option<usize>;
}

impl LogLikelihood for NgramModel {
    fn score(&self, requests: &[Request]) -> Result<Vec<f64>, EvalError> {
        Ok(requests.iter().map(|r| self.log_prob(&r.context, &r.continuation)).collect())
    }

    fn context_len(&self) -> Option<usize> {
        None
    }
}

/// Scores all requests, a few at a time, so that progress shows and a stop is heard.
pub(crate) fn score_all(
    scorer: &dyn LogLikelihood,
    requests: &[Request],
    bar: &dyn Bar,
    stop: &Stop,
) -> Result<Vec<f64>, EvalError> {
    const AT_ONCE: usize = 64;
    let mut scores = Vec::with_capacity(requests.len());
    for group in requests.chunks(AT_ONCE) {
        if stop.requested() {
            return Err(EvalError::Stopped);
        }
        scores.extend(scorer.score(group)?);
        bar.advance(group.len() as u64);
    }
    Ok(scores)
}
