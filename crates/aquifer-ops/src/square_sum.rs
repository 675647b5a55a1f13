//! The sum of squares of a tensor in `f64`: one part of a gradient's norm.

use crate::OpError;
use crate::order::K_BLOCK;
use crate::rows::{Rows, TreeSum, each_row, row_sum};
use crate::simd::simd;
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{View, isa};

/// Σ x² over the whole of `x`.
///
/// # Shapes
/// `x: [.., n]` f32, contiguous or a matrix of contiguous rows. `shards` is the weight's
/// [`crate::shard_count`] along its last axis; 1 for vectors.
///
/// # Numerics
/// Squares and sums in `f64`: each row's part in each shard in the order of a row, then one tree over
/// (row, shard).
///
/// # Errors
/// [`OpError::Value`] for zero shards; [`OpError::DType`] or [`OpError::Layout`] for views without a kernel.
pub fn square_sum(x: &View, shards: usize) -> Result<f64, OpError> {
    let x = Rows::new("square_sum", "x", x)?;
    if shards == 0 {
        let want = "at least 1".to_string();
        return Err(OpError::Value { op: "square_sum", arg: "shards", want, got: "0".into() });
    }
    // A shard is cut from k padded to whole blocks; the last one may be short.
    let shard = (x.cols.div_ceil(K_BLOCK) * K_BLOCK).div_ceil(shards).max(1);
    let mut parts = vec![0.0; x.rows * shards];
    let (slots, isa) = (SendPtr(parts.as_mut_ptr()), isa::active());
    each_row(x.rows, x.cols, |i| {
        for s in 0..shards {
            let part = (s * shard).min(x.cols)..((s + 1) * shard).min(x.cols);
            // SAFETY: every row's slots are one task's.
            unsafe { *slots.get().add(i * shards + s) = squares_on(isa, x.span(i, part)) };
        }
    });
    let mut sum = TreeSum::new();
    parts.into_iter().for_each(|part| sum.push(part));
    Ok(sum.finish())
}

simd! {
    fn squares_on(isa: Isa, x: &[f32]) -> f64 {
        row_sum(x, |x| f64::from(x) * f64::from(x))
    }
}

/// The definition, in `f64`.
pub fn reference(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}
