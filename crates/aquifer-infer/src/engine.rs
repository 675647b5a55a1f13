//! The continuous batch: requests join and leave between steps, and the rows of all of them go through the
//! network together.
//!
//! A step takes one row of every sequence that is answering and up to [`Limits::prefill_rows`] rows of prompts
//! still being read, oldest first. Because every operator below gives a row the same bits whatever rows stand
//! beside it, and a query the same bits however its keys were cached, each answer is the one the request would
//! get alone.

use crate::attend::{CachedAttend, Share};
use crate::cache::KvCache;
use crate::logprobs::Scored;
use crate::network::{Network, NetworkShape};
use crate::request::{Event, Finish, Request, RequestError, RequestId};
use crate::sampling::{self, Seen};
use aquifer_tensor::{Tensor, threads};
use std::sync::Arc;

/// What an engine may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sequences that run at once; every choice of a request is one.
    pub sequences: usize,
    /// Rows of prompts read in one step: more reads faster, fewer delays the answers beside them less.
    pub prefill_rows: usize,
    /// Bytes of keys and values of all running sequences, at their longest.
    pub cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { sequences: 64, prefill_rows: 256, cache_bytes: 1 << 30 }
    }
}

/// Runs requests against one network.
pub struct Engine {
    network: Arc<dyn Network>,
    shape: NetworkShape,
    limits: Limits,
    running: Vec<Running>,
    next_id: u64,
}

/// One admitted request: a prompt being read, or answers being made.
struct Running {
    id: RequestId,
    request: Request,
    cache_bytes: usize,
    prompt_scores: Vec<Scored>,
    /// One until the prompt has been read, then one for each choice still alive.
    sequences: Vec<Sequence>,
}

#[derive(Clone)]
struct Sequence {
    choice: u32,
    /// Tokens the answer has.
    made: usize,
    /// What the next step feeds; the prompt while it is being read.
    last: u32,
    cache: KvCache,
    seen: Seen,
    /// Ended in this step; leaves the batch at its end.
    over: bool,
}

/// The rows one sequence contributes to a step.
struct Part {
    running_idx: usize,
    sequence_idx: usize,
    first_row: usize,
    rows: usize,
    /// Of `rows`, how many at the end need logits.
    wanted: usize,
}

impl Engine {
    /// An idle engine.
    pub fn new(network: Arc<dyn Network>, limits: Limits) -> Self {
        let limits = Limits { sequences: limits.sequences.max(1), prefill_rows: limits.prefill_rows.max(1), ..limits };
        Engine { shape: network.shape(), network, limits, running: Vec::new(), next_id: 0 }
    }

    /// The network's extents.
    pub fn shape(&self) -> NetworkShape {
        self.shape
    }

    /// What the engine may use.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sequences that hold a place; a request still reading its prompt holds one for each choice.
    pub fn sequences(&self) -> usize {
        self.running.iter().map(Running::places).sum()
    }

    /// Whether nothing is running.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether this request still has answers to make.
    pub fn is_running(&self, id: RequestId) -> bool {
        self.running.iter().any(|r| r.id == id)
    }

    /// Whether a request could ever run here.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, request: &Request) -> Result<(), RequestError> {
        request.sampling.check()?;
        let (prompt, max_tokens, context) = (request.prompt.len(), request.max_tokens, self.shape.positions);
        if prompt == 0 {
            return Err(RequestError::EmptyPrompt);
        }
        let vocab = self.shape.vocab;
        if let Some(at) = request.prompt.iter().position(|&t| t as usize >= vocab) {
            return Err(RequestError::UnknownToken { token: request.prompt[at], at, vocab });
        }
        if max_tokens > context || prompt + max_tokens > context {
            return Err(RequestError::TooLong { prompt, max_tokens, context });
        }
        let (choices, most) = (request.choices, self.limits.sequences);
        if choices == 0 || choices as usize > most {
            return Err(RequestError::Choices { choices, most });
        }
        let (need, limit) = (self.cache_bytes(request), self.limits.cache_bytes);
        if need > limit {
            return Err(RequestError::TooMuchCache { choices, need, limit });
        }
        Ok(())
    }

    /// Whether the request fits beside those running now.
    pub fn has_room(&self, request: &Request) -> bool {
        let used: usize = self.running.iter().map(|r| r.cache_bytes).sum();
        self.sequences() + request.choices as usize <= self.limits.sequences
            && used + self.cache_bytes(request) <= self.limits.cache_bytes
    }

    /// Takes a request into the batch. Ask [`Engine::has_room`] first where places are scarce.
    ///
    /// # Errors
    /// As [`Engine::check`].
    pub fn admit(&mut self, request: Request) -> Result<RequestId, RequestError> {
        self.check(&request)?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        let seen = if request.sampling.looks_back() { Seen::prompt(&request.prompt) } else { Seen::default() };
        let first = Sequence { choice: 0, made: 0, last: 0, cache: KvCache::new(&self.shape), seen, over: false };
        let cache_bytes = self.cache_bytes(&request);
        self.running.push(Running { id, request, cache_bytes, prompt_scores: Vec::new(), sequences: vec![first] });
        Ok(id)
    }

    /// Drops a request with all its answers; unknown ids are fine, it may just have ended.
    pub fn cancel(&mut self, id: RequestId) {
        self.running.retain(|r| r.id != id);
    }

    /// Drops one answer of a request.
    pub fn cancel_choice(&mut self, id: RequestId, choice: u32) {
        let Some(at) = self.running.iter().position(|r| r.id == id) else { return };
        let running = &mut self.running[at];
        if !running.reading() {
            running.sequences.retain(|s| s.choice != choice);
            if running.sequences.is_empty() {
                self.running.remove(at);
            }
        }
    }

    /// Advances everything that runs and says what happened, oldest request first, choices in order. Empty
    /// when idle, or while only long prompts are being read.
    pub fn step(&mut self) -> Vec<Event> {
        let (parts, tokens, positions) = self.plan();
        if parts.is_empty() {
            return Vec::new();
        }
        let hidden = self.forward(&parts, &tokens, &positions);
        let rows: Vec<usize> = parts.iter().flat_map(Part::wanted_rows).collect();
        let logits = (!rows.is_empty()).then(|| self.logits(&hidden, &rows));
        let logits = logits.as_ref().map_or(&[][..], Tensor::as_f32);
        let mut events = Vec::new();
        let draws = self.read_prompts(&parts, logits, &mut events);
        self.draw(&draws, logits, &mut events);
        for running in &mut self.running {
            running.sequences.retain(|s| !s.over);
        }
        self.running.retain(|r| !r.sequences.is_empty());
        events
    }

    fn cache_bytes(&self, request: &Request) -> usize {
        // The last token made is never fed back, so it needs no place.
        let longest = (request.prompt.len() + request.max_tokens).saturating_sub(1).max(1);
        KvCache::bytes_for(&self.shape, longest).saturating_mul(request.choices as usize)
    }

    /// Which rows go into the next step: answers first in order of admission, then prompts within the budget.
    fn plan(&self) -> (Vec<Part>, Vec<u32>, Vec<u32>) {
        let (mut parts, mut tokens, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let mut budget = self.limits.prefill_rows;
        for (running_idx, running) in self.running.iter().enumerate() {
            for (sequence_idx, sequence) in running.sequences.iter().enumerate() {
                let (held, first_row) = (sequence.cache.len(), tokens.len());
                let prompt = &running.request.prompt;
                let (rows, wanted) = if held < prompt.len() {
                    let rows = budget.min(prompt.len() - held);
                    budget -= rows;
                    tokens.extend_from_slice(&prompt[held..held + rows]);
                    (rows, running.wanted(held, rows))
                } else {
                    tokens.push(sequence.last);
                    (1, 1)
                };
                positions.extend((held..held + rows).map(|p| p as u32));
                if rows > 0 {
                    parts.push(Part { running_idx, sequence_idx, first_row, rows, wanted });
                }
            }
        }
        (parts, tokens, positions)
    }

    fn forward(&mut self, parts: &[Part], tokens: &[u32], positions: &[u32]) -> Tensor {
        // Parts and sequences are in the same order, so one walk pairs them.
        let mut parts = parts.iter().peekable();
        let mut shares = Vec::new();
        for (running_idx, running) in self.running.iter_mut().enumerate() {
            for (sequence_idx, sequence) in running.sequences.iter_mut().enumerate() {
                let mine = parts.next_if(|p| (p.running_idx, p.sequence_idx) == (running_idx, sequence_idx));
                if let Some(part) = mine {
                    shares.push(Share { rows: part.first_row..part.first_row + part.rows, cache: &mut sequence.cache });
                }
            }
        }
        let mut attend = CachedAttend { shares };
        let hidden = self.network.hidden(tokens, positions, &mut attend);
        attend.finish();
        hidden
    }

    /// The logits of these rows of the step, one after another.
    fn logits(&self, hidden: &Tensor, rows: &[usize]) -> Tensor {
        let d = hidden.shape()[1];
        let mut wanted = Tensor::recycled::<f32>([rows.len(), d]);
        for (out, &row) in wanted.as_f32_mut().chunks_exact_mut(d).zip(rows) {
            out.copy_from_slice(&hidden.as_f32()[row * d..(row + 1) * d]);
        }
        self.network.logits_of(&wanted.view())
    }

    /// Scores prompts and splits those read to the end into their choices. Returns who now needs a token.
    fn read_prompts(&mut self, parts: &[Part], logits: &[f32], events: &mut Vec<Event>) -> Vec<Draw> {
        let vocab = self.shape.vocab;
        let (mut draws, mut next_row) = (Vec::new(), 0);
        for part in parts {
            let rows = next_row..next_row + part.wanted;
            next_row = rows.end;
            let running = &mut self.running[part.running_idx];
            let (held, prompt) = (running.sequences[part.sequence_idx].cache.len(), running.request.prompt.len());
            let last_row = rows.end.saturating_sub(1);
            if held > prompt {
                draws.push(Draw { running_idx: part.running_idx, sequence_idx: part.sequence_idx, row: last_row });
                continue;
            }
            if let Some(top) = running.request.prompt_logprobs {
                let (first, tokens) = (held - part.wanted, &running.request.prompt);
                // The row at position p says what it thinks of the token at p + 1; the last one's is not known yet.
                let scored = parallel_map(part.wanted.min(prompt - 1 - first), |i| {
                    let at = (rows.start + i) * vocab;
                    Scored::new(&logits[at..at + vocab], tokens[first + i + 1], top)
                });
                running.prompt_scores.extend(scored);
            }
            if held == prompt {
                running.split(events);
                let alive = (0..running.sequences.len()).filter(|&i| !running.sequences[i].over);
                draws.extend(alive.map(|i| Draw { running_idx: part.running_idx, sequence_idx: i, row: last_row }));
            }
        }
        draws
    }

    /// Chooses the next token of every answer.
    fn draw(&mut self, draws: &[Draw], logits: &[f32], events: &mut Vec<Event>) {
        let (vocab, running) = (self.shape.vocab, &self.running);
        let chosen = parallel_map(draws.len(), |i| {
            let Draw { running_idx, sequence_idx, row } = draws[i];
            let (request, sequence) = (&running[running_idx].request, &running[running_idx].sequences[sequence_idx]);
            let row = &logits[row * vocab..(row + 1) * vocab];
            let uniform = sampling::uniform(request.seed, sequence.choice, sequence.cache.len() as u64);
            let token = sampling::choose(row, &request.sampling, &sequence.seen, uniform)?;
            Some((token, request.logprobs.map(|top| Scored::new(row, token, top))))
        });
        for (draw, chosen) in draws.iter().zip(chosen) {
            let running = &mut self.running[draw.running_idx];
            running.sequences[draw.sequence_idx].take(running.id, &running.request, chosen, events);
        }
    }
}

/// One token to be chosen, and the row of logits it is chosen from.
struct Draw {
    running_idx: usize,
    sequence_idx: usize,
    row: usize,
}

impl Running {
    fn reading(&self) -> bool {
        self.sequences.first().is_some_and(|s| s.cache.len() < self.request.prompt.len())
    }

    fn places(&self) -> usize {
        if self.reading() { self.request.choices as usize } else { self.sequences.len() }
    }

    /// Of `rows` prompt rows after `held` ones, how many at the end need logits.
    fn wanted(&self, held: usize, rows: usize) -> usize {
        match self.request.prompt_logprobs {
            Some(_) => rows,
            None => usize::from(rows > 0 && held + rows == self.request.prompt.len() && self.request.max_tokens > 0),
        }
    }

    /// The prompt has been read: reports its scores and makes one sequence of each choice, sharing what was read.
    fn split(&mut self, events: &mut Vec<Event>) {
        let id = self.id;
        if self.request.prompt_logprobs.is_some() {
            events.push(Event::Prompt { id, scores: std::mem::take(&mut self.prompt_scores) });
        }
        for choice in 1..self.request.choices {
            let fork = Sequence { choice, ..self.sequences[0].clone() };
            self.sequences.push(fork);
        }
        if self.request.max_tokens == 0 {
            for sequence in &mut self.sequences {
                sequence.over = true;
                events.push(Event::Finished { id, choice: sequence.choice, reason: Finish::Length });
            }
        }
    }
}

impl Sequence {
    fn take(
        &mut self,
        id: RequestId,
        request: &Request,
        chosen: Option<(u32, Option<Scored>)>,
        events: &mut Vec<Event>,
    ) {
        let choice = self.choice;
        let reason = match chosen {
            None => Some(Finish::NoToken),
            Some((token, _)) if request.stop_tokens.contains(&token) => Some(Finish::Stop(token)),
            Some((token, scored)) => {
                events.push(Event::Token { id, choice, token, scored });
                self.last = token;
                self.made += 1;
                if request.sampling.looks_back() {
                    self.seen.answer(token);
                }
                (self.made == request.max_tokens).then_some(Finish::Length)
            }
        };
        if let Some(reason) = reason {
            self.over = true;
            events.push(Event::Finished { id, choice, reason });
        }
    }
}

impl Part {
    fn wanted_rows(&self) -> std::ops::Range<usize> {
        let end = self.first_row + self.rows;
        end - self.wanted..end
    }
}

/// `(0..n).map(f)` on all threads.
fn parallel_map<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut out: Vec<Option<T>> = (0..n).map(|_| None).collect();
    threads::parallel_chunks(&mut out, 1, |i, slot| slot[0] = Some(f(i)));
    out.into_iter().map(|value| value.expect("the loop visits every index")).collect()
}
