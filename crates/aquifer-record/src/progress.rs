//! How long work speaks to the person who started it, and hears that it should stop. Libraries take these
//! traits; only the binary draws.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Where a library reports what it is doing.
pub trait Progress: Send + Sync {
    /// Starts a bar over `total` units (`None` when unknown); it ends when the returned bar is dropped.
    fn bar(&self, label: &str, total: Option<u64>, unit: Unit) -> Box<dyn Bar>;
    /// One plain line for the person.
    fn note(&self, line: &str);
}

/// What a bar counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Bytes, shown as KiB, MiB, ….
    Bytes,
    /// Anything counted, with its plural name: `documents`, `steps`.
    Count(&'static str),
}

/// One running bar.
pub trait Bar: Send + Sync {
    /// So many more units are done.
    fn advance(&self, units: u64);
    /// So many units were done in an earlier sitting: part of the total, but not of the rate.
    fn begin_at(&self, units: u64) {
        self.advance(units);
    }
    /// A short text beside the bar, such as the current loss.
    fn message(&self, text: &str);
}

/// Reports nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn bar(&self, _: &str, _: Option<u64>, _: Unit) -> Box<dyn Bar> {
        Box::new(Silent)
    }
    fn note(&self, _: &str) {}
}

impl Bar for Silent {
    fn advance(&self, _: u64) {}
    fn message(&self, _: &str) {}
}

/// A request to finish the current unit, save and return; set from a signal handler, read by long work.
#[derive(Clone, Default, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A request not yet made.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes it.
    pub fn request(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was made.
    pub fn requested(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}
