//! Tolerances, gradient checks and fixtures for tests; knows no other crate of ours.
//!
//! ```
//! use aquifer_testkit::{assert_close, check_gradient, noise, wide};
//! let x = wide(&noise("x", 5));
//! let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
//! check_gradient("square", &x, &x.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), square);
//! assert_close(&[1.0_f32, 2.0], &[1.0, 2.000_001], 1e-6);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod allocation;

mod close;
mod fixture;
mod gradient;
mod http;
mod noise;

pub use close::{Tolerance, assert_close, assert_same_bits};
pub use fixture::{Fixture, data_dir};
pub use gradient::{check_gradient, check_gradient_within};
pub use http::{ScriptedServer, chat_answer, chat_question, http_answer};
pub use noise::{noise, wide};
