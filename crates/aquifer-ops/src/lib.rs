//! One operator per folder: contract, f64 reference, kernels, tests, bench.
//!
//! Every operator here gives the same bits under any number of threads, any batch companions and any
//! instruction set; `order` says in which order sums are taken. Read a folder from the top: the contract, then
//! `reference` (f64, the definition), then the kernels that answer to it.
//!
//! The operators of a training step write into outputs they are handed. Families of small ones ([`pointwise`],
//! [`reduce`], [`movement`], …) are tables and return their results in recycled buffers; [`names`] lists them all by the
//! names PyTorch has for them.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod matmul;
pub mod quantized;

pub mod attention;
pub mod rope;

pub mod embedding;
pub mod fused_add_rms_norm;
pub mod layer_norm;
pub mod rms_norm;

pub mod dropout;
pub mod elementwise;
pub mod gelu;
pub mod softmax;
pub mod swiglu;

pub mod convolution;
pub mod experts;
pub mod movement;
pub mod order_statistics;
pub mod pointwise;
pub mod products;
pub mod random;
pub mod reduce;

pub mod cross_entropy;
pub mod linear_cross_entropy;
pub mod losses;

pub mod adamw;
pub mod clip_grad;
pub mod column_sums;
pub mod lion;
pub mod muon;
pub mod square_sum;

pub mod bench;
pub mod math;
pub mod names;
pub mod order;
pub mod peaks;
pub mod precision;

mod error;
mod rows;
mod simd;
mod strided;
#[cfg(test)]
mod testing;
#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tiles_by_hand;

pub use adamw::{AdamW, adamw};
pub use attention::{
    AttentionDropout, AttentionSpec, CachedQueries, KvChunk, attention, attention_backward, attention_cached,
    attention_column_sums, piecewise_attention, piecewise_attention_backward,
};
pub use column_sums::column_sums;
pub use cross_entropy::{IGNORE, cross_entropy};
pub use dropout::dropout;
pub use elementwise::{add, add_assign, scale};
pub use embedding::{embedding, embedding_grad};
pub use error::OpError;
pub use gelu::{Gelu, gelu, gelu_backward};
pub use layer_norm::{layer_norm, layer_norm_backward};
pub use linear_cross_entropy::{linear_cross_entropy, linear_cross_entropy_grad};
pub use lion::{Lion, lion};
pub use matmul::{
    Activation, Epilogue, PackedWeight, Projection, linear, linear_gated, linear_many, linear_weight_grad, linear_with,
};
pub use muon::{Muon, muon};
pub use order::{Begin, TokenChains, shard_count};
pub use precision::{Bf16Order, Precision};
pub use quantized::{QuantBits, QuantFormat, QuantizedWeight, linear_quantized};
pub use rms_norm::{rms_norm, rms_norm_backward};
pub use rope::{RopeTable, rope, rope_backward};
pub use softmax::{softmax, softmax_backward};
pub use square_sum::square_sum;
pub use swiglu::{swiglu, swiglu_backward};
