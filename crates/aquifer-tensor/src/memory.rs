//! Aligned buffers, recycled: a training step asks for the same sizes again and again, and pages fresh from
//! the kernel cost more than the arithmetic done on them.
//!
//! [`live_bytes`] and [`peak_bytes`] count what tensors hold, so that a forecast of memory can be scored.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Every buffer starts on a cache line, which is also the widest vector.
pub const ALIGN: usize = 64;

/// Buffers at least this large are aligned to a huge page, and the kernel is asked to use them.
const HUGE: usize = 2 << 20;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static IDLE: AtomicUsize = AtomicUsize::new(0);
static POOL: Mutex<Option<HashMap<usize, Vec<Block>>>> = Mutex::new(None);

/// Bytes held by tensors that are alive.
pub fn live_bytes() -> usize {
    LIVE.load(Relaxed)
}

/// The largest [`live_bytes`] since the start or the last [`reset_peak`].
pub fn peak_bytes() -> usize {
    PEAK.load(Relaxed)
}

/// Bytes kept for reuse and held by no tensor.
pub fn idle_bytes() -> usize {
    IDLE.load(Relaxed)
}

/// Starts a new measurement of the peak from what is alive now.
pub fn reset_peak() {
    PEAK.store(live_bytes(), Relaxed);
}

/// Gives idle buffers back to the system.
pub fn trim() {
    let pool = POOL.lock().expect("no code panics while it holds the buffer pool").take();
    for block in pool.into_iter().flatten().flat_map(|(_, blocks)| blocks) {
        IDLE.fetch_sub(block.bytes, Relaxed);
        // SAFETY: the block came from `alloc` with this layout and left the pool for good.
        unsafe { dealloc(block.ptr.as_ptr(), layout(block.bytes)) };
    }
}

struct Block {
    ptr: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a block is plain memory with one owner.
unsafe impl Send for Block {}

/// One aligned allocation; its contents are whatever the last owner left.
pub(crate) struct Buffer {
    ptr: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the buffer owns its memory; sharing is governed by the borrow of the tensor that holds it.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// At least `bytes` bytes, in a size class that wastes at most an eighth. Never uninitialised in Rust's
    /// sense: a fresh block is zeroed once, a recycled one holds old element bits.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = size_class(bytes);
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
        let recycled = {
            let mut pool = POOL.lock().expect("no code panics while it holds the buffer pool");
            pool.get_or_insert_with(HashMap::new).get_mut(&bytes).and_then(Vec::pop)
        };
        if let Some(block) = recycled {
            IDLE.fetch_sub(bytes, Relaxed);
            return Buffer { ptr: block.ptr, bytes };
        }
        let layout = layout(bytes);
        // SAFETY: `size_class` never returns zero.
        let raw = unsafe { alloc(layout) };
        let Some(ptr) = NonNull::new(raw) else { handle_alloc_error(layout) };
        advise_huge(ptr, bytes);
        // SAFETY: the block was just allocated with this many bytes.
        unsafe { ptr.as_ptr().write_bytes(0, bytes) };
        Buffer { ptr, bytes }
    }

    pub(crate) fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        LIVE.fetch_sub(self.bytes, Relaxed);
        IDLE.fetch_add(self.bytes, Relaxed);
        let mut pool = POOL.lock().expect("no code panics while it holds the buffer pool");
        let block = Block { ptr: self.ptr, bytes: self.bytes };
        pool.get_or_insert_with(HashMap::new).entry(self.bytes).or_default().push(block);
    }
}

fn layout(bytes: usize) -> Layout {
    let align = if bytes >= HUGE { HUGE } else { ALIGN };
    Layout::from_size_align(bytes, align).expect("a size class is far below isize::MAX")
}

/// What a tensor of so many bytes really holds: one of eight sizes an octave, so that nearly equal requests
/// share blocks. For forecasts of [`peak_bytes`].
pub fn held_bytes(bytes: usize) -> usize {
    size_class(bytes)
}

fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGN);
    let step = (bytes.next_power_of_two() / 16).max(ALIGN);
    bytes.next_multiple_of(step)
}

#[cfg(target_os = "linux")]
fn advise_huge(ptr: NonNull<u8>, bytes: usize) {
    if bytes >= HUGE {
        // SAFETY: advice on memory we own; a refusal changes nothing but speed.
        unsafe { libc::madvise(ptr.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise_huge(_: NonNull<u8>, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_waste_little_and_are_aligned() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789]) {
            let class = size_class(bytes);
            assert!(class >= bytes && class.is_multiple_of(ALIGN));
            assert!(class <= bytes + bytes / 8 + ALIGN, "{bytes} became {class}");
            assert_eq!(size_class(class), class);
        }
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let odd = 77_777;
        let first = Buffer::new(odd);
        let at = first.ptr();
        drop(first);
        assert_eq!(Buffer::new(odd).ptr(), at);
    }
}
