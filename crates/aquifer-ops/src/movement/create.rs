//! Tensors from nothing.

use crate::OpError;
use crate::strided::{convert, with_element};
use aquifer_tensor::{DType, Shape, Tensor, View};

/// `value` everywhere, rounded to `dtype`.
pub fn full(dtype: DType, shape: impl Into<Shape>, value: f32) -> Tensor {
    let value = convert(&View::of(&[value], []), dtype);
    let shape = shape.into();
    with_element!(dtype, T => Tensor::filled::<T>(shape, value.as_slice::<T>()[0]))
}

/// Zeros.
pub fn zeros(dtype: DType, shape: impl Into<Shape>) -> Tensor {
    full(dtype, shape, 0.0)
}

/// Ones.
pub fn ones(dtype: DType, shape: impl Into<Shape>) -> Tensor {
    full(dtype, shape, 1.0)
}

/// `start`, `start + step`, … below `end` (above it for a negative step), each computed in `f64` and rounded once.
///
/// # Errors
/// [`OpError::Value`] for a step that is zero, not finite, or leads away from `end`.
pub fn arange(start: f64, end: f64, step: f64) -> Result<Tensor, OpError> {
    let steps = (end - start) / step;
    if !steps.is_finite() || steps < 0.0 || step == 0.0 {
        let want = format!("a finite step from {start} towards {end}");
        return Err(OpError::Value { op: "arange", arg: "step", want, got: step.to_string() });
    }
    let numbers: Vec<f32> = (0..steps.ceil() as usize).map(|i| (start + i as f64 * step) as f32).collect();
    Ok(Tensor::from_f32(&numbers, [numbers.len()]))
}

/// `steps` numbers from `start` to `end`, both included; each half is counted from its own end, so that both are met
/// exactly.
pub fn linspace(start: f64, end: f64, steps: usize) -> Tensor {
    let step = if steps > 1 { (end - start) / (steps - 1) as f64 } else { 0.0 };
    let one =
        |i: usize| if i < steps.div_ceil(2) { start + i as f64 * step } else { end - (steps - 1 - i) as f64 * step };
    Tensor::from_f32(&(0..steps).map(|i| one(i) as f32).collect::<Vec<_>>(), [steps])
}

/// Ones on the diagonal of a matrix of zeros.
pub fn eye(rows: usize, cols: usize) -> Tensor {
    let mut out = Tensor::zeros::<f32>([rows, cols]);
    out.as_f32_mut().iter_mut().step_by(cols + 1).take(rows.min(cols)).for_each(|x| *x = 1.0);
    out
}

/// A last axis of `classes` bytes, 1 where the class is the index.
///
/// # Errors
/// [`OpError`] for indices that are not `u32` or not below `classes`.
pub fn one_hot(indices: &View, classes: usize) -> Result<Tensor, OpError> {
    let ids = super::index::read("one_hot", "indices", indices, classes)?;
    let mut out = Tensor::zeros::<u8>(&[indices.shape(), &[classes]].concat()[..]);
    for (row, id) in out.as_mut_slice::<u8>().chunks_mut(classes.max(1)).zip(ids) {
        row[id as usize] = 1;
    }
    Ok(out)
}
