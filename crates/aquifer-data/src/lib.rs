//! Extract, clean, filter, deduplicate, split; and the small world, a corpus whose truth is known.
//!
//! [`prepare`](prepare::prepare) is the whole way from raw documents to a training set and a held-out set, with a funnel that says
//! stage by stage what went and why; its stages are also here one by one: [`clean`], [`dedup`], [`split`], [`stats`].
//! [`small_world`] writes a corpus to try them on.
//!
//! ```
//! use aquifer_data::{prepare, small_world};
//! use aquifer_record::{Silent, Stop};
//! let world = small_world::generate(&small_world::WorldSize::Fast.options(0));
//! let options = prepare::PrepareOptions { preset: aquifer_data::filters::Preset::Short, held_out: 0.0, ..Default::default() };
//! let prepared = prepare::prepare(world.documents.clone(), &options, &Silent, &Stop::new());
//! assert!(prepared.train.len() < world.documents.len());
//! assert!(small_world::check(&world, &prepared.train).passed);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clean;
pub mod dedup;
pub mod encoding;
pub mod extract;
pub mod filters;
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
