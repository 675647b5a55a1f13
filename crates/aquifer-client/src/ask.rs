//! Many questions, several at once, each only once.

use crate::answer::{Reply, Usage};
use crate::cost::{Estimate, Price};
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::journal::Journal;
use crate::question::Question;
use aquifer_record::progress::Unit;
use aquifer_record::{Progress, Stop};
use rustc_hash::FxHashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Questions without an answer, one after another, that end a job.
const GIVE_UP: usize = 5;

/// Whoever answers questions.
pub trait Ask: Sync {
    /// The replies, in the order of the questions. `label` is for the progress bar.
    ///
    /// # Errors
    /// Where going on makes no sense.
    fn ask(&self, label: &str, questions: &[Question]) -> Result<Vec<Reply>, ClientError>;
}

impl<F: Fn(&Question) -> Reply + Sync> Ask for F {
    fn ask(&self, _: &str, questions: &[Question]) -> Result<Vec<Reply>, ClientError> {
        Ok(questions.iter().map(self).collect())
    }
}

/// An endpoint with a journal.
pub struct Asker<'a> {
    endpoint: &'a Endpoint,
    journal: Mutex<Journal>,
    at_once: usize,
    spent: Mutex<Usage>,
    budget: Option<(Price, f64)>,
    progress: &'a dyn Progress,
    stop: &'a Stop,
}

impl<'a> Asker<'a> {
    /// Asks `endpoint` up to `at_once` questions at a time.
    pub fn new(
        endpoint: &'a Endpoint,
        journal: Journal,
        at_once: usize,
        progress: &'a dyn Progress,
        stop: &'a Stop,
    ) -> Self {
        let (journal, spent) = (Mutex::new(journal), Mutex::new(Usage::default()));
        Asker { endpoint, journal, at_once: at_once.max(1), spent, budget: None, progress, stop }
    }

    /// Asks no more once answers have cost `at_most`; those under way then still come in.
    pub fn within(mut self, price: Price, at_most: f64) -> Self {
        self.budget = Some((price, at_most));
        self
    }

    /// What these questions would take, beyond what the journal holds.
    pub fn estimate(&self, questions: &[Question]) -> Estimate {
        let (mut estimate, hashes) = (Estimate::default(), hashes(questions));
        let open = self.open(&hashes);
        open.iter().for_each(|&at| estimate.add(&questions[at]));
        estimate.answered = questions.len() - open.len();
        estimate
    }

    /// Tokens that were used since this began, as the endpoint counts them.
    pub fn spent(&self) -> Usage {
        *locked(&self.spent)
    }

    /// The questions without a reply, each once.
    fn open(&self, hashes: &[String]) -> Vec<usize> {
        let journal = locked(&self.journal);
        let mut seen = FxHashSet::default();
        let new = |&at: &usize| journal.get(&hashes[at]).is_none() && seen.insert(hashes[at].as_str());
        (0..hashes.len()).filter(new).collect()
    }
}

impl Ask for Asker<'_> {
    fn ask(&self, label: &str, questions: &[Question]) -> Result<Vec<Reply>, ClientError> {
        let hashes = hashes(questions);
        let open = self.open(&hashes);
        let bar = self.progress.bar(label, Some(questions.len() as u64), Unit::Count("questions"));
        bar.begin_at((questions.len() - open.len()) as u64);
        let (next, in_a_row) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let ended: Mutex<Option<ClientError>> = Mutex::new(None);
        let failed: Mutex<Vec<(usize, Reply)>> = Mutex::new(Vec::new());
        let one = |at: usize| -> Result<(), ClientError> {
            if let Some((price, at_most)) = self.budget
                && price.of(self.spent()) >= at_most
            {
                return Err(ClientError::Spent { spent: price.of(self.spent()), at_most });
            }
            let reply = self.endpoint.reply(&questions[at], self.stop)?;
            match &reply {
                Reply::Failed(why) => {
                    let (row, tries) = (in_a_row.fetch_add(1, Relaxed) + 1, self.endpoint.tries());
                    if row >= GIVE_UP {
                        return Err(ClientError::GivenUp { failed: row, tries, why: why.clone() });
                    }
                    locked(&failed).push((at, reply));
                }
                reply => {
                    in_a_row.store(0, Relaxed);
                    if let Reply::Said(answer) = reply {
                        *locked(&self.spent) += answer.usage;
                    }
                    locked(&self.journal).keep(&hashes[at], reply)?;
                }
            }
            bar.advance(1);
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..self.at_once.min(open.len()) {
                scope.spawn(|| {
                    while locked(&ended).is_none() {
                        let Some(&at) = open.get(next.fetch_add(1, Relaxed)) else { break };
                        if let Err(error) = one(at) {
                            // The first reason is the one to tell.
                            locked(&ended).get_or_insert(error);
                        }
                    }
                });
            }
        });
        if let Some(error) = locked(&ended).take() {
            return Err(error);
        }
        let failed = std::mem::take(&mut *locked(&failed));
        let journal = locked(&self.journal);
        let reply = |hash: &String| match journal.get(hash) {
            Some(reply) => reply.clone(),
            None => {
                let found = failed.iter().find(|(at, _)| hashes[*at] == *hash);
                found.expect("each question was answered or failed").1.clone()
            }
        };
        Ok(hashes.iter().map(reply).collect())
    }
}

fn hashes(questions: &[Question]) -> Vec<String> {
    questions.iter().map(Question::hash).collect()
}

/// A panic elsewhere leaves whole values behind these locks.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
