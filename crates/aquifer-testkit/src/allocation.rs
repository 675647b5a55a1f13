//! A global allocator that notes what ordinary memory is asked for: for tests that say how little that is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, noting the largest piece that anybody asks for. To be a test binary's `#[global_allocator]`.
pub struct Noting;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

impl Noting {
    /// The largest piece, in bytes, since the last call.
    pub fn take_largest() -> usize {
        LARGEST.swap(0, Relaxed)
    }
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        // SAFETY: by the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: by the caller's word.
        unsafe { System.dealloc(ptr, layout) }
    }
}
