//! HTTP: the OpenAI endpoints, scheduling, and the chat page.
//!
//! One thread owns the engine and steps the batch ([`serve`] starts it); handlers turn JSON into token ids, wait
//! in a bounded queue, and turn tokens into text again. Whoever shares the batch, an answer has the bits it would
//! have alone.
//!
//! ```no_run
//! # fn example(network: std::sync::Arc<dyn aquifer_infer::Network>, tokenizer: aquifer_text::Tokenizer) -> std::io::Result<()> {
//! use aquifer_serve::{ServeConfig, ServedModel, serve};
//! let listener = std::net::TcpListener::bind("127.0.0.1:8080")?;
//! let model = ServedModel::new("my-model", network, tokenizer.into());
//! serve(listener, model, ServeConfig::default(), &aquifer_record::Stop::new())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod auth;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod model;
mod openai;
mod page;
mod router;
mod scheduler;
mod server;
mod state;

pub use auth::ApiKeys;
pub use model::ServedModel;
pub use server::{ServeConfig, serve};
