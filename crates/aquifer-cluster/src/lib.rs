#![cfg_attr(test, allow(clippy::unwrap_used))]
//! One command on many machines: work is cut into steps of numbered tasks, and handed to a scheduler that exists.
//!
//! An engine that is to run this way takes two flags and knows nothing else of clusters: `--task I/N` (do the I-th of N
//! shares) and `--step S` (do this step of the whole, and say with exit code [`NOT_YET`] that an earlier one is not
//! through). Each task leaves a marker when it is done; two attempts at one task write the same bytes.
//!
//! ```
//! use aquifer_cluster::{Step, Work, slurm};
//! let work = Work {
//!     name: "clean".to_owned(),
//!     command: ["aquifer", "data", "run", "c4.toml", "crawl", "--out", "clean"].map(str::to_owned).to_vec(),
//!     tasks: 1500,
//!     steps: vec![Step { number: 1, tasks: (0..1500).collect() }, Step { number: 2, tasks: vec![0] }],
//! };
//! let arrays = slurm::arrays(&work, &slurm::Slurm { max_array: 1001, ..Default::default() });
//! assert_eq!(arrays.iter().map(|array| array.tasks.as_str()).collect::<Vec<_>>(), ["0-1000", "0-498", "0"]);
//! assert_eq!(arrays[2].after, [0, 1]);
//! ```

mod error;
pub mod kubernetes;
#[cfg(feature = "s3")]
mod s3;
pub mod slurm;
mod tasks;
mod time_limit;
mod work;
mod yaml;

pub use error::ClusterError;
#[cfg(feature = "s3")]
pub use s3::S3;
pub use time_limit::seconds;
pub use work::{NOT_YET, Step, Work};
