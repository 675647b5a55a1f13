//! KV cache, sampler and continuous batch: token ids in; ids, logits or scores out. Nothing here has ever heard
//! of text, of files or of sockets.
//!
//! An [`Engine`] runs many requests in one batch. Requests join and leave between steps, and each answer has the
//! bits it would have alone: whoever shares the batch, however the prompt was cut for reading, on any number of
//! threads.
//!
//! ```no_run
//! # fn example(network: std::sync::Arc<dyn aquifer_infer::Network>) -> Result<(), Box<dyn std::error::Error>> {
//! use aquifer_infer::{Engine, Generate, Limits, Request};
//! let mut engine = Engine::new(network, Limits::default());
//! let answers = engine.generate(vec![Request::greedy(vec![17, 4, 9], 32)], &mut |_, _| true)?;
//! assert!(answers[0].completions[0].tokens.len() <= 32);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod request;
pub mod sampling;

mod attend;
mod cache;
mod engine;
mod generate;
mod logprobs;
mod network;
#[cfg(test)]
mod tests;

pub use cache::{CHUNK, KvCache};
pub use engine::{Engine, Limits};
pub use generate::{Answer, Completion, Generate, GenerateError};
pub use logprobs::Scored;
pub use network::{Network, NetworkShape};
pub use request::{Event, Finish, Request, RequestError, RequestId};
pub use sampling::Sampling;
