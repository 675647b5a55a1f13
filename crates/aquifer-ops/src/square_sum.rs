//! The sum of squares of a tensor in `f64`: one part of a gradient's norm.

use crate::OpError;
use crate::bench::{CHECKED_ROWS, Case, input, wide};
use crate::order::K_BLOCK;
use crate::rows::{Rows, TreeSum, each_row, row_sum};
use crate::simd::simd;
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{Tensor, View, isa};

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
    let count = x.rows * shards;
    let mut parts = Tensor::recycled::<u8>([count * size_of::<f64>()]);
    let (slots, isa) = (SendPtr(parts.as_mut_slice::<u8>().as_mut_ptr().cast::<f64>()), isa::active());
    each_row(x.rows, x.cols, |i| {
        for s in 0..shards {
            let part = (s * shard).min(x.cols)..((s + 1) * shard).min(x.cols);
            // SAFETY: every row's slots are one task's.
            unsafe { *slots.get().add(i * shards + s) = squares_on(isa, x.span(i, part)) };
        }
    });
    let mut sum = TreeSum::new();
    // SAFETY: the tensor has room for so many, aligned to cache lines, and the loop above wrote them.
    unsafe { std::slice::from_raw_parts(slots.get(), count) }.iter().for_each(|&part| sum.push(part));
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

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [[384, 1536], [8192, 2048]].into_iter().map(|[n, k]| {
        Case::new("square_sum")
            .shape([n, k])
            .bytes(4 * n * k)
            .with(move || {
                let x = input([n, k]);
                move || _ = std::hint::black_box(square_sum(&x.view(), 1).expect("a matrix"))
            })
            .error(1e-12, || {
                let x = input([CHECKED_ROWS, 1536]);
                let (got, want) = (square_sum(&x.view(), 1).expect("a matrix"), reference(&wide(&x)));
                (got - want).abs() / want
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};
    use aquifer_testkit::wide;

    /// A sum in two halves of 32 bits each, so that bits can be compared as those of `f32`s are.
    fn bits(x: f64) -> Vec<f32> {
        vec![f32::from_bits((x.to_bits() >> 32) as u32), f32::from_bits(x.to_bits() as u32)]
    }

    #[test]
    fn the_kernel_answers_to_the_definition_everywhere() {
        for (rows, cols, shards) in [(1, 1, 1), (7, 63, 1), (33, 513, 2), (5, 2048, 8), (0, 4, 1)] {
            let x = tensor("x", [rows, cols], 3.0);
            everywhere(|| bits(square_sum(&x.view(), shards).unwrap()));
            let (got, want) = (square_sum(&x.view(), shards).unwrap(), reference(&wide(x.as_f32())));
            assert!((got - want).abs() <= 1e-13 * want, "{got} {want}");
        }
    }

    /// The promise to a rank that holds some of the shards: its part of a row's sum is a leaf of the same tree.
    #[test]
    fn shards_are_leaves_of_the_tree() {
        let x = tensor("x", [3, 1024], 1.0);
        let leaf = |row, shard: usize| square_sum(&x.view().narrow(0, row, 1).narrow(1, shard * 512, 512), 1).unwrap();
        let leaves = (0..3).flat_map(|row| [leaf(row, 0), leaf(row, 1)]);
        assert_eq!(crate::order::tree(leaves, |a, b| a + b), Some(square_sum(&x.view(), 2).unwrap()));
    }
}
