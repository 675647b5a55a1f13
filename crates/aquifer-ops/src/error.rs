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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Begin, TokenChains};
    use crate::{PackedWeight, Precision, QuantFormat, QuantizedWeight};
    use aquifer_tensor::Tensor;

    /// Indices where floats are wanted, to an operator of every family: an error that says which operator, of what
    /// type and on which device, and never a quiet conversion.
    #[test]
    fn a_missing_kernel_names_operator_type_and_device() {
        let wrong = Tensor::zeros::<u32>([4, 8]);
        let (x, float) = (wrong.view(), Tensor::zeros::<f32>([4, 8]));
        let (w, chains) = ([1.0_f32; 8], TokenChains::single(4, 4));
        let mut out = Tensor::poisoned::<f32>([4, 8]);
        let mut out = out.view_mut();
        let packed = PackedWeight::new(&Tensor::zeros::<f32>([8, 8]).view(), 256, Precision::F32).unwrap();
        let quantised = QuantizedWeight::new(&Tensor::zeros::<f32>([8, 8]).view(), 256, QuantFormat::INT8).unwrap();
        let mut dw = Tensor::poisoned::<f32>([8, 8]);
        let refused: Vec<(&str, OpError)> = vec![
            ("linear", crate::linear(&x, &packed, None, &mut out).unwrap_err()),
            (
                "linear_weight_grad",
                crate::linear_weight_grad(&x, &x, &chains, Begin::Fresh, Precision::F32, &mut dw.view_mut())
                    .unwrap_err(),
            ),
            ("PackedWeight", PackedWeight::new(&x, 256, Precision::F32).unwrap_err()),
            ("linear_quantized", crate::linear_quantized(&x, &quantised, None, &mut out).unwrap_err()),
            ("QuantizedWeight", QuantizedWeight::new(&x, 256, QuantFormat::INT8).unwrap_err()),
            ("rms_norm", crate::rms_norm(&x, &w, 1e-6, &mut out).unwrap_err()),
            ("layer_norm", crate::layer_norm(&x, &w, &w, 1e-6, &mut out).unwrap_err()),
            ("swiglu", crate::swiglu(&x, &x, &mut out).unwrap_err()),
            ("softmax", crate::softmax(&x, &mut out).unwrap_err()),
            ("add", crate::add(&x, &float.view(), &mut out).unwrap_err()),
            ("scale", crate::scale(&x, 2.0, &mut out).unwrap_err()),
            ("exp", crate::pointwise::exp(&x).unwrap_err()),
            ("sum", crate::reduce::sum(&x, &[], false).unwrap_err()),
            ("argmax", crate::reduce::argmax(&x, &[], false).unwrap_err()),
            ("square_sum", crate::square_sum(&x, 1).unwrap_err()),
        ];
        for (operator, error) in refused {
            let said = error.to_string();
            assert!(matches!(error, OpError::DType { got: DType::U32, .. }), "{said}");
            assert!(said.starts_with(&format!("{operator}: ")), "{said}");
            assert!(said.ends_with("holds u32, for which there is no kernel on the CPU"), "{said}");
        }
    }
}
