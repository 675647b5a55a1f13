//! The sum of every column over tokens: the gradient of a bias.

use crate::OpError;
use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, chain2, expect_chains, expect_len, token_sums};
use crate::simd::simd;
use aquifer_tensor::{View, isa};
use std::ops::Range;

/// `out[j] = Σₜ dy[t, j]`.
///
/// # Shapes
/// `dy: [t, n]` f32, rows contiguous; `out: [n]`.
///
/// # Numerics
/// A sum over tokens: one chain of f32 additions a lane, lanes in the tree; see [`crate::order`].
///
/// # Errors
/// [`OpError`] where shapes differ, or where `chains` does not cover the rows.
pub fn column_sums(dy: &View, chains: &TokenChains, begin: Begin, out: &mut [f32]) -> Result<(), OpError> {
    let dy = Rows::new("column_sums", "dy", dy)?;
    expect_len("column_sums", "out", out.len(), "one for every column of `dy`", dy.cols)?;
    expect_chains("column_sums", chains, begin, dy.rows)?;
    let isa = isa::active();
    token_sums(chains, begin, out, |lane, cols, sums| sum_on(isa, &dy, lane, cols, sums));
    Ok(())
}

simd! {
    fn sum_on(isa: Isa, dy: &Rows, lane: Range<usize>, cols: Range<usize>, sums: &mut [f32]) {
        let part = |row| dy.span(row, cols.clone());
        chain2(lane, sums, part, part, |_| (), |dy, _, ()| dy);
    }
}

/// The definition, in `f64`.
pub fn reference(dy: &[f64], n: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n];
    for row in dy.chunks(n) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    sums
}
