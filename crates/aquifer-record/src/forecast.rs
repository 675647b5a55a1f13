//! `forecast.json`: what a run was told it would need, written before its first step and scored after its last.

use serde::{Deserialize, Serialize};

/// The prediction, and once the run is over what happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Peak bytes of tensors and of kernels' working memory, over steps and evaluations.
    pub memory_bytes: u64,
    /// What the memory is for: parameters, optimiser, activations, ….
    pub memory_parts: Vec<(String, u64)>,
    /// Bytes that the run may use.
    pub memory_limit_bytes: u64,
    /// Bytes of documents held at once while they are read and tokenised, which is over before training begins; 0 where
    /// the run reads token shards.
    #[serde(default)]
    pub document_bytes: u64,
    /// Seconds of training, and the interval they are expected in.
    pub seconds: Estimate,
    /// The whole that the training is a part of, where there is more to it.
    #[serde(default)]
    pub whole: Option<Whole>,
    /// Optimiser steps.
    pub steps: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// Floating-point operations of the matrix products.
    pub flops: f64,
    /// How the time was found, for people.
    pub method: String,
    /// What happened, once it has.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// A value and the interval it is expected in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The expectation.
    pub expected: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// A run from its first byte to its report, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Whole {
    /// What the person asked for.
    pub asked: Option<f64>,
    /// Already gone when this was written: reading, cleaning, vocabulary, shards.
    pub before: f64,
    /// Expected after the training: evaluation, samples, report.
    pub after: f64,
    /// All of it, training included, and its interval.
    pub seconds: Estimate,
    /// What it took, once it is over.
    pub took: Option<f64>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Peak bytes, counted as they were forecast: samples drawn between steps are left out.
    pub memory_bytes: u64,
    /// Seconds of training.
    pub seconds: f64,
}

impl Forecast {
    /// Measured over expected time, once the run is over.
    pub fn seconds_ratio(&self) -> Option<f64> {
        self.outcome.map(|outcome| outcome.seconds / self.seconds.expected)
    }

    /// Measured over expected time of the whole, once it is over.
    pub fn whole_ratio(&self) -> Option<f64> {
        self.whole.and_then(|whole| Some(whole.took? / whole.seconds.expected))
    }

    /// Measured over expected memory, once the run is over.
    pub fn memory_ratio(&self) -> Option<f64> {
        self.outcome.map(|outcome| outcome.memory_bytes as f64 / self.memory_bytes as f64)
    }
}
