//! The training loop, optimisers, schedules, packing and checkpoints.
//!
//! A [`Trainer`] takes a decoder through a number of optimiser steps over a [`TokenSource`], or a [`Mixture`] of several. What it computes is
//! decided by its [`TrainConfig`] and the data alone: threads, the size of micro-batches, and being stopped and
//! resumed any number of times change no bit. Everything here speaks token ids; text is the business of others.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod checkpoint;
pub mod mixture;
pub mod packing;
pub mod schedule;

mod config;
mod error;
mod evaluate;
mod optimizer;
mod plan;
mod source;
mod spike;
mod trainer;

pub use checkpoint::{Checkpoints, Damage};
pub use config::TrainConfig;
pub use error::TrainError;
pub use evaluate::{HeldOut, HeldOutLoss};
pub use mixture::{Interleave, Mixer, Mixture, MixtureError, Source, Turn, weights_by_size};
pub use optimizer::{Method, OptimizerSettings, OptimizerState};
pub use packing::{IGNORE, Order, Packer, Piece};
pub use plan::plan_memory;
pub use schedule::{Schedule, Shape};
pub use source::{InMemory, Joined, ShardPart, TokenSource};
pub use trainer::{Best, Outcome, TrainState, Trainer, Watch};

#[cfg(test)]
mod tests;
