//! A small pool for data-parallel loops. Which thread runs a task never shows in a result: tasks write
//! disjoint outputs, and nothing is reduced across them here.
//!
//! Workers spin for at most 200 µs after a loop and then park, so that loops in quick succession start fast
//! and an idle process uses no CPU. One loop runs at a time; a caller that finds the pool busy, or calls
//! from inside a loop, runs its tasks alone.

use crate::memory::{self, Buffer};
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

const SPIN: Duration = Duration::from_micros(200);

static COUNT: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    static SCOPED: Cell<usize> = const { Cell::new(0) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Threads a loop started from this thread may use, the caller included.
pub fn count() -> usize {
    match (SCOPED.get(), COUNT.load(Relaxed)) {
        (0, 0) => default_count(),
        (0, n) | (n, _) => n,
    }
}

/// Sets [`count`] for the process.
pub fn set_count(n: usize) {
    COUNT.store(n.max(1), Relaxed);
}

/// Runs `f` with [`count`] equal to `n` on this thread.
pub fn with<R>(n: usize, f: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPED.set(self.0);
        }
    }
    let _restore = Restore(SCOPED.replace(n.max(1)));
    f()
}

/// What the scheduler lets this process use; the standard library reads both affinity and cgroup quota.
fn default_count() -> usize {
    static FOUND: OnceLock<usize> = OnceLock::new();
    *FOUND.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Calls `task(i)` once for every `i` in `0..n`, on up to [`count`] threads, and returns when all are done. In a
/// [plan](memory::plan) it calls none.
///
/// # Panics
/// If a task panics, once every other task has stopped.
pub fn parallel_for(n: usize, task: impl Fn(usize) + Sync) {
    if memory::planning() {
        return;
    }
    let threads = count().min(n);
    if threads <= 1 || INSIDE.get() {
        (0..n).for_each(task);
        return;
    }
    let pool = pool();
    let Ok(_turn) = pool.turn.try_lock() else {
        (0..n).for_each(task);
        return;
    };
    pool.ensure_workers(threads - 1);
    let job = Job { task: &task, n, next: AtomicUsize::new(0), workers: threads - 1, panicked: AtomicBool::new(false) };
    // SAFETY: the lifetime is erased only until `close` below returns, after which no worker holds the job.
    let erased = unsafe { std::mem::transmute::<*const Job<'_>, *const Job<'static>>(&job) };
    pool.open(erased);
    job.run();
    pool.close();
    assert!(!job.panicked.load(Acquire), "a task of a parallel loop panicked; its message is above");
}

/// [`parallel_for`] whose tasks want working memory: `task(i, scratch)`, where `scratch` is the start of `bytes` bytes on
/// a cache line, nobody else's while the task runs. They hold what an earlier task left.
///
/// There is one such piece for each of [`count`] threads, whatever `n` is, taken before the first task begins: so what
/// a loop holds can be [planned](memory::plan), and does not depend on which threads came in time.
pub fn parallel_for_with(n: usize, bytes: usize, task: impl Fn(usize, *mut u8) + Sync) {
    let places = if INSIDE.get() { 1 } else { count() };
    let each = bytes.next_multiple_of(memory::ALIGN);
    let scratch = Buffer::new(places * each);
    let (base, next) = (SendPtr(scratch.ptr()), AtomicUsize::new(0));
    parallel_for(places.min(n), |place| {
        loop {
            let i = next.fetch_add(1, Relaxed);
            if i >= n {
                break;
            }
            task(i, base.get().wrapping_add(place * each));
        }
    });
}

/// Splits `data` into consecutive pieces of `len` (the last may be shorter) and calls `task(i, piece)` for each.
pub fn parallel_chunks<T: Send>(data: &mut [T], len: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let (total, base) = (data.len(), SendPtr(data.as_mut_ptr()));
    parallel_for(total.div_ceil(len.max(1)), |i| {
        let start = i * len;
        // SAFETY: pieces are disjoint and inside `data`, which is borrowed mutably for the whole loop.
        let piece = unsafe { std::slice::from_raw_parts_mut(base.get().add(start), len.min(total - start)) };
        task(i, piece);
    });
}

/// A raw pointer that parallel tasks may share; each task answers for touching only its own part.
pub struct SendPtr<T>(pub *mut T);

impl<T> Clone for SendPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SendPtr<T> {}

// SAFETY: the user of the pointer keeps accesses disjoint, see the type's contract.
unsafe impl<T> Send for SendPtr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for SendPtr<T> {}

impl<T> SendPtr<T> {
    /// The pointer. (A method, so that closures capture the wrapper and not its field.)
    pub fn get(self) -> *mut T {
        self.0
    }
}

struct Job<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    n: usize,
    next: AtomicUsize,
    workers: usize,
    panicked: AtomicBool,
}

impl Job<'_> {
    fn run(&self) {
        let was_inside = INSIDE.replace(true);
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let i = self.next.fetch_add(1, Relaxed);
                if i >= self.n {
                    break;
                }
                (self.task)(i);
            }
        }));
        INSIDE.set(was_inside);
        if result.is_err() {
            self.next.store(self.n, Relaxed);
            self.panicked.store(true, Release);
        }
    }
}

/// `state` packs `epoch << 32 | open << 31 | running`: a worker joins a loop only while it is open, so a loop
/// that ends before a parked worker wakes does not wait for it.
struct Pool {
    turn: Mutex<()>,
    state: AtomicU64,
    job: UnsafeCell<*const Job<'static>>,
    spawned: AtomicUsize,
    parked: Mutex<usize>,
    wake: Condvar,
}

// SAFETY: `job` is written only by the holder of `turn` while no worker can join, and read only by joined workers.
unsafe impl Sync for Pool {}
// SAFETY: as above.
unsafe impl Send for Pool {}

const OPEN: u64 = 1 << 31;
const RUNNING: u64 = OPEN - 1;

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool {
        turn: Mutex::new(()),
        state: AtomicU64::new(0),
        job: UnsafeCell::new(std::ptr::null()),
        spawned: AtomicUsize::new(0),
        parked: Mutex::new(0),
        wake: Condvar::new(),
    })
}

impl Pool {
    fn ensure_workers(&'static self, wanted: usize) {
        while self.spawned.load(Relaxed) < wanted {
            let idx = self.spawned.load(Relaxed);
            let worker = std::thread::Builder::new().name(format!("aquifer-{}", idx + 1));
            if worker.spawn(move || self.work(idx)).is_err() {
                return; // Fewer threads, same results.
            }
            self.spawned.store(idx + 1, Relaxed);
        }
    }

    fn open(&self, job: *const Job<'static>) {
        // SAFETY: we hold the turn and the last loop is closed with nobody running, so nobody reads `job`.
        unsafe { *self.job.get() = job };
        let epoch = (self.state.load(Relaxed) >> 32).wrapping_add(1) & 0xFFFF_FFFF;
        self.state.store(epoch << 32 | OPEN, SeqCst);
        if *self.parked.lock().expect("no code panics while it holds this lock") > 0 {
            self.wake.notify_all();
        }
    }

    fn close(&self) {
        self.state.fetch_and(!OPEN, SeqCst);
        let mut spins = 0_u32;
        while self.state.load(Acquire) & RUNNING != 0 {
            spins += 1;
            if spins < 10_000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }

    fn work(&self, idx: usize) {
        let mut seen = 0;
        loop {
            let state = self.wait_past(seen);
            seen = state >> 32;
            if state & OPEN == 0 || !self.join(seen) {
                continue;
            }
            // SAFETY: joined while open, so the caller waits for us in `close` and the job outlives this use.
            let job = unsafe { &**self.job.get() };
            if idx < job.workers {
                job.run();
            }
            self.state.fetch_sub(1, AcqRel);
        }
    }

    /// Adds one to `running` if loop `epoch` is still open.
    fn join(&self, epoch: u64) -> bool {
        let joined = self.state.fetch_update(AcqRel, Acquire, |s| (s >> 32 == epoch && s & OPEN != 0).then_some(s + 1));
        joined.is_ok()
    }

    fn wait_past(&self, seen: u64) -> u64 {
        let start = Instant::now();
        loop {
            for _ in 0..64 {
                let state = self.state.load(Acquire);
                if state >> 32 != seen {
                    return state;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() > SPIN {
                break;
            }
        }
        let mut parked = self.parked.lock().expect("no code panics while it holds this lock");
        loop {
            // `open` stores the state before it takes this lock, so no loop is missed.
            let state = self.state.load(SeqCst);
            if state >> 32 != seen {
                return state;
            }
            *parked += 1;
            parked = self.wake.wait(parked).expect("no code panics while it holds this lock");
            *parked -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 8] {
            for n in [0, 1, 2, 63, 1000] {
                let hits: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                with(threads, || parallel_for(n, |i| _ = hits[i].fetch_add(1, Relaxed)));
                assert!(hits.iter().all(|h| h.load(Relaxed) == 1), "{threads} threads, {n} tasks");
            }
        }
    }

    #[test]
    fn loops_nest_and_follow_each_other_and_survive_a_pause() {
        let total = AtomicUsize::new(0);
        for round in 0..2000 {
            if round % 500 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            with(3, || parallel_for(5, |_| parallel_for(2, |_| _ = total.fetch_add(1, Relaxed))));
        }
        assert_eq!(total.load(Relaxed), 20_000);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let hit = catch_unwind(|| with(2, || parallel_for(8, |i| assert!(i != 3, "expected in this test"))));
        assert!(hit.is_err());
        let sum = AtomicUsize::new(0);
        with(2, || parallel_for(8, |i| _ = sum.fetch_add(i, Relaxed)));
        assert_eq!(sum.load(Relaxed), 28);
    }

    #[test]
    fn scratch_is_aligned_and_nobody_elses() {
        let hits = AtomicUsize::new(0);
        with(3, || {
            parallel_for_with(200, 40, |i, scratch| {
                assert!(scratch.addr().is_multiple_of(memory::ALIGN));
                // SAFETY: forty bytes are this task's.
                let mine = unsafe { std::slice::from_raw_parts_mut(scratch, 40) };
                mine.fill(i as u8);
                std::thread::yield_now();
                assert!(mine.iter().all(|&x| x == i as u8));
                hits.fetch_add(1, Relaxed);
            });
        });
        assert_eq!(hits.load(Relaxed), 200);
    }

    #[test]
    fn chunks_cover_the_slice() {
        let mut data = vec![0_usize; 103];
        with(2, || parallel_chunks(&mut data, 10, |i, piece| piece.iter_mut().for_each(|x| *x = i + 1)));
        assert!(data.iter().enumerate().all(|(at, &x)| x == at / 10 + 1));
    }
}
