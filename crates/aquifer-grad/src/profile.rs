//! Where the time of a step goes, operator by operator. Off unless asked for, and then one clock reading at each
//! end of an operator.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

static ON: AtomicBool = AtomicBool::new(false);
static TIMES: Mutex<BTreeMap<(&str, Pass), Duration>> = Mutex::new(BTreeMap::new());

/// Which way an operator ran.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pass {
    /// From inputs to output.
    Forward,
    /// From the output's gradient to the inputs'.
    Backward,
}

/// Starts (or stops) measuring, in the whole process.
pub fn enable(on: bool) {
    ON.store(on, Relaxed);
}

/// The times since the last call, longest first.
pub fn take() -> Vec<(&'static str, Pass, Duration)> {
    let mut times = TIMES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut all: Vec<_> = std::mem::take(&mut *times).into_iter().map(|((name, pass), t)| (name, pass, t)).collect();
    all.sort_by_key(|(_, _, t)| std::cmp::Reverse(*t));
    all
}

/// Measures until it is dropped.
pub(crate) struct Span(Option<(&'static str, Pass, Instant)>);

pub(crate) fn span(name: &'static str, pass: Pass) -> Span {
    Span(ON.load(Relaxed).then(|| (name, pass, Instant::now())))
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some((name, pass, start)) = self.0 {
            let mut times = TIMES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *times.entry((name, pass)).or_default() += start.elapsed();
        }
    }
}
