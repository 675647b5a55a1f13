//! Whole answers and scores for those who do not need them token by token: evaluation, samples during training,
//! rollouts.

use crate::engine::Engine;
use crate::logprobs::Scored;
use crate::request::{Event, Finish, Request, RequestError, RequestId};
use std::collections::VecDeque;

/// One finished answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The tokens made, without the stop token.
    pub tokens: Vec<u32>,
    /// One for each token when [`Request::logprobs`] was set, else empty.
    pub scores: Vec<Scored>,
    /// Why it ended.
    pub finish: Finish,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One for every token of the prompt but the first when [`Request::prompt_logprobs`] was set, else empty.
    pub prompt_scores: Vec<Scored>,
    /// In order of choice.
    pub completions: Vec<Completion>,
}

/// Something that goes on from token ids: a local engine, or a stand-in of a test.
pub trait Generate: Send {
    /// Tokens a sequence may reach, prompt and answer together.
    fn context(&self) -> usize;

    /// Runs all requests, as many at once as fit, and returns their answers in the order of asking. `each` sees
    /// every event, named by the request's index, and returns `false` to stop everything.
    ///
    /// # Errors
    /// The first request that can not run, before any has.
    fn generate(
        &mut self,
        requests: Vec<Request>,
        each: &mut dyn FnMut(usize, &Event) -> bool,
    ) -> Result<Vec<Answer>, GenerateError>;

    /// Scores every token but the first of each sequence and lists the `top` likeliest beside it.
    ///
    /// # Errors
    /// As [`Generate::generate`].
    fn score(&mut self, sequences: Vec<Vec<u32>>, top: usize) -> Result<Vec<Vec<Scored>>, GenerateError> {
        let request = |prompt| Request { prompt_logprobs: Some(top), ..Request::greedy(prompt, 0) };
        let answers = self.generate(sequences.into_iter().map(request).collect(), &mut |_, _| true)?;
        Ok(answers.into_iter().map(|a| a.prompt_scores).collect())
    }
}

/// Why a list of requests was not run to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// One of them can not run here.
    #[error("request {index}: {source}")]
    Refused {
        /// Its index.
        index: usize,
        /// Why.
        source: RequestError,
    },
    /// The caller asked to stop.
    #[error("stopped before every answer was finished")]
    Stopped,
}

impl Generate for Engine {
    fn context(&self) -> usize {
        self.shape().positions
    }

    fn generate(
        &mut self,
        requests: Vec<Request>,
        each: &mut dyn FnMut(usize, &Event) -> bool,
    ) -> Result<Vec<Answer>, GenerateError> {
        for (index, request) in requests.iter().enumerate() {
            self.check(request).map_err(|source| GenerateError::Refused { index, source })?;
        }
        let mut answers: Vec<Answer> = requests.iter().map(blank).collect();
        let mut waiting: VecDeque<(usize, Request)> = requests.into_iter().enumerate().collect();
        let mut running: Vec<(RequestId, usize)> = Vec::new();
        while !waiting.is_empty() || !running.is_empty() {
            while waiting.front().is_some_and(|(_, request)| self.has_room(request)) {
                let (index, request) = waiting.pop_front().expect("the front was there");
                let id = self.admit(request).map_err(|source| GenerateError::Refused { index, source })?;
                running.push((id, index));
            }
            for event in self.step() {
                let Some(&(_, index)) = running.iter().find(|(id, _)| *id == event.id()) else { continue };
                if !each(index, &event) {
                    running.iter().for_each(|(id, _)| self.cancel(*id));
                    return Err(GenerateError::Stopped);
                }
                record(&mut answers[index], event);
            }
            running.retain(|(id, _)| self.is_running(*id));
        }
        Ok(answers)
    }
}

fn blank(request: &Request) -> Answer {
    let completion = Completion { tokens: Vec::new(), scores: Vec::new(), finish: Finish::Length };
    Answer { prompt_scores: Vec::new(), completions: vec![completion; request.choices as usize] }
}

fn record(answer: &mut Answer, event: Event) {
    match event {
        Event::Prompt { scores, .. } => answer.prompt_scores = scores,
        Event::Token { choice, token, scored, .. } => {
            let completion = &mut answer.completions[choice as usize];
            completion.tokens.push(token);
            completion.scores.extend(scored);
        }
        Event::Finished { choice, reason, .. } => answer.completions[choice as usize].finish = reason,
    }
}
