//! Graphs against `f64` differences, fused operators against plain ones, cuts of a step against the whole, and refusals.

mod differences;
mod fused;
mod micro_batches;
mod refusals;

use crate::{Kind, ParamId, Params};
use aquifer_ops::Precision;
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;

/// `n` numbers in (−0.5, 0.5), the same for the same name.
fn numbers(name: &str, n: usize) -> Vec<f32> {
    let stream = Stream::new(11, "tests", name);
    (0..n as u64).map(|i| stream.uniform(0, i) - 0.5).collect()
}

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    Tensor::from_f32(&numbers(name, shape.iter().product()), shape)
}

fn params(precision: Precision, shapes: &[(&str, &[usize])]) -> (Params, Vec<ParamId>) {
    let mut params = Params::new(precision, 32);
    let kind = |shape: &[usize]| if shape.len() == 1 { Kind::Vector } else { Kind::Matrix };
    let ids = shapes.iter().map(|(name, shape)| params.add(name, tensor(name, shape), kind(shape))).collect();
    (params, ids)
}
