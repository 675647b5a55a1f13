//! What a parallel loop costs before it does anything.

use crate::bench::timing::{Plan, seconds_of, warm};
use aquifer_tensor::threads::{self, parallel_for};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

/// Which loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Region {
    /// Nothing in it, right after another one: the price of asking.
    Empty,
    /// Every thread has begun, right after another such loop.
    Warm,
    /// Every thread has begun, after a pause long enough for all of them to sleep.
    Parked,
}

impl Region {
    /// All of them.
    pub const ALL: [Region; 3] = [Region::Empty, Region::Warm, Region::Parked];

    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Region::Empty => "empty parallel loop",
            Region::Warm => "all threads at work, warm",
            Region::Parked => "all threads at work, parked",
        }
    }
}

/// Seconds of such a loop on `threads` threads.
pub fn region(region: Region, threads: usize, plan: &Plan) -> Vec<f64> {
    threads::with(threads, || match region {
        Region::Empty => warm(&mut || parallel_for(threads, |_| ()), plan),
        Region::Warm => warm(&mut || meet(threads), plan),
        Region::Parked => {
            // Threads spin for 200 µs and then sleep.
            let rested = || {
                std::thread::sleep(Duration::from_millis(2));
                seconds_of(&mut || meet(threads))
            };
            (0..plan.samples.max((plan.seconds / 2e-3) as usize)).map(|_| rested()).collect()
        }
    })
}

/// Returns once `threads` threads have come, each to a task of its own.
fn meet(threads: usize) {
    together(threads, |_| ());
}

/// Calls `task(i)` for `i` in `0..threads`, each on a thread of its own, all begun at once.
pub(super) fn together(threads: usize, task: impl Fn(usize) + Sync) {
    let here = AtomicUsize::new(0);
    parallel_for(threads, |i| {
        here.fetch_add(1, AcqRel);
        // Threads that the system does not give must not be waited for.
        let (begun, mut turns) = (Instant::now(), 0_u32);
        while here.load(Acquire) < threads {
            std::hint::spin_loop();
            turns += 1;
            if turns.is_multiple_of(1024) && begun.elapsed() > Duration::from_millis(20) {
                break;
            }
        }
        task(i);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_ends() {
        let plan = Plan { samples: 3, seconds: 0.0 };
        for threads in [1, 2, 3] {
            for kind in Region::ALL {
                assert_eq!(region(kind, threads, &plan).len(), 3, "{}", kind.name());
            }
        }
    }
}
