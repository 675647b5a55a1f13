//! One operator per folder: contract, f64 reference, kernels, tests, bench.
//!
//! Every operator here gives the same bits under any number of threads, any batch companions and any
//! instruction set; `order` says in which order sums are taken. Read a folder from the top: the contract, then
//! `reference` (f64, the definition), then the kernels that answer to it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod attention;
pub mod math;
pub mod matmul;
pub mod order;
pub mod precision;

mod error;
mod simd;

pub use attention::{AttentionSpec, CachedQueries, KvChunk, attention, attention_backward, attention_cached};
pub use error::OpError;
pub use matmul::{PackedWeight, linear, linear_weight_grad};
pub use order::{Begin, TokenChains, shard_count};
pub use precision::{Bf16Order, Precision};
