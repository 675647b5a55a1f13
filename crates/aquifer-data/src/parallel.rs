//! One function over many documents, in parallel; results come back in order, whatever the number of threads.

use aquifer_tensor::threads;

/// `f(i)` for every `i` in `0..n`, in order.
pub(crate) fn map<R: Send>(n: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    // Small enough that a long document does not leave the others waiting, large enough to be worth a hand-over.
    let piece = (n / 64).clamp(1, 16);
    let mut out: Vec<Option<R>> = Vec::new();
    out.resize_with(n, || None);
    threads::parallel_chunks(&mut out, piece, |at, slots| {
        for (k, slot) in slots.iter_mut().enumerate() {
            *slot = Some(f(at * piece + k));
        }
    });
    out.into_iter().map(|r| r.expect("every slot was filled")).collect()
}
