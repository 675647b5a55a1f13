#![cfg_attr(test, allow(clippy::unwrap_used))]
//! What every run leaves and says: run folders, manifests, metrics, the index over many runs, and the
//! traits through which long work reports progress and learns that it should stop.
//!
//! The run folder is the truth; the index is rebuilt from it. Nothing here prints: the binary does.
//!
//! | file | type |
//! |---|---|
//! | `manifest.json` | [`Manifest`] |
//! | `metrics.jsonl` | [`MetricLine`], one a line |
//! | `forecast.json` | [`Forecast`] |
//! | `data.json` | [`DataReport`] |
//! | `eval.json` | [`EvalReport`] |
//! | `samples.json` | [`Samples`] |

pub mod catalog;
pub mod data;
pub mod eval;
pub mod figures;
pub mod files;
pub mod forecast;
pub mod hold;
pub mod manifest;
pub mod measure;
pub mod metrics;
pub mod perf;
pub mod progress;
pub mod run;
pub mod samples;
pub mod storage;
pub mod store;

pub use data::DataReport;
pub use eval::EvalReport;
pub use files::{FileError, Writing, sha256_file, sha256_hex, write_atomic, write_atomic_bytes};
pub use forecast::Forecast;
pub use hold::Hold;
pub use manifest::Manifest;
pub use metrics::MetricLine;
pub use perf::PerfRecord;
pub use progress::{Bar, Progress, Silent, Stop};
pub use run::{RunError, RunFolder};
pub use samples::Samples;
