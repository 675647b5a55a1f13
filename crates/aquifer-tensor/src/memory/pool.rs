//! Blocks between two owners, by size.

use super::{ALIGN, live_bytes};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

/// Blocks at least this large are aligned to a huge page, and the kernel is asked to use them.
const HUGE: usize = 2 << 20;

static POOL: Mutex<Pool> = Mutex::new(Pool(BTreeMap::new()));
static IDLE: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Idle blocks of each size, the one used last on top: it may still lie in a cache.
struct Pool(BTreeMap<usize, Vec<Block>>);

struct Block(NonNull<u8>);

// SAFETY: a block is plain memory with one owner.
unsafe impl Send for Block {}

/// Bytes kept for reuse and held by nobody.
pub fn idle_bytes() -> usize {
    IDLE.load(Relaxed)
}

/// Blocks taken from the system since the program began. Where work repeats itself, this stands still.
pub fn taken_blocks() -> usize {
    TAKEN.load(Relaxed)
}

/// From now on idle blocks go back to the system, the largest first, where keeping them would make
/// [`reserved_bytes`](super::reserved_bytes) exceed `bytes`. It bounds what is kept, not what is asked for.
pub fn set_limit(bytes: usize) {
    LIMIT.store(bytes, Relaxed);
    pool().shrink_to(bytes);
}

/// Gives idle blocks back to the system: at the end of a run, say.
pub fn trim() {
    pool().shrink_to(0);
}

/// A block of exactly `bytes`, which is never zero.
pub(super) fn take(bytes: usize) -> NonNull<u8> {
    {
        let mut pool = pool();
        if let Some(Block(ptr)) = pool.0.get_mut(&bytes).and_then(Vec::pop) {
            IDLE.fetch_sub(bytes, Relaxed);
            return ptr;
        }
        pool.shrink_to(LIMIT.load(Relaxed));
    }
    TAKEN.fetch_add(1, Relaxed);
    let layout = layout(bytes);
    // SAFETY: a block is never of no bytes.
    let raw = unsafe { alloc(layout) };
    let Some(ptr) = NonNull::new(raw) else { handle_alloc_error(layout) };
    advise_huge(ptr, bytes);
    fill(ptr, bytes, if cfg!(debug_assertions) { u8::MAX } else { 0 });
    ptr
}

/// Keeps a block for the next who asks for its size.
pub(super) fn give_back(ptr: NonNull<u8>, bytes: usize) {
    if cfg!(debug_assertions) {
        fill(ptr, bytes, u8::MAX);
    }
    IDLE.fetch_add(bytes, Relaxed);
    pool().0.entry(bytes).or_default().push(Block(ptr));
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().expect("no code panics while it holds the buffer pool")
}

impl Pool {
    /// Frees idle blocks until those and the live ones are within `limit`, or none is left.
    fn shrink_to(&mut self, limit: usize) {
        while IDLE.load(Relaxed) > limit.saturating_sub(live_bytes()) {
            let Some(mut largest) = self.0.last_entry() else { return };
            let bytes = *largest.key();
            let Some(Block(ptr)) = largest.get_mut().pop() else {
                largest.remove();
                continue;
            };
            IDLE.fetch_sub(bytes, Relaxed);
            // SAFETY: the block came from `alloc` with this layout and left the pool for good.
            unsafe { dealloc(ptr.as_ptr(), layout(bytes)) };
        }
    }
}

fn fill(ptr: NonNull<u8>, bytes: usize, byte: u8) {
    // SAFETY: callers own the block, which has so many bytes.
    unsafe { ptr.as_ptr().write_bytes(byte, bytes) };
}

fn layout(bytes: usize) -> Layout {
    let align = if bytes >= HUGE { HUGE } else { ALIGN };
    Layout::from_size_align(bytes, align).expect("a size class is far below isize::MAX")
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

/// Room to point at that costs nothing until it is touched.
#[cfg(unix)]
pub(super) fn reserve(bytes: usize) -> NonNull<u8> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE);
    // SAFETY: a fresh private mapping of nothing.
    let raw = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    let mapped = if raw == libc::MAP_FAILED { None } else { NonNull::new(raw.cast()) };
    mapped.unwrap_or_else(|| handle_alloc_error(layout(bytes)))
}

/// Ends what [`reserve`] gave.
#[cfg(unix)]
pub(super) fn release(ptr: NonNull<u8>, bytes: usize) {
    // SAFETY: this is the whole mapping, and its buffer is gone.
    unsafe { libc::munmap(ptr.as_ptr().cast(), bytes) };
}

#[cfg(not(unix))]
pub(super) fn reserve(bytes: usize) -> NonNull<u8> {
    // SAFETY: a block is never of no bytes.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout(bytes)) })
        .unwrap_or_else(|| handle_alloc_error(layout(bytes)))
}

#[cfg(not(unix))]
pub(super) fn release(ptr: NonNull<u8>, bytes: usize) {
    // SAFETY: the block came from `reserve` with this layout.
    unsafe { dealloc(ptr.as_ptr(), layout(bytes)) };
}
