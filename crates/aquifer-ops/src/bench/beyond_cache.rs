//! Two named lists over tensors that no cache holds, so that memory is what counts.

use super::Case;
use crate::{Bf16Order, Gelu, Precision};

/// What a training step does beside its products: norms, gates, softmax, rotary positions, updates.
pub fn memory_bound() -> Vec<Case> {
    // 64 MiB a tensor.
    const SHAPE: [usize; 2] = [4096, 4096];
    vec![
        crate::rms_norm::bench::forward(SHAPE),
        crate::rms_norm::bench::backward(SHAPE),
        crate::layer_norm::bench::forward(SHAPE),
        crate::layer_norm::bench::backward(SHAPE),
        crate::rope::bench::case([4096, 32, 128]),
        crate::swiglu::bench::forward(SHAPE),
        crate::swiglu::bench::backward(SHAPE),
        crate::gelu::bench::forward("gelu", SHAPE, Gelu::Erf),
        crate::gelu::bench::backward("gelu_backward", SHAPE, Gelu::Erf),
        crate::softmax::bench::forward(SHAPE),
        crate::softmax::bench::backward(SHAPE),
        crate::elementwise::add_case(SHAPE),
        crate::adamw::bench::case(1 << 24),
    ]
}

/// One row through a weight: f32, bf16, and integers of eight and four bits.
pub fn matrix_vector() -> Vec<Case> {
    const SHAPE: [usize; 3] = [1, 16384, 4096];
    let floats = [Precision::F32, Precision::Bf16(Bf16Order::native())];
    let products = floats.map(|precision| crate::matmul::bench::product("linear, one row", SHAPE, precision));
    products.into_iter().chain(crate::quantized::bench::products(SHAPE)).collect()
}
