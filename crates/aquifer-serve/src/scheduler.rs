//! The one thread that owns the engine: takes waiting requests in order as places become free, steps the batch,
//! and hands every event to the request it belongs to.
//!
//! A client that goes away drops its receiver; the next step sees that and frees the place. Nothing else is
//! needed to cancel.

use crate::error::ApiError;
use crate::metrics::Metrics;
use aquifer_infer::{Engine, Event, Limits, Network, Request, RequestError, RequestId};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a handler hears about its requests.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An answer grew or the prompt was scored; `part` is the request's index in what was submitted.
    Event { part: usize, event: Event },
    /// The engine failed; nothing more will come.
    Failed(String),
}

/// Places in the queue and the way to the engine.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    /// Never steps: it knows which requests could ever run.
    gate: Engine,
    queue: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Single answers that ended early: (job, part, choice).
    ended: Vec<(u64, usize, u32)>,
    next_job: u64,
    closing: bool,
}

/// The requests of one HTTP call; they wait as one and run as places come free.
struct Job {
    number: u64,
    requests: VecDeque<(usize, Request)>,
    heard: UnboundedSender<Heard>,
    arrived: Instant,
}

/// A submitted job: events come out, and dropping it frees its places.
pub(crate) struct Ticket {
    number: u64,
    heard: UnboundedReceiver<Heard>,
    shared: Arc<Shared>,
}

impl Ticket {
    /// The next event; `None` when every answer has ended.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Ends one answer early: its stop string came.
    pub(crate) fn end(&self, part: usize, choice: u32) {
        self.shared.lock().ended.push((self.number, part, choice));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the queue")
    }
}

impl Scheduler {
    /// Starts the thread.
    pub(crate) fn start(network: Arc<dyn Network>, limits: Limits, queue: usize, metrics: Arc<Metrics>) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), metrics });
        let worker = Worker {
            engine: Engine::new(network.clone(), limits),
            network: network.clone(),
            shared: shared.clone(),
            running: BTreeMap::new(),
        };
        let builder = std::thread::Builder::new().name("aquifer-batch".into());
        let thread = builder.spawn(move || worker.run()).expect("a server can start one thread");
        Scheduler { shared, gate: Engine::new(network, limits), queue, thread: Mutex::new(Some(thread)) }
    }

    /// Tokens a sequence may reach.
    pub(crate) fn context(&self) -> usize {
        self.gate.shape().positions
    }

    /// Sequences that run at once.
    pub(crate) fn most_choices(&self) -> usize {
        self.gate.limits().sequences
    }

    /// Whether a request could ever run here.
    pub(crate) fn check(&self, request: &Request) -> Result<(), RequestError> {
        self.gate.check(request)
    }

    /// Queues requests that [`Scheduler::check`] has passed.
    pub(crate) fn submit(&self, requests: Vec<Request>) -> Result<Ticket, ApiError> {
        let mut state = self.shared.lock();
        if state.closing {
            return Err(ApiError::closing());
        }
        if state.waiting.len() >= self.queue {
            state.waiting.retain(|job| !job.heard.is_closed());
            if state.waiting.len() >= self.queue {
                return Err(ApiError::overloaded(self.queue));
            }
        }
        let (heard, receiver) = unbounded_channel();
        let number = state.next_job;
        state.next_job += 1;
        let requests = requests.into_iter().enumerate().collect();
        state.waiting.push_back(Job { number, requests, heard, arrived: Instant::now() });
        self.shared.metrics.waiting.store(state.waiting.len(), Relaxed);
        drop(state);
        self.shared.wake.notify_one();
        Ok(Ticket { number, heard: receiver, shared: self.shared.clone() })
    }

    /// Takes nothing new from now on; what was taken goes on.
    pub(crate) fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
    }

    /// Waits until everything taken is done. Call [`Scheduler::close`] first.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().expect("no code panics while it holds the thread").take();
        if let Some(thread) = thread {
            // The worker catches what the engine throws; a panic of its own has already been printed.
            let _ = thread.join();
        }
    }
}

struct Worker {
    engine: Engine,
    network: Arc<dyn Network>,
    shared: Arc<Shared>,
    running: BTreeMap<RequestId, Running>,
}

struct Running {
    job: u64,
    part: usize,
    heard: UnboundedSender<Heard>,
    arrived: Instant,
    spoke: bool,
}

impl Worker {
    fn run(mut self) {
        while self.take_waiting() {
            let stepped = catch_unwind(AssertUnwindSafe(|| self.engine.step()));
            match stepped {
                Ok(events) => events.into_iter().for_each(|event| self.hand_out(event)),
                Err(_) => self.start_over(),
            }
            self.shared.metrics.steps.fetch_add(1, Relaxed);
            let engine = &self.engine;
            self.running.retain(|id, _| engine.is_running(*id));
        }
    }

    /// Frees places nobody waits for, fills free places; sleeps while there is nothing to do. `false` ends the
    /// thread.
    fn take_waiting(&mut self) -> bool {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        loop {
            self.drop_abandoned(&mut state);
            self.admit(&mut state);
            shared.metrics.waiting.store(state.waiting.len(), Relaxed);
            shared.metrics.running.store(self.engine.sequences(), Relaxed);
            if !self.engine.is_idle() {
                return true;
            }
            if state.closing && state.waiting.is_empty() {
                return false;
            }
            state = shared.wake.wait(state).expect("no code panics while it holds the queue");
        }
    }

    fn drop_abandoned(&mut self, state: &mut State) {
        for (job, part, choice) in state.ended.drain(..) {
            let found = self.running.iter().find(|(_, r)| (r.job, r.part) == (job, part));
            if let Some((&id, _)) = found {
                self.engine.cancel_choice(id, choice);
            }
        }
        let (engine, metrics) = (&mut self.engine, &self.shared.metrics);
        self.running.retain(|&id, running| {
            let gone = running.heard.is_closed();
            if gone && engine.is_running(id) {
                engine.cancel(id);
                metrics.abandoned.fetch_add(1, Relaxed);
            }
            !gone && engine.is_running(id)
        });
        let before = state.waiting.len();
        state.waiting.retain(|job| !job.heard.is_closed());
        metrics.abandoned.fetch_add((before - state.waiting.len()) as u64, Relaxed);
    }

    fn admit(&mut self, state: &mut State) {
        while let Some(job) = state.waiting.front_mut() {
            let Some((part, request)) = job.requests.pop_front() else {
                state.waiting.pop_front();
                continue;
            };
            if !self.engine.has_room(&request) {
                job.requests.push_front((part, request));
                return;
            }
            self.shared.metrics.prompt_tokens.fetch_add(request.prompt.len() as u64, Relaxed);
            let (heard, arrived) = (job.heard.clone(), job.arrived);
            let running = Running { job: job.number, part, heard, arrived, spoke: false };
            match self.engine.admit(request) {
                Ok(id) => _ = self.running.insert(id, running),
                // Checked before it was queued, so this is our own mistake; say so rather than hang.
                Err(error) => _ = running.heard.send(Heard::Failed(error.to_string())),
            }
        }
    }

    fn hand_out(&mut self, event: Event) {
        let metrics = &self.shared.metrics;
        let Some(running) = self.running.get_mut(&event.id()) else { return };
        match &event {
            Event::Token { .. } => {
                metrics.completion_tokens.fetch_add(1, Relaxed);
                if !std::mem::replace(&mut running.spoke, true) {
                    metrics.first_token.record(running.arrived.elapsed());
                }
            }
            Event::Finished { .. } => metrics.whole.record(running.arrived.elapsed()),
            Event::Prompt { .. } => {}
        }
        // A closed receiver is noticed before the next step.
        let _ = running.heard.send(Heard::Event { part: running.part, event });
    }

    /// After a panic in the engine: everybody in the batch is told, and a fresh engine serves the rest.
    fn start_over(&mut self) {
        for running in std::mem::take(&mut self.running).into_values() {
            let _ = running.heard.send(Heard::Failed("the engine failed while making this answer".into()));
        }
        self.engine = Engine::new(self.network.clone(), self.engine.limits());
    }
}
