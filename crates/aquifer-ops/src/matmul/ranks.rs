//! One product by several ranks: each holds some columns of the weight, computes its part of every sum, and the
//! parts, joined in the order of the ranks, are the bits of the unsplit product.
//!
//! k is cut at shard boundaries only, so a rank's part is one branch of the product's own tree. A sum over tokens is
//! cut between lanes the same way: a rank calls [`linear_weight_grad`](super::linear_weight_grad) with its own lanes,
//! as many as every other rank, and [`join_partials`] finishes the tree.
//!
//! ```
//! use aquifer_ops::matmul::ranks::{PackedPart, RankShards, join_partials, linear_partial};
//! use aquifer_ops::order::MIN_SHARD;
//! use aquifer_ops::{PackedWeight, Precision, linear};
//! use aquifer_tensor::Tensor;
//!
//! let (x, w) = (Tensor::filled([3, 1024], 0.1_f32), Tensor::filled([5, 1024], 0.7_f32));
//! let mut parts = Vec::new();
//! for rank in 0..4 {
//!     let held = RankShards::new(1024, MIN_SHARD, rank, 4)?;
//!     let columns = held.columns();
//!     let [x, w] = [&x, &w].map(|t| t.view().narrow(1, columns.start, columns.len()));
//!     let mut part = Tensor::poisoned::<f32>([3, 5]);
//!     linear_partial(&x, &PackedPart::new(&w, &held, Precision::F32)?, &mut part.view_mut())?;
//!     parts.push(part);
//! }
//! let (mut split, mut whole) = (Tensor::poisoned::<f32>([3, 5]), Tensor::poisoned::<f32>([3, 5]));
//! join_partials(&parts.iter().map(Tensor::view).collect::<Vec<_>>(), None, &mut split.view_mut())?;
//! linear(&x.view(), &PackedWeight::new(&w.view(), MIN_SHARD, Precision::F32)?, None, &mut whole.view_mut())?;
//! assert_eq!(split.as_f32(), whole.as_f32());
//! # Ok::<(), aquifer_ops::OpError>(())
//! ```

use super::blocks::Output;
use super::exact::narrow;
use super::{PackedWeight, check_f32, check_float, check_matrix, linear};
use crate::order::{K_BLOCK, shard_count};
use crate::rows::{Rows, expect_len};
use crate::{OpError, Precision};
use aquifer_tensor::threads::parallel_for;
use aquifer_tensor::{DType, View, ViewMut};
use std::ops::Range;

/// The most parts a product is cut into: the most shards there are.
const MOST: usize = 8;

/// Which shards of a weight one of several ranks holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RankShards {
    columns: Range<usize>,
    shards: usize,
}

impl RankShards {
    /// The share of rank `rank` of `ranks` in a weight of `k` columns, whose shards are at least `min_shard` long.
    ///
    /// # Errors
    /// [`OpError::Value`] if `ranks` does not divide the weight's shards, or there is no such rank.
    pub fn new(k: usize, min_shard: usize, rank: usize, ranks: usize) -> Result<Self, OpError> {
        const OP: &str = "RankShards";
        let shards = shard_count(k, min_shard);
        if ranks == 0 || !shards.is_multiple_of(ranks) {
            let want = format!("a divisor of the {shards} shards that k = {k} is cut into");
            return Err(OpError::Value { op: OP, arg: "ranks", want, got: ranks.to_string() });
        }
        if rank >= ranks {
            return Err(OpError::Value { op: OP, arg: "rank", want: format!("below {ranks}"), got: rank.to_string() });
        }
        let each = k.div_ceil(K_BLOCK) / ranks * K_BLOCK;
        Ok(RankShards { columns: (rank * each).min(k)..((rank + 1) * each).min(k), shards: shards / ranks })
    }

    /// The columns of the weight, and of what it is multiplied with, that the rank holds.
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// How many shards they are.
    pub fn shards(&self) -> usize {
        self.shards
    }
}

/// The columns of a weight that one rank holds, packed: a [`PackedWeight`] that only [`linear_partial`] takes, because
/// its sums are not finished.
#[derive(Clone, Debug)]
pub struct PackedPart(PackedWeight);

impl PackedPart {
    /// Packs `w`: `[n, held.columns().len()]`, f32 or bf16, any strides.
    ///
    /// # Errors
    /// [`OpError`] if `w` has other columns or is not of floats.
    pub fn new(w: &View, held: &RankShards, precision: Precision) -> Result<Self, OpError> {
        let k = held.columns.len();
        if w.shape().len() != 2 || w.shape()[1] != k {
            let (want, got) = (format!("[n, {k}], the columns this rank holds"), w.shape().to_vec());
            return Err(OpError::Shape { op: "PackedPart", arg: "w", want, got });
        }
        Ok(PackedPart(PackedWeight::with_shards(w, held.shards, precision)?))
    }

    /// Packs new values of the same part into the same memory.
    ///
    /// # Errors
    /// [`OpError`] if `w` differs in shape or is not of floats.
    pub fn repack(&mut self, w: &View) -> Result<(), OpError> {
        self.0.repack(w)
    }

    /// Memory held by the packed form.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// `out =` this rank's part of `x · Wᵀ`: what [`join_partials`] makes the product of.
///
/// # Shapes
/// `x: [m, held columns]`, f32 or bf16, last axis contiguous; `out: [m, n]`, f32, last axis contiguous.
///
/// # Numerics
/// As [`linear`], over the shards held.
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above.
pub fn linear_partial(x: &View, w: &PackedPart, out: &mut ViewMut) -> Result<(), OpError> {
    check_f32("linear_partial", "out", out.dtype())?;
    linear(x, &w.0, None, out)
}

/// `out =` the sum of every rank's part, in a binary tree in the order of the ranks, then `+ bias`.
///
/// # Shapes
/// `parts`: one, two, four or eight of `[m, n]`, f32; `bias: [n]`; `out: [m, n]`, f32 or bf16; all with their last
/// axis contiguous.
///
/// # Numerics
/// Each addition is rounded to f32; an `out` of bf16 is rounded once, from the finished sum: the bits that one rank
/// with all shards (or all lanes) gives.
///
/// # Errors
/// [`OpError`] if the number of parts, a shape, an element type or a layout is not as above.
pub fn join_partials(parts: &[View], bias: Option<&[f32]>, out: &mut ViewMut) -> Result<(), OpError> {
    const OP: &str = "join_partials";
    /// Elements joined at once: they and those of seven other parts stay in the first-level cache.
    const CHUNK: usize = 256;
    if !parts.len().is_power_of_two() || parts.len() > MOST {
        let (want, got) = ("1, 2, 4 or 8 of them".to_owned(), parts.len().to_string());
        return Err(OpError::Value { op: OP, arg: "parts", want, got });
    }
    check_matrix(OP, "out", out.shape(), out.strides(), None, None)?;
    check_float(OP, "out", out.dtype())?;
    let (shape, Output { ptr: to, dtype, stride }) = (out.shape().to_vec(), Output::new(out));
    let parts = parts.iter().map(|part| Rows::like(OP, "parts", part, "`out`", &shape));
    let parts = parts.collect::<Result<Vec<Rows>, OpError>>()?;
    if let Some(bias) = bias {
        expect_len(OP, "bias", bias.len(), "`out`", shape[1])?;
    }
    let chunks = shape[1].div_ceil(CHUNK);
    parallel_for(shape[0] * chunks, |task| {
        let (row, start) = (task / chunks, task % chunks * CHUNK);
        let columns = start..(start + CHUNK).min(shape[1]);
        let mut sums = [[0.0_f32; CHUNK]; MOST];
        for (sums, part) in sums.iter_mut().zip(&parts) {
            sums[..columns.len()].copy_from_slice(part.span(row, columns.clone()));
        }
        let mut left = parts.len();
        while left > 1 {
            left /= 2;
            for at in 0..left {
                sums[at] = std::array::from_fn(|i| sums[2 * at][i] + sums[2 * at + 1][i]);
            }
        }
        let sums = &mut sums[0][..columns.len()];
        if let Some(bias) = bias {
            sums.iter_mut().zip(&bias[columns.clone()]).for_each(|(sum, bias)| *sum += bias);
        }
        // SAFETY: a task has a part of a row of `out` to itself.
        unsafe {
            let to = to.get().add((row * stride + columns.start) * dtype.size());
            if dtype == DType::F32 {
                to.cast::<f32>().copy_from_nonoverlapping(sums.as_ptr(), sums.len());
            } else {
                let to = std::slice::from_raw_parts_mut(to.cast::<u16>(), sums.len());
                to.iter_mut().zip(sums).for_each(|(to, &mut sum)| *to = narrow(sum));
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Kind, assert_same, everywhere, noise};
    use super::*;
    use crate::order::TokenChains;
    use crate::{Begin, linear_weight_grad};
    use aquifer_tensor::{Bf16, Tensor};
    use proptest::prelude::*;

    /// The product made by `ranks` ranks, in f32 and in bf16.
    fn split(
        x: &Tensor,
        w: &Tensor,
        bias: &[f32],
        min_shard: usize,
        ranks: usize,
        precision: Precision,
    ) -> [Vec<f32>; 2] {
        let (m, n, k) = (x.shape()[0], w.shape()[0], w.shape()[1]);
        let part = |rank: usize| {
            let held = RankShards::new(k, min_shard, rank, ranks).unwrap();
            let [x, w] = [x, w].map(|t| t.view().narrow(1, held.columns().start, held.columns().len()));
            let packed = PackedPart::new(&w, &held, precision).unwrap();
            let mut out = Tensor::poisoned::<f32>([m, n]);
            linear_partial(&x, &packed, &mut out.view_mut()).unwrap();
            out
        };
        let parts: Vec<Tensor> = (0..ranks).map(part).collect();
        let parts: Vec<View> = parts.iter().map(Tensor::view).collect();
        let (mut full, mut half) = (Tensor::poisoned::<f32>([m, n]), Tensor::poisoned::<Bf16>([m, n]));
        join_partials(&parts, Some(bias), &mut full.view_mut()).unwrap();
        join_partials(&parts, Some(bias), &mut half.view_mut()).unwrap();
        [full.view().to_f32_vec(), half.view().to_f32_vec()]
    }

    fn unsplit(x: &Tensor, w: &Tensor, bias: &[f32], min_shard: usize, precision: Precision) -> [Vec<f32>; 2] {
        let packed = PackedWeight::new(&w.view(), min_shard, precision).unwrap();
        let shape = [x.shape()[0], w.shape()[0]];
        let (mut full, mut half) = (Tensor::poisoned::<f32>(shape), Tensor::poisoned::<Bf16>(shape));
        linear(&x.view(), &packed, Some(bias), &mut full.view_mut()).unwrap();
        linear(&x.view(), &packed, Some(bias), &mut half.view_mut()).unwrap();
        [full.view().to_f32_vec(), half.view().to_f32_vec()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn ranks_make_the_bits_of_one(
            m in 1_usize..14,
            n in 1_usize..40,
            blocks in 2_usize..4,
            shards in 0_usize..4,
            short in 0_usize..32,
            min_shard in prop::sample::select(vec![64, 128]),
            wild in any::<bool>(),
        ) {
            // A shard of so many blocks, the last of them `short` of whole.
            let k = ((blocks * min_shard / 64 * 32) << shards) - short;
            let kind = if wild { Kind::Wild } else { Kind::Plain };
            let (x, w, bias) = (noise("x", [m, k], kind), noise("w", [n, k], kind), noise("b", [1, n], kind));
            for precision in Precision::ALL {
                let want = unsplit(&x, &w, bias.as_f32(), min_shard, precision);
                everywhere(|how| {
                    for ranks in [1, 2, 4, 8].into_iter().filter(|&ranks| shard_count(k, min_shard).is_multiple_of(ranks)) {
                        let got = split(&x, &w, bias.as_f32(), min_shard, ranks, precision);
                        for (got, want) in got.iter().zip(&want) {
                            assert_same(got, want, format!("{m} × {n} × {k} by {ranks} ranks, {precision}, {how}"));
                        }
                    }
                });
            }
        }

        #[test]
        fn ranks_with_whole_lanes_make_the_gradient_of_one(
            n in 1_usize..40,
            k in 1_usize..70,
            grain in 1_usize..50,
            grains in 1_usize..3,
        ) {
            let lane = grain * grains;
            let t = 8 * lane;
            let (dy, x) = (noise("dy", [t, n], Kind::Plain), noise("x", [t, k], Kind::Plain));
            let sum = |rows: Range<usize>, lanes: usize, precision| {
                let chains = TokenChains { grain, lanes: (0..lanes).map(|l| l * lane..(l + 1) * lane).collect() };
                let (dy, x) = (dy.view().narrow(0, rows.start, rows.len()), x.view().narrow(0, rows.start, rows.len()));
                let mut dw = Tensor::poisoned::<f32>([n, k]);
                linear_weight_grad(&dy, &x, &chains, Begin::Fresh, precision, &mut dw.view_mut()).unwrap();
                dw
            };
            for precision in Precision::ALL {
                let want = sum(0..t, 8, precision);
                everywhere(|how| {
                    for ranks in [2, 4, 8] {
                        let each = t / ranks;
                        let part = |rank: usize| sum(rank * each..(rank + 1) * each, 8 / ranks, precision);
                        let parts: Vec<Tensor> = (0..ranks).map(part).collect();
                        let mut dw = Tensor::poisoned::<f32>([n, k]);
                        let parts: Vec<View> = parts.iter().map(Tensor::view).collect();
                        join_partials(&parts, None, &mut dw.view_mut()).unwrap();
                        assert_same(dw.as_f32(), want.as_f32(), format!("{n} × {k} by {ranks}, {precision}, {how}"));
                    }
                });
            }
        }
    }

    /// Every product that ranks can share, at the sizes of real layers: 8 shards, the last of them not full.
    #[test]
    fn eight_ranks_share_a_layer() {
        let (m, n, k) = (33, 130, 2047);
        let (x, w, bias) =
            (noise("x", [m, k], Kind::Plain), noise("w", [n, k], Kind::Plain), noise("b", [1, n], Kind::Plain));
        for precision in Precision::ALL {
            let want = unsplit(&x, &w, bias.as_f32(), 256, precision);
            for ranks in [2, 4, 8] {
                assert_eq!(split(&x, &w, bias.as_f32(), 256, ranks, precision), want, "{ranks} ranks, {precision}");
            }
        }
    }

    #[test]
    fn cuts_inside_a_shard_are_refused_with_the_reason() {
        let refused = RankShards::new(768, 256, 0, 4).unwrap_err().to_string();
        assert_eq!(
            refused,
            "RankShards: `ranks` should be a divisor of the 2 shards that k = 768 is cut into, but is 4"
        );
        assert!(RankShards::new(768, 256, 0, 0).is_err() && RankShards::new(768, 256, 2, 2).is_err());
        let held = RankShards::new(1000, 256, 3, 4).unwrap();
        assert_eq!((held.columns(), held.shards()), (768..1000, 1));
        let (w, part) = (Tensor::zeros::<f32>([4, 256]), Tensor::zeros::<f32>([2, 4]));
        assert!(PackedPart::new(&w.view(), &held, Precision::F32).is_err());
        let mut out = Tensor::poisoned::<f32>([2, 4]);
        for n in [0, 3, 16] {
            assert!(
                join_partials(&(0..n).map(|_| part.view()).collect::<Vec<_>>(), None, &mut out.view_mut()).is_err()
            );
        }
        assert!(join_partials(&[part.view(), part.view()], Some(&[0.0; 3]), &mut out.view_mut()).is_err());
    }
}
