//! Rows of one head inside a strided `[t, h, d]` tensor.

use aquifer_tensor::{View, ViewMut};

/// Row `i` of head `h` begins at `ptr + i · row + h · head`; its elements are contiguous.
///
/// Kernels share it between threads; each answers for writing only its own rows.
#[derive(Clone, Copy)]
pub(super) struct Rows<P> {
    pub ptr: P,
    pub row: usize,
    pub head: usize,
}

// SAFETY: made only from views that outlive every parallel loop; tasks write disjoint rows.
unsafe impl<P> Send for Rows<P> {}
// SAFETY: as above.
unsafe impl<P> Sync for Rows<P> {}

impl Rows<*const f32> {
    pub(super) fn of(view: &View) -> Self {
        Rows { ptr: view.ptr(), row: view.strides()[0], head: view.strides()[1] }
    }

    /// The same rows, for writing to the view that they are of.
    pub(super) fn to_write(self, view: &mut ViewMut) -> Rows<*mut f32> {
        Rows { ptr: view.ptr(), row: self.row, head: self.head }
    }

    /// # Safety
    /// The row must exist.
    #[inline(always)]
    pub(super) unsafe fn at(self, row: usize, head: usize) -> *const f32 {
        // SAFETY: inside the view, by the caller's word.
        unsafe { self.ptr.add(row * self.row + head * self.head) }
    }

    /// # Safety
    /// The row must exist, be `len` long and not be written meanwhile.
    #[inline(always)]
    pub(super) unsafe fn slice<'a>(self, row: usize, head: usize, len: usize) -> &'a [f32] {
        // SAFETY: by the caller's word.
        unsafe { std::slice::from_raw_parts(self.at(row, head), len) }
    }
}

impl Rows<*mut f32> {
    pub(super) fn of_mut(view: &mut ViewMut) -> Self {
        Rows { ptr: view.ptr(), row: view.strides()[0], head: view.strides()[1] }
    }

    /// # Safety
    /// The row must exist, be `len` long, and be nobody else's meanwhile.
    #[inline(always)]
    pub(super) unsafe fn slice_mut<'a>(self, row: usize, head: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(row * self.row + head * self.head), len) }
    }
}
