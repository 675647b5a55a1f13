//! The best few of many, ties in fastText's order.
//!
//! One-vs-all probabilities come from a table of 512 steps, so labels often tie, and which of them is named first (or
//! at all) follows from how the C++ standard library of GCC and Clang moves equals in a heap. So that decisions agree,
//! this heap moves them alike.

/// At most `k` items with the highest scores.
pub(super) struct Best<T> {
    k: usize,
    /// A binary heap with the lowest score at the front.
    heap: Vec<(T, f32)>,
}

impl<T: Copy> Best<T> {
    pub(super) fn new(k: usize) -> Self {
        Best { k, heap: Vec::new() }
    }

    /// The item that has to give way next, once there are `k`.
    pub(super) fn worst(&self) -> Option<T> {
        (self.heap.len() == self.k).then(|| self.heap.first().map(|&(item, _)| item)).flatten()
    }

    /// Whether an item of this score has no chance.
    pub(super) fn is_below(&self, score: f32) -> bool {
        self.heap.len() == self.k && self.heap.first().is_none_or(|&(_, worst)| score < worst)
    }

    pub(super) fn offer(&mut self, item: T, score: f32) {
        if self.is_below(score) {
            return;
        }
        self.heap.push((item, score));
        self.rise(self.heap.len() - 1, 0, (item, score));
        if self.heap.len() > self.k {
            self.pop(self.heap.len());
            self.heap.pop();
        }
    }

    /// Highest score first.
    pub(super) fn sorted(mut self) -> Vec<(T, f32)> {
        for length in (2..=self.heap.len()).rev() {
            self.pop(length);
        }
        self.heap
    }

    /// Puts `value` at `hole` or above it, no higher than `top`.
    fn rise(&mut self, mut hole: usize, top: usize, value: (T, f32)) {
        while hole > top && self.heap[(hole - 1) / 2].1 > value.1 {
            self.heap[hole] = self.heap[(hole - 1) / 2];
            hole = (hole - 1) / 2;
        }
        self.heap[hole] = value;
    }

    /// Moves the front of the first `length` items behind the others, which become a heap again: the hole sinks to the
    /// ground along the lower scores, then the last item rises from there.
    fn pop(&mut self, length: usize) {
        let length = length - 1;
        let value = self.heap[length];
        self.heap[length] = self.heap[0];
        let mut hole = 0;
        while 2 * hole + 2 < length {
            let (left, right) = (2 * hole + 1, 2 * hole + 2);
            let lower = if self.heap[right].1 > self.heap[left].1 { left } else { right };
            self.heap[hole] = self.heap[lower];
            hole = lower;
        }
        if 2 * hole + 2 == length {
            self.heap[hole] = self.heap[2 * hole + 1];
            hole = 2 * hole + 1;
        }
        self.rise(hole, 0, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_highest_scores_come_first(scores in prop::collection::vec(-3i32..4, 0..40), k in 0usize..50) {
            let mut best = Best::new(k);
            scores.iter().enumerate().for_each(|(i, &score)| best.offer(i, score as f32));
            let found: Vec<f32> = best.sorted().iter().map(|&(_, score)| score).collect();
            let mut all: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            all.truncate(k);
            prop_assert_eq!(found, all);
        }
    }
}
