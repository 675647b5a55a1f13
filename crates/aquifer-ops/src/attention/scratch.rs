//! Working memory of the kernels: one piece a thread, cut into the buffers of a task.

use crate::order::ROW_LANES;
use aquifer_tensor::threads;

/// Buffers for one task.
pub(super) type Buffers<const N: usize> = [*mut f32; N];

/// Calls `task(i, buffers)` for every `i` in `0..n`, in parallel, with one buffer for each of `sizes`, in elements,
/// aligned to cache lines. What they hold is old.
pub(super) fn parallel_for<const N: usize>(n: usize, sizes: [usize; N], task: impl Fn(usize, Buffers<N>) + Sync) {
    let sizes = sizes.map(|n| n.next_multiple_of(ROW_LANES));
    let bytes = sizes.iter().sum::<usize>() * size_of::<f32>();
    threads::parallel_for_with(n, bytes, |i, scratch| {
        let mut at = scratch.cast::<f32>();
        task(
            i,
            sizes.map(|n| {
                let mine = at;
                at = at.wrapping_add(n);
                mine
            }),
        );
    });
}
