//! Extract, clean, filter, deduplicate, mix; and the small world, a corpus whose truth is known.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod dedup;
pub mod small_world;

mod parallel;
