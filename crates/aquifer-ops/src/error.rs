//! What an operator says when its arguments do not fit together.

use aquifer_tensor::{DType, Device};

/// A call that an operator refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// An argument's extents do not fit the others'.
    #[error("{op}: `{arg}` should be {want}, but its shape is {got:?}")]
    Shape {
        /// The operator.
        op: &'static str,
        /// The argument.
        arg: &'static str,
        /// What would fit.
        want: String,
        /// What came.
        got: Vec<usize>,
    },
    /// An argument's element type has no kernel on the device its tensors are on.
    #[error("{op}: `{arg}` should be {want}, but holds {got}, for which there is no kernel on the {}", Device::Cpu)]
    DType {
        /// The operator.
        op: &'static str,
        /// The argument.
        arg: &'static str,
        /// What would fit.
        want: &'static str,
        /// What came.
        got: DType,
    },
    /// An argument's memory layout has no kernel.
    #[error("{op}: `{arg}` should be {want}, but its strides are {got:?}")]
    Layout {
        /// The operator.
        op: &'static str,
        /// The argument.
        arg: &'static str,
        /// What would fit.
        want: &'static str,
        /// What came.
        got: Vec<usize>,
    },
    /// A value lies outside what the operator is defined for.
    #[error("{op}: `{arg}` should be {want}, but is {got}")]
    Value {
        /// The operator.
        op: &'static str,
        /// The argument.
        arg: &'static str,
        /// What would fit.
        want: String,
        /// What came.
        got: String,
    },
}
