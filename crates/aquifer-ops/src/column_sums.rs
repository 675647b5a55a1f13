//! The sum of every column over tokens: the gradient of a bias.

use crate::OpError;
use crate::bench::{Case, SHAPES, deviation, input, wide};
use crate::order::{Begin, TokenChains};
use crate::rows::{Rows, chain2, expect_chains, expect_len, token_sums};
use crate::simd::simd;
use aquifer_tensor::{Tensor, View, isa};
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
    token_sums(chains, begin, [out], |lane, cols, sums| sum_on(isa, &dy, lane, cols, sums));
    Ok(())
}

simd! {
    fn sum_on(isa: Isa, dy: &Rows, lane: Range<usize>, cols: Range<usize>, sums: [&mut [f32]; 1]) {
        let part = |row| dy.span(row, cols.clone());
        chain2(lane, sums, part, part, |_| (), |dy, _, ()| [dy]);
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

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    fn run(dy: &Tensor, out: &mut [f32]) {
        column_sums(&dy.view(), &TokenChains::single(dy.shape()[0], 256), Begin::Fresh, out).expect("shapes fit");
    }
    SHAPES.into_iter().map(|[t, n]| {
        Case::new("column_sums")
            .shape([t, n])
            .bytes(4 * t * n)
            .with(move || {
                let (dy, mut out) = (input([t, n]), vec![0.0; n]);
                move || run(&dy, &mut out)
            })
            .error(1e-5, move || {
                let (dy, mut out) = (input([t, n]), vec![f32::NAN; n]);
                run(&dy, &mut out);
                deviation(&out, &reference(&wide(&dy), n))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{chains, everywhere, tensor, token_sum_laws};
    use aquifer_testkit::{Tolerance, assert_close, wide};

    #[test]
    fn the_kernel_answers_to_the_definition_everywhere_and_to_the_rule() {
        for (t, n) in [(1, 1), (7, 3), (35, 67), (301, 129)] {
            let dy = tensor("dy", [t, n], 1.0);
            let sums = everywhere(|| {
                let mut out = vec![f32::NAN; n];
                column_sums(&dy.view(), &chains(t, 5, 1), Begin::Fresh, &mut out).unwrap();
                out
            });
            let close = Tolerance { absolute: 2e-5, relative: 1e-6 };
            assert_close(&sums, &reference(&wide(dy.as_f32()), n), close);
            token_sum_laws(t, 5, n, |part, chains, begin, out| {
                column_sums(&dy.view().narrow(0, part.start, part.len()), chains, begin, out).unwrap();
            });
        }
    }

    #[test]
    fn chains_must_cover_the_rows() {
        let dy = tensor("dy", [6, 2], 1.0);
        let refused = |chains: &TokenChains, begin| column_sums(&dy.view(), chains, begin, &mut [0.0; 2]).is_err();
        assert!(refused(&TokenChains::single(5, 5), Begin::Fresh));
        assert!(refused(&TokenChains { grain: 2, lanes: vec![0..2, 4..6] }, Begin::Fresh));
        assert!(refused(&chains(6, 2, 3), Begin::Continue));
        assert!(!refused(&chains(6, 2, 3), Begin::Fresh));
    }
}
