//! Shape, dtype, storage, views, device and threads: the ground every operator stands on.
//!
//! A [`Tensor`] owns (or shares) one aligned buffer and is always contiguous, row-major. A [`View`] borrows
//! any strided window of one. Nothing here computes and nothing does I/O; operators live in `aquifer-ops`.
//!
//! ```
//! use aquifer_tensor::Tensor;
//! let x = Tensor::from_f32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]);
//! assert_eq!(x.view().transpose(0, 1).shape(), &[3, 2]);
//! assert_eq!(x.view().transpose(0, 1).to_f32_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
//! ```

pub mod dtype;
pub mod isa;
pub mod memory;
pub mod random;
pub mod shape;
pub mod threads;

mod device;
mod tensor;
mod view;

pub use device::Device;
pub use dtype::{Bf16, DType, Element};
pub use isa::Isa;
pub use shape::Shape;
pub use tensor::Tensor;
pub use view::{View, ViewMut};
