//! Extract, clean, filter, deduplicate, split; and the small world, a corpus whose truth is known.
//!
//! A [`pipeline`] of [`rules`] and ways to find copies ([`dedup`]) takes raw files to clean documents, with a funnel that says
//! stage by stage what went and why; [`prepare`](prepare::prepare) goes on from there to a training set and a held-out set.
//! [`small_world`] writes a corpus to try them on.
//!
//! ```
//! use aquifer_data::{prepare, small_world};
//! use aquifer_record::{Silent, Stop};
//! # let dir = tempfile::tempdir().unwrap();
//! let world = small_world::generate(&small_world::WorldSize::Fast.options(0));
//! let raw = dir.path().join("world.jsonl.zst");
//! aquifer_corpus::write_documents(&raw, &world.documents).unwrap();
//! let options = prepare::PrepareOptions { held_out: 0.0, ..prepare::PrepareOptions::preset("short").unwrap() };
//! let prepared = prepare::prepare(&[raw], &dir.path().join("run"), &options, &Silent, &Stop::new()).unwrap().unwrap();
//! assert!(prepared.train.len() < world.documents.len());
//! assert!(small_world::check(&world, &prepared.train).passed);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod dedup;
pub mod encoding;
pub mod extract;
pub mod instruct;
pub mod label;
pub mod pipeline;
pub mod prepare;
pub mod rules;
pub mod small_world;
pub mod split;
pub mod stats;
pub mod world_report;

mod parallel;

/// A file of the shared test data, if it is there.
#[cfg(test)]
fn test_data(name: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("AQUIFER_DATA").map(std::path::PathBuf::from);
    let root = root.unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let path = root.join(name);
    if !path.exists() {
        eprintln!("skipped: `{}` is not there (set AQUIFER_DATA)", path.display());
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests;
