//! Matrix products: `x · Wᵀ`, and the gradient of `W`, which sums over tokens.
//!
//! Both take their sums in the order of design.md, "Same bits, exactly": which rows are computed together, by
//! how many threads and by which instructions never changes a bit. The order inside a chain belongs to the
//! [`Precision`]; where chains are cut belongs to the weight ([`shard_count`]) or to the step ([`TokenChains`]).

pub(crate) mod bench;
mod blocks;
mod epilogue;
pub(crate) mod exact;
mod fused;
mod kernel;
mod pack;
mod portable;
pub mod ranks;
mod store;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod flushed;
#[cfg(target_arch = "x86_64")]
mod pack_avx512;

#[cfg(test)]
mod accuracy;
#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod amx_tests;
#[cfg(test)]
mod fused_tests;
#[cfg(all(test, target_os = "linux"))]
mod guard_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use crate::rows::expect_chains;
use crate::{Begin, OpError, Precision, TokenChains, shard_count};
use aquifer_tensor::{DType, View, ViewMut, isa};
use blocks::{Output, Part, Product};
use epilogue::Ending;
use pack::{Panels, Source, token_blocks};

pub use epilogue::{Activation, Epilogue};
pub use fused::{Projection, linear_gated, linear_many, linear_with};
pub use pack::PackedWeight;

/// `out = x · Wᵀ + bias`: every row of `x` against every row of the packed weight.
///
/// The gradient of `x` is the same product with the weight packed from its transpose:
/// `linear(dy, &PackedWeight::new(&w.transpose(0, 1), ..), None, dx)`.
///
/// # Shapes
/// `x: [m, k]` and `out: [m, n]`, each f32 or bf16 with its last axis contiguous; `bias: [n]`.
///
/// # Numerics
/// Operands are rounded as the weight's [`Precision`] says, sums are f32: k padded with zeros to a multiple of 32
/// and cut into the weight's shards, one ascending chain in each, shard sums joined in a binary tree of plain f32
/// additions; then the bias is added. An `out` of bf16 is rounded once, from that f32, to nearest even.
///
/// In the bf16 rungs subnormal operands count as zeros and subnormal sums inside a chain are flushed. In `f32` and
/// `bf16`, NaN and infinity propagate as in f32.
///
/// The split rungs go over a shard once for each product of pieces, the smallest first, every pass going on from
/// the sum of the one before: a1·b0, a0·b1, a0·b0 in `bf16x3`; a2·b0, a1·b1, a0·b2, a1·b0, a0·b1, a0·b0 in
/// `bf16x6` (a0 the leading piece of `x`, b0 of the weight). A NaN or an infinity in an operand makes every output
/// it reaches NaN or infinite; where a sum leaves the range of f32, they promise nothing.
///
/// Errors against f64, in units of 2⁻²⁴ of the sum of the sizes of an output's products, mean and worst over
/// thousands of outputs (`pair` order; `tile` is never worse). They hold for operands that are 0 or at least 2⁻¹⁰⁰
/// in size; what is flushed adds up to 2⁻¹²⁶ a product.
///
/// | operands, k | `f32` | `bf16x6` | `bf16x3` | `bf16` |
/// |---|---|---|---|---|
/// | normal, 2048 | 0.13, 0.73 | 0.05, 0.29 | 2.1, 9.6 | 1,070, 4,590 |
/// | in 0..1, 384 | 3.9, 18 | 2.5, 11 | 4.1, 16 | 1,900, 9,000 |
/// | in 0..1, 65536 | 6.1, 24 | 5.9, 19 | 5.8, 19 | 114, 459 |
/// | cancelling to 2⁻¹², 2048 | 0.13, 0.68 | 0.03, 0.29 | 1.2, 5.0 | 262, 1,150 |
/// | from 2⁻³⁰ to 2³⁰, 384 | 1.0, 7.4 | 1.0, 7.3 | 38, 266 | 20,600, 99,300 |
///
/// The budget, tested: 32 for `f32`, twice what `f32` makes of the same operands for `bf16x6`, 512 for `bf16x3`,
/// 2¹⁷ for `bf16`.
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above.
pub fn linear(x: &View, w: &PackedWeight, bias: Option<&[f32]>, out: &mut ViewMut) -> Result<(), OpError> {
    linear_with(x, w, Epilogue { bias, ..Epilogue::default() }, out)
}

/// `dw = dyᵀ · x`, a sum over tokens.
///
/// # Shapes
/// `dy: [t, n]`, `x: [t, k]`, each f32 or bf16 with its last axis contiguous; `dw: [n, k]`, f32, last axis
/// contiguous. `chains` covers rows `0..t`.
///
/// # Numerics
/// As [`linear`], with tokens in the place of k: one chain per lane, every grain starting a fresh block of 32
/// tokens padded with zeros, lanes joined in a binary tree. [`Begin::Continue`] starts the chain from `dw`, so
/// that a lane may come in any number of calls of whole grains. No copy of `dw` is made. The split rungs make
/// their passes grain by grain.
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above, or if several lanes are to go on from
/// one value.
pub fn linear_weight_grad(
    dy: &View,
    x: &View,
    chains: &TokenChains,
    begin: Begin,
    precision: Precision,
    dw: &mut ViewMut,
) -> Result<(), OpError> {
    const OP: &str = "linear_weight_grad";
    check_matrix(OP, "dy", dy.shape(), dy.strides(), None, None)?;
    check_float(OP, "dy", dy.dtype())?;
    check_matrix(OP, "x", x.shape(), x.strides(), Some(dy.shape()[0]), None)?;
    check_float(OP, "x", x.dtype())?;
    check_matrix(OP, "dw", dw.shape(), dw.strides(), Some(dy.shape()[1]), Some(x.shape()[1]))?;
    check_f32(OP, "dw", dw.dtype())?;
    expect_chains(OP, chains, begin, dy.shape()[0])?;
    let isa = isa::active();
    let (blocks, lanes) = token_blocks(chains);
    let mut right = Panels::new(x.shape()[1], blocks.len(), precision);
    right.fill(&Source::new(x, 0, blocks.clone()), precision, isa);
    Product {
        left: &Source::new(dy, 0, blocks),
        parts: &[Part { right: &right, columns: x.shape()[1], ending: Ending::default(), out: Output::new(dw) }],
        chains: &lanes,
        precision,
        isa,
        go_on: begin == Begin::Continue,
    }
    .run();
    Ok(())
}

/// The definition of [`linear`], in `f64`. `x: [m, k]`, `w: [n, k]`.
pub fn reference(x: &[f64], w: &[f64], bias: Option<&[f64]>, [m, n, k]: [usize; 3]) -> Vec<f64> {
    let mut out = Vec::with_capacity(m * n);
    for i in 0..m {
        for j in 0..n {
            let dot: f64 = (0..k).map(|p| x[i * k + p] * w[j * k + p]).sum();
            out.push(dot + bias.map_or(0.0, |bias| bias[j]));
        }
    }
    out
}

/// The gradients of `x`, `w` and `bias`, by hand.
pub fn reference_backward(x: &[f64], w: &[f64], dy: &[f64], [m, n, k]: [usize; 3]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut dx, mut dw, mut dbias) = (vec![0.0; m * k], vec![0.0; n * k], vec![0.0; n]);
    for i in 0..m {
        for j in 0..n {
            for p in 0..k {
                dx[i * k + p] += dy[i * n + j] * w[j * k + p];
                dw[j * k + p] += dy[i * n + j] * x[i * k + p];
            }
            dbias[j] += dy[i * n + j];
        }
    }
    (dx, dw, dbias)
}

pub(crate) fn check_matrix(
    op: &'static str,
    arg: &'static str,
    shape: &[usize],
    strides: &[usize],
    rows: Option<usize>,
    cols: Option<usize>,
) -> Result<(), OpError> {
    let fits = |want: Option<usize>, got: usize| want.is_none_or(|want| want == got);
    if shape.len() != 2 || !fits(rows, shape[0]) || !fits(cols, shape[1]) {
        let shown = |want: Option<usize>| want.map_or("any".to_owned(), |want| want.to_string());
        let want = format!("[{}, {}]", shown(rows), shown(cols));
        return Err(OpError::Shape { op, arg, want, got: shape.to_vec() });
    }
    if strides[1] != 1 && shape[1] > 1 {
        return Err(OpError::Layout { op, arg, want: "contiguous along its last axis", got: strides.to_vec() });
    }
    Ok(())
}

pub(crate) fn check_float(op: &'static str, arg: &'static str, got: DType) -> Result<(), OpError> {
    match got {
        DType::F32 | DType::Bf16 => Ok(()),
        _ => Err(OpError::DType { op, arg, want: "f32 or bf16", got }),
    }
}

pub(crate) fn check_f32(op: &'static str, arg: &'static str, got: DType) -> Result<(), OpError> {
    if got == DType::F32 { Ok(()) } else { Err(OpError::DType { op, arg, want: "f32", got }) }
}

/// What a packed weight must be made from.
fn check_weight(w: &View, same: Option<(usize, usize)>) -> Result<(), OpError> {
    const OP: &str = "PackedWeight";
    check_float(OP, "w", w.dtype())?;
    let fits = w.shape().len() == 2 && same.is_none_or(|(n, k)| w.shape() == [n, k]);
    if !fits {
        let want = same.map_or("[n, k]".to_owned(), |(n, k)| format!("[{n}, {k}]"));
        return Err(OpError::Shape { op: OP, arg: "w", want, got: w.shape().to_vec() });
    }
    Ok(())
}
