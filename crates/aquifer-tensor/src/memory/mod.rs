//! Aligned buffers, recycled: a training step asks for the same sizes again and again, and pages fresh from
//! the kernel cost more than the arithmetic done on them.
//!
//! Everything a tensor holds and everything a kernel works in is a buffer from here. [`live_bytes`] and [`peak_bytes`]
//! count what is held, [`reserved_bytes`] what the system gave, [`taken_blocks`] how often it was asked; [`plan`] runs
//! the same code without its arithmetic and says the same figures beforehand.
//!
//! A buffer that is given back keeps its bytes. In debug builds it is filled with ones, which are NaN in every type of
//! float, and so is a fresh one: an operator that reads what it did not write is found out.

mod plan;
mod pool;

use plan::Entry;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub use plan::{Planned, count_as, plan, planning};
pub use pool::{idle_bytes, set_limit, taken_blocks, trim};

/// Every buffer starts on a cache line, which is also the widest vector.
pub const ALIGN: usize = 64;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes held by tensors that are alive and by kernels at work.
pub fn live_bytes() -> usize {
    LIVE.load(Relaxed)
}

/// The largest [`live_bytes`] since the start or the last [`reset_peak`].
pub fn peak_bytes() -> usize {
    PEAK.load(Relaxed)
}

/// Bytes taken from the system: those alive, and those kept for reuse.
pub fn reserved_bytes() -> usize {
    live_bytes() + idle_bytes()
}

/// Starts a new measurement of the peak from what is alive now.
pub fn reset_peak() {
    PEAK.store(live_bytes(), Relaxed);
}

/// What a buffer of so many bytes really holds: one of eight sizes an octave, so that nearly equal requests share
/// blocks.
pub fn held_bytes(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGN);
    let step = (bytes.next_power_of_two() / 16).max(ALIGN);
    bytes.next_multiple_of(step)
}

/// One aligned allocation; its contents are whatever the last owner left.
pub(crate) struct Buffer {
    ptr: NonNull<u8>,
    bytes: usize,
    /// Where it is written down, if it was only planned.
    planned: Option<Entry>,
}

// SAFETY: the buffer owns its memory; sharing is governed by the borrow of the tensor that holds it.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// At least `bytes` bytes, in a size class that wastes at most an eighth. Never uninitialised in Rust's
    /// sense: a fresh block is written once, a recycled one holds old element bits.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = held_bytes(bytes);
        if let Some((ptr, entry)) = plan::enter(bytes) {
            return Buffer { ptr, bytes, planned: Some(entry) };
        }
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
        Buffer { ptr: pool::take(bytes), bytes, planned: None }
    }

    pub(crate) fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// Whether there is only a place to point at: what is written there is lost time.
    pub(crate) fn is_planned(&self) -> bool {
        self.planned.is_some()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match self.planned.take() {
            Some(entry) => plan::leave(self.ptr, self.bytes, entry),
            None => {
                LIVE.fetch_sub(self.bytes, Relaxed);
                pool::give_back(self.ptr, self.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_waste_little_and_are_aligned() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let class = held_bytes(bytes);
            assert!(class >= bytes && class.is_multiple_of(ALIGN));
            assert!(class <= bytes + bytes / 8 + ALIGN, "{bytes} became {class}");
            assert_eq!(held_bytes(class), class);
        }
    }
}
