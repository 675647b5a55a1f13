//! What code will hold, found by running it without its arithmetic.
//!
//! While a thread plans, its buffers are written into a ledger instead of being taken from the system, and
//! [`threads::parallel_for`](crate::threads::parallel_for) calls no task: all kernels run inside it, so what is left of
//! an operator is its checks and its buffers. There is no second formula that could drift from the code.

use super::pool;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

thread_local! {
    static LEDGER: RefCell<Option<Ledger>> = const { RefCell::new(None) };
    static PLANNING: Cell<bool> = const { Cell::new(false) };
    static LABEL: Cell<&'static str> = const { Cell::new("") };
}

/// What planned code will hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Planned {
    /// The growth of [`peak_bytes`](super::peak_bytes) that the code will cause.
    pub peak_bytes: usize,
    /// The growth of [`reserved_bytes`](super::reserved_bytes) where no block is idle before and no limit is met.
    pub reserved_bytes: usize,
    /// Bytes alive at the peak by what they were [counted as](count_as), in the order of their first mention; they add
    /// up to it.
    pub parts: Vec<(&'static str, usize)>,
}

/// Runs `f` without its arithmetic and says what it would hold. Whoever plans must not look at what tensors hold: it
/// is undecided. Tensors that leave `f` are of no use but to be dropped.
///
/// # Panics
/// Inside another plan.
pub fn plan<R>(f: impl FnOnce() -> R) -> (R, Planned) {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            PLANNING.set(false);
            LEDGER.take();
        }
    }
    static PLANS: AtomicU64 = AtomicU64::new(0);
    assert!(!planning(), "a plan was begun inside a plan");
    let end = End;
    LEDGER.set(Some(Ledger { id: PLANS.fetch_add(1, Relaxed), ..Ledger::default() }));
    PLANNING.set(true);
    let result = f();
    let planned = LEDGER.with_borrow_mut(|ledger| ledger.take().map(|ledger| ledger.planned).unwrap_or_default());
    drop(end);
    (result, planned)
}

/// Whether this thread plans: then no task of a parallel loop runs, and no element means anything.
pub fn planning() -> bool {
    PLANNING.get()
}

/// Runs `f`; buffers that it takes are counted as `what` in a plan, save where an inner call says otherwise.
pub fn count_as<R>(what: &'static str, f: impl FnOnce() -> R) -> R {
    struct Restore(&'static str);
    impl Drop for Restore {
        fn drop(&mut self) {
            LABEL.set(self.0);
        }
    }
    let _restore = Restore(LABEL.replace(what));
    f()
}

/// The book of one plan: the counters of a process, and the pool, without the memory.
#[derive(Default)]
struct Ledger {
    id: u64,
    live: Vec<(&'static str, usize)>,
    total: usize,
    idle: BTreeMap<usize, usize>,
    planned: Planned,
}

/// One planned buffer's line in the book.
pub(super) struct Entry {
    ledger: u64,
    part: usize,
}

/// A place for a buffer of `bytes` bytes, if this thread plans.
pub(super) fn enter(bytes: usize) -> Option<(NonNull<u8>, Entry)> {
    if !planning() {
        return None;
    }
    LEDGER.with_borrow_mut(|ledger| {
        let entry = ledger.as_mut()?.enter(bytes, LABEL.get());
        Some((pool::reserve(bytes), entry))
    })
}

/// Ends a planned buffer. One that outlived its plan is in no book.
pub(super) fn leave(ptr: NonNull<u8>, bytes: usize, entry: Entry) {
    LEDGER.with_borrow_mut(|ledger| {
        if let Some(ledger) = ledger.as_mut().filter(|ledger| ledger.id == entry.ledger) {
            ledger.leave(bytes, entry.part);
        }
    });
    pool::release(ptr, bytes);
}

impl Ledger {
    fn enter(&mut self, bytes: usize, label: &'static str) -> Entry {
        let part = self.live.iter().position(|(known, _)| *known == label).unwrap_or_else(|| {
            self.live.push((label, 0));
            self.live.len() - 1
        });
        self.live[part].1 += bytes;
        self.total += bytes;
        if self.total > self.planned.peak_bytes {
            self.planned.peak_bytes = self.total;
            self.planned.parts.clone_from(&self.live);
        }
        match self.idle.get_mut(&bytes) {
            Some(blocks @ 1..) => *blocks -= 1,
            _ => self.planned.reserved_bytes += bytes,
        }
        Entry { ledger: self.id, part }
    }

    fn leave(&mut self, bytes: usize, part: usize) {
        self.live[part].1 -= bytes;
        self.total -= bytes;
        *self.idle.entry(bytes).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tensor, threads};

    #[test]
    fn a_plan_counts_what_is_alive_and_does_no_work() {
        let ((), planned) = plan(|| {
            let kept = count_as("kept", || Tensor::zeros::<f32>([1 << 30, 64]));
            for _ in 0..3 {
                let mut passing = Tensor::recycled::<f32>([1 << 12]);
                threads::parallel_chunks(passing.as_f32_mut(), 8, |_, _| panic!("no task runs in a plan"));
            }
            drop(kept);
            drop(Tensor::filled([1 << 10], 1.0_f32));
        });
        let (kept, passing) = (256 << 30, 4 << 12);
        assert_eq!(planned.peak_bytes, kept + passing);
        assert_eq!(planned.reserved_bytes, kept + passing + (4 << 10));
        assert_eq!(planned.parts, [("kept", kept), ("", passing)]);
        assert!(!planning());
    }

    #[test]
    fn what_outlives_its_plan_is_harmless_and_a_panic_ends_it() {
        let (kept, _) = plan(|| Tensor::zeros::<f32>([100]));
        let (shared, planned) = plan(|| {
            drop(kept);
            let first = Tensor::zeros::<f32>([1000]);
            let mut second = first.clone();
            second.as_f32_mut();
            (first, second)
        });
        assert_eq!(planned.peak_bytes, 2 * super::super::held_bytes(4000));
        drop(shared);
        assert!(std::panic::catch_unwind(|| plan(|| panic!("expected in this test"))).is_err());
        assert!(!planning());
    }
}
