//! Running the requests of one call and writing their answers, whole or as server-sent events.
//!
//! The two dialects, chat and plain completions, differ in how a choice is written; all else is here.

use crate::answer::{AnswerText, Piece, Spoken};
use crate::error::ApiError;
use crate::openai::options::Options;
use crate::scheduler::{Heard, Ticket};
use crate::state::State;
use aquifer_infer::{Event, Finish, Request, Scored};
use axum::Json;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How one API writes its choices.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Begins every id.
    const PREFIX: &'static str;
    /// `object` of a whole answer.
    const WHOLE: &'static str;
    /// `object` of a chunk.
    const CHUNK: &'static str;

    /// A finished choice.
    fn whole(&self, state: &State, index: usize, answer: &Collected, prompt: &[Scored]) -> Value;
    /// The chunk that opens a choice, if the dialect has one. `prompt` holds the prompt's scores once they are known.
    fn opening(&self, state: &State, index: usize, prompt: Option<&[Scored]>) -> Option<Value>;
    /// A chunk of a choice.
    fn piece(&self, state: &State, index: usize, piece: &Piece, finish: Option<&'static str>) -> Value;
}

/// A choice, complete.
#[derive(Default, Clone)]
pub(crate) struct Collected {
    pub(crate) text: String,
    pub(crate) tokens: Vec<Spoken>,
    pub(crate) finish: Option<&'static str>,
}

/// A body that has been read and found sound.
pub(crate) struct Prepared<D> {
    pub(crate) dialect: D,
    pub(crate) options: Options,
    /// One for each prompt; the engine takes all of them.
    pub(crate) requests: Vec<Request>,
}

impl<D: Dialect> Prepared<D> {
    /// Queues the requests and answers, whole or as a stream.
    pub(crate) async fn answer(self, state: Arc<State>) -> Result<Response, ApiError> {
        let Prepared { dialect, options, requests } = self;
        let prompts = requests.len();
        let prompt_tokens = requests.iter().map(|request| request.prompt.len()).sum();
        let ticket = state.scheduler.submit(requests)?;
        let call = Call { state, dialect, options, ticket, prompts, prompt_tokens };
        if call.options.stream { Ok(call.stream()) } else { call.whole().await }
    }
}

/// A call under way.
struct Call<D> {
    state: Arc<State>,
    dialect: D,
    options: Options,
    ticket: Ticket,
    /// Prompts, and the tokens of all of them.
    prompts: usize,
    prompt_tokens: usize,
}

impl<D: Dialect> Call<D> {
    async fn whole(self) -> Result<Response, ApiError> {
        let envelope = self.envelope(D::WHOLE);
        let Call { state, dialect, options, ticket, prompts, prompt_tokens } = self;
        let mut answers = Answers::new(&state, &options, prompts, ticket);
        let mut collected = vec![Collected::default(); answers.texts.len()];
        let mut prompt_scores = vec![Vec::new(); prompts];
        while let Some(heard) = answers.next().await? {
            match heard {
                Out::Prompt { part, scores } => prompt_scores[part] = scores,
                Out::Piece { index, piece, finish } => {
                    collected[index].text += &piece.text;
                    collected[index].tokens.extend(piece.tokens);
                    collected[index].finish = finish;
                }
            }
        }
        let scores = |index: usize| &prompt_scores[index / options.choices as usize][..];
        let choices = collected.iter().enumerate().map(|(i, answer)| dialect.whole(&state, i, answer, scores(i)));
        let mut body = envelope;
        body["choices"] = choices.collect();
        body["usage"] = usage(prompt_tokens, answers.tokens());
        Ok(Json(body).into_response())
    }

    fn stream(self) -> Response {
        // Few places: a slow reader holds its own answer back, not the server's memory.
        let (sender, receiver) = mpsc::channel(32);
        tokio::spawn(async move {
            let gone = sender.clone();
            tokio::select! {
                () = self.send_chunks(sender) => {}
                // The client went away; dropping the ticket frees the place.
                () = gone.closed() => {}
            }
        });
        let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("waiting");
        Sse::new(ReceiverStream::new(receiver)).keep_alive(keep_alive).into_response()
    }

    async fn send_chunks(self, sender: mpsc::Sender<Result<sse::Event, Infallible>>) {
        let envelope = self.envelope(D::CHUNK);
        let include_usage = self.options.include_usage;
        let Call { state, dialect, options, ticket, prompts, prompt_tokens } = self;
        let send = async |data: String| sender.send(Ok(sse::Event::default().data(data))).await.is_ok();
        let chunk = |choice: Option<Value>, usage: Option<Value>| {
            let mut body = envelope.clone();
            body["choices"] = choice.into_iter().collect();
            if include_usage {
                body["usage"] = usage.unwrap_or(Value::Null);
            }
            body.to_string()
        };
        let mut answers = Answers::new(&state, &options, prompts, ticket);
        for index in 0..answers.texts.len() {
            if let Some(choice) = dialect.opening(&state, index, None) {
                send(chunk(Some(choice), None)).await;
            }
        }
        loop {
            match answers.next().await {
                Ok(Some(Out::Prompt { part, scores })) => {
                    let n = options.choices as usize;
                    for index in part * n..(part + 1) * n {
                        if let Some(choice) = dialect.opening(&state, index, Some(&scores)) {
                            send(chunk(Some(choice), None)).await;
                        }
                    }
                }
                Ok(Some(Out::Piece { index, piece, finish })) => {
                    if !(piece.text.is_empty() && piece.tokens.is_empty()) {
                        send(chunk(Some(dialect.piece(&state, index, &piece, None)), None)).await;
                    }
                    if finish.is_some() {
                        send(chunk(Some(dialect.piece(&state, index, &Piece::default(), finish)), None)).await;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    send(error.body().to_string()).await;
                    return;
                }
            }
        }
        if include_usage {
            send(chunk(None, Some(usage(prompt_tokens, answers.tokens())))).await;
        }
        send("[DONE]".into()).await;
    }

    /// What every body and chunk of this call begins with.
    fn envelope(&self, object: &str) -> Value {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        json!({
            "id": fresh_id(D::PREFIX, self.state.started), "object": object, "created": created,
            "model": self.state.model.name, "system_fingerprint": self.state.model.fingerprint,
            "seed": self.options.seed,
        })
    }
}

/// All answers of a call, in step with the engine.
struct Answers<'a> {
    texts: Vec<AnswerText<'a>>,
    choices: usize,
    ticket: Ticket,
}

/// What a call can tell its client.
enum Out {
    Prompt { part: usize, scores: Vec<Scored> },
    Piece { index: usize, piece: Piece, finish: Option<&'static str> },
}

impl<'a> Answers<'a> {
    fn new(state: &'a State, options: &Options, prompts: usize, ticket: Ticket) -> Self {
        let choices = options.choices as usize;
        let texts = (0..prompts * choices).map(|_| AnswerText::new(&state.model.tokenizer, &options.stops));
        Answers { texts: texts.collect(), choices, ticket }
    }

    /// The next thing to tell; `None` when every answer has ended.
    async fn next(&mut self) -> Result<Option<Out>, ApiError> {
        loop {
            if self.texts.iter().all(|text| text.finish.is_some()) {
                return Ok(None);
            }
            let (part, event) = match self.ticket.next().await {
                Some(Heard::Event { part, event }) => (part, event),
                Some(Heard::Failed(why)) => return Err(ApiError::internal(why)),
                None => return Err(ApiError::internal("the engine ended before the answer did")),
            };
            let (choice, piece) = match event {
                Event::Prompt { scores, .. } => return Ok(Some(Out::Prompt { part, scores })),
                Event::Finished { reason: Finish::NoToken, .. } => {
                    return Err(ApiError::internal(
                        "the model gives no usable probabilities: its weights may hold NaN",
                    ));
                }
                Event::Token { choice, .. } | Event::Finished { choice, .. } if self.over(part, choice) => continue,
                Event::Token { choice, token, scored, .. } => (choice, self.text(part, choice).push(token, scored)),
                Event::Finished { choice, reason, .. } => (choice, self.text(part, choice).end(reason)),
            };
            let finish = self.text(part, choice).finish;
            if finish.is_some() {
                self.ticket.end(part, choice);
            }
            return Ok(Some(Out::Piece { index: part * self.choices + choice as usize, piece, finish }));
        }
    }

    fn text(&mut self, part: usize, choice: u32) -> &mut AnswerText<'a> {
        &mut self.texts[part * self.choices + choice as usize]
    }

    /// Ended by a stop string, while the engine has not noticed yet.
    fn over(&self, part: usize, choice: u32) -> bool {
        self.texts[part * self.choices + choice as usize].finish.is_some()
    }

    fn tokens(&self) -> usize {
        self.texts.iter().map(|text| text.tokens).sum()
    }
}

fn usage(prompt: usize, completion: usize) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

fn fresh_id(prefix: &str, started: u64) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{started:08x}{:08x}", NEXT.fetch_add(1, Relaxed))
}
