//! Tasks and their scoring: bits per byte of held-out text, and multiple choice by likelihood, each beside what chance
//! and a 5-gram model score on the same items.
//!
//! Scores have the same bits on any number of threads and for any batch: a request is never changed by the requests it
//! is scored with.
//!
//! ```
//! use aquifer_eval::{Heldout, LogLikelihood};
//! use aquifer_record::{Silent, Stop};
//! use aquifer_text::NgramModel;
//!
//! let model = NgramModel::train([[0, 1, 2, 1, 2].as_slice()], 4, 5);
//! let heldout = Heldout::new([(vec![0, 1, 2], 2)], u64::MAX);
//! let score = heldout.score(&model, &Silent, &Stop::new())?;
//! assert!(score.bits_per_byte() < 2.0);
//! # Ok::<(), aquifer_eval::EvalError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod choice;
mod decoder;
mod error;
mod heldout;
mod likelihood;
mod question;
mod report;

pub use choice::{ChoiceScore, ItemScore, PromptStyle, score_choices};
pub use decoder::DecoderScorer;
pub use error::EvalError;
pub use heldout::{Heldout, HeldoutScore, ngram_from_shards};
pub use likelihood::{LogLikelihood, Request};
pub use question::{Question, read_questions};
pub use report::{choice_tasks, heldout_task};
