//! The tape: reverse-mode differentiation over operators.
//!
//! [`Params`] holds named weights and the packed copies that products read, [`Tape`] runs operators forward and
//! remembers how to go back, [`Gradients`] gathers what goes back so that any cut of a step into micro-batches
//! gives the same bits.
//!
//! ```
//! use aquifer_grad::{Gradients, Kind, MicroBatch, Params, StepLanes, Tape};
//! use aquifer_ops::Precision;
//! use aquifer_tensor::Tensor;
//!
//! let mut params = Params::new(Precision::F32, 256);
//! let w = params.add("w", Tensor::from_f32(&[1.0, 2.0], [1, 2]), Kind::Matrix);
//! let mut grads = Gradients::new(&params);
//! grads.begin_step(StepLanes { grains: 1, grain_len: 3, lanes: 1 })?;
//! grads.begin_micro_batch(MicroBatch { first_grain: 0, grains: 1 })?;
//!
//! let mut tape = Tape::new(&params);
//! let x = tape.input(Tensor::from_f32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]));
//! let y = tape.linear(&x, w, None)?;
//! assert_eq!(y.value().as_f32(), [5.0, 11.0, 17.0]);
//! tape.backward(&y, Tensor::filled([3, 1], 1.0_f32), &mut grads)?;
//! grads.finish()?;
//! assert_eq!(grads.get(w).as_f32(), [9.0, 12.0]);
//! # Ok::<(), aquifer_grad::GradError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod profile;

mod error;
mod gradients;
mod params;
mod runs;
mod tape;

mod nodes;

pub use error::GradError;
pub use gradients::{Gradients, Use};
pub use params::{Affine, Kind, ParamId, Params};
pub use runs::{MicroBatch, Run, StepLanes};
pub use tape::{Tape, Var};

#[cfg(test)]
mod tests;
