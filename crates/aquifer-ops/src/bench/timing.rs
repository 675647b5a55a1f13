//! The timer: warm calls in a row, or cold ones with the caches flushed in between.

use aquifer_tensor::Tensor;
use aquifer_tensor::threads::{self, SendPtr, parallel_for};
use std::time::Instant;

/// How long to measure: at least `samples`, and at least `seconds`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
    /// Samples at least.
    pub samples: usize,
    /// Seconds at least.
    pub seconds: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { samples: 10, seconds: 0.2 }
    }
}

/// No measurement takes more samples than this; short calls are timed several at a time instead.
const MOST_SAMPLES: f64 = 500.0;

/// Seconds a call, of calls one after another; the first ones are not counted.
///
/// A sample is the mean of as many calls as fill a five-hundredth of the plan's seconds, so that calls of a
/// microsecond are not measured by single clock readings.
pub fn warm(call: &mut dyn FnMut(), plan: &Plan) -> Vec<f64> {
    call();
    let once = seconds_of(call).min(seconds_of(call)).max(1e-9);
    let calls = (plan.seconds / MOST_SAMPLES / once).ceil().max(1.0) as u32;
    let mut many = || (0..calls).for_each(|_| call());
    many();
    let mut samples = Vec::new();
    let begun = Instant::now();
    while samples.len() < plan.samples || begun.elapsed().as_secs_f64() < plan.seconds {
        samples.push(seconds_of(&mut many) / f64::from(calls));
    }
    samples
}

/// Seconds of single calls, each after a [`Flush`].
pub fn cold(call: &mut dyn FnMut(), flush: &mut Flush, plan: &Plan) -> Vec<f64> {
    call();
    let mut samples = Vec::new();
    let begun = Instant::now();
    while samples.len() < plan.samples || begun.elapsed().as_secs_f64() < plan.seconds {
        flush.run();
        samples.push(seconds_of(call));
    }
    samples
}

/// Seconds of one call.
pub fn seconds_of(call: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64()
}

/// A buffer that drives everything else out of every core's caches when it is touched.
pub struct Flush(Tensor);

impl Flush {
    /// At least twice the largest cache, and twice what all cores' own caches hold.
    pub fn new(caches: &crate::peaks::Caches) -> Self {
        let bytes = 2 * caches.l3.max(threads::count() * caches.l2);
        Flush(Tensor::filled([bytes.div_ceil(4)], 1.0_f32))
    }

    /// Writes a number into every cache line, each thread in a part of its own.
    pub fn run(&mut self) {
        let (parts, numbers) = (threads::count(), self.0.as_f32_mut());
        let (part, base, len) = (numbers.len().div_ceil(parts), SendPtr(numbers.as_mut_ptr()), numbers.len());
        parallel_for(parts, |i| {
            for at in (i * part..((i + 1) * part).min(len)).step_by(16) {
                // SAFETY: inside the buffer, and parts are disjoint.
                unsafe { *base.get().add(at) += 1.0 };
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peaks::Caches;

    #[test]
    fn plans_are_kept() {
        let mut calls = 0;
        let samples = warm(&mut || calls += 1, &Plan { samples: 7, seconds: 0.0 });
        assert_eq!(samples.len(), 7);
        assert!(calls >= 7 && samples.iter().all(|&s| s >= 0.0));
        let plan = Plan { samples: 3, seconds: 0.02 };
        let samples = warm(&mut || std::thread::sleep(std::time::Duration::from_micros(100)), &plan);
        assert!(samples.len() >= 3 && samples.iter().sum::<f64>() >= 0.01);
        let mut flush = Flush::new(&Caches { l1: 64, l2: 1 << 10, l3: 1 << 12, found: true });
        assert_eq!(cold(&mut || (), &mut flush, &Plan { samples: 4, seconds: 0.0 }).len(), 4);
        let touched = flush.0.as_f32().chunks(16).all(|line| line[0] == 5.0);
        assert!(touched, "every line, once a sample");
    }
}
