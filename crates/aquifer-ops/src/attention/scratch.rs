//! Working memory of a kernel, kept by its thread from one task to the next.

use crate::order::ROW_LANES;
use std::cell::RefCell;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _elements: [f32; ROW_LANES],
}

thread_local!(static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) });

/// Buffers for one task.
pub(super) type Buffers<const N: usize> = [*mut f32; N];

/// Lends `task` one buffer for each of `sizes`, in elements, aligned to cache lines. What they hold is old.
pub(super) fn with<const N: usize>(sizes: [usize; N], task: impl FnOnce(Buffers<N>)) {
    LINES.with_borrow_mut(|lines| {
        let wanted: usize = sizes.iter().map(|n| n.div_ceil(ROW_LANES)).sum();
        if lines.len() < wanted {
            lines.resize(wanted, Line { _elements: [0.0; ROW_LANES] });
        }
        let mut rest = &mut lines[..];
        task(sizes.map(|n| {
            let (mine, after) = std::mem::take(&mut rest).split_at_mut(n.div_ceil(ROW_LANES));
            rest = after;
            mine.as_mut_ptr().cast()
        }));
    });
}
