//! What this machine can do at most: arithmetic in registers, memory by level of cache, and waking threads. These
//! are the roofs that every other measurement is compared with.
//!
//! Williams, Waterman & Patterson, "Roofline", 2009, <https://doi.org/10.1145/1498765.1498785>.

mod arithmetic;
mod caches;
mod memory;
mod wake;

pub use arithmetic::{Arithmetic, arithmetic, peak};
pub use caches::Caches;
pub use memory::{Level, Traffic, bandwidth};
pub use wake::{Region, region};

/// Samples of a rate.
#[derive(Clone, PartialEq, Debug)]
pub struct Rates {
    /// Units of work a second, one number a sample.
    pub samples: Vec<f64>,
    /// Threads that worked.
    pub threads: usize,
}

impl Rates {
    fn of(work: f64, threads: usize, seconds: Vec<f64>) -> Self {
        Rates { samples: seconds.into_iter().map(|s| work / s).collect(), threads }
    }
}
