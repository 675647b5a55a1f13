//! Items through many workers, out again in the order they came in.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex};

/// Hands the results of `work` over the items of `source` to `sink`, in order. One thread reads, `workers` work, and this
/// one takes the results; no more than a few items a worker are on their way at once. An error of the sink ends it all.
pub(super) fn ordered<T: Send, R: Send, E>(
    workers: usize,
    source: impl Iterator<Item = T> + Send,
    work: impl Fn(T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if workers <= 1 {
        return source.map(work).try_for_each(sink);
    }
    let window = Window { taken: Mutex::new(Some(0)), moved: Condvar::new(), size: 2 * workers + 2 };
    let (to_work, items) = sync_channel::<(usize, T)>(workers);
    let (to_sink, results) = sync_channel::<(usize, R)>(workers);
    let items = Mutex::new(items);
    std::thread::scope(|scope| {
        scope.spawn(|| read(source, to_work, &window));
        for _ in 0..workers {
            let (to_sink, items, work) = (to_sink.clone(), &items, &work);
            scope.spawn(move || labour(items, to_sink, work));
        }
        drop(to_sink);
        let (mut waiting, mut next) = (BTreeMap::new(), 0);
        let mut outcome = Ok(());
        for (number, result) in &results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&next) {
                next += 1;
                outcome = sink(result);
                window.advance(outcome.is_ok().then_some(next));
                if outcome.is_err() {
                    break;
                }
            }
            if outcome.is_err() {
                break;
            }
        }
        // Whoever still waits to hand over a result finds nobody there, and ends.
        drop(results);
        window.advance(None);
        outcome
    })
}

/// How far the results were taken; `None` once nobody takes them any more.
struct Window {
    taken: Mutex<Option<usize>>,
    moved: Condvar,
    size: usize,
}

impl Window {
    fn advance(&self, taken: Option<usize>) {
        // A poisoned lock is a panic elsewhere, which the scope hands on.
        let Ok(mut now) = self.taken.lock() else { return };
        *now = now.and(taken);
        self.moved.notify_all();
    }

    /// Waits until the item of this number may set out; `false` if none may any more.
    fn admits(&self, number: usize) -> bool {
        let full = |taken: &mut Option<usize>| taken.is_some_and(|taken| number >= taken + self.size);
        let Ok(now) = self.taken.lock() else { return false };
        self.moved.wait_while(now, full).is_ok_and(|now| now.is_some())
    }
}

fn read<T>(source: impl Iterator<Item = T>, to_work: SyncSender<(usize, T)>, window: &Window) {
    for (number, item) in source.enumerate() {
        if !window.admits(number) || to_work.send((number, item)).is_err() {
            return;
        }
    }
}

fn labour<T, R>(items: &Mutex<Receiver<(usize, T)>>, to_sink: SyncSender<(usize, R)>, work: impl Fn(T) -> R) {
    loop {
        let item = items.lock().map(|items| items.recv());
        let Ok(Ok((number, item))) = item else { return };
        if to_sink.send((number, work(item))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_an_error_ends_it() {
        for workers in [1, 2, 5] {
            let mut seen = Vec::new();
            let slow = |i: u64| {
                std::thread::sleep(std::time::Duration::from_micros((i * 7919) % 300));
                i * i
            };
            let sink = |r| {
                seen.push(r);
                Ok::<_, ()>(())
            };
            ordered(workers, 0..500, slow, sink).unwrap();
            assert_eq!(seen, (0..500).map(|i| i * i).collect::<Vec<_>>());
            let stop = |r| if r == 100 { Err("enough") } else { Ok(()) };
            assert_eq!(ordered(workers, 0.., |i| i, stop), Err("enough"));
        }
    }
}
