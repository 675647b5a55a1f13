//! Matrix products: `x · Wᵀ`, and the gradient of `W`, which sums over tokens.
//!
//! Both take their sums in the order of design.md, "Same bits, exactly": which rows are computed together, by
//! how many threads and by which instructions never changes a bit. The order inside a chain belongs to the
//! [`Precision`]; where chains are cut belongs to the weight ([`shard_count`]) or to the step ([`TokenChains`]).

mod blocks;
mod exact;
mod kernel;
mod pack;
mod portable;
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

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod amx_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use crate::{Begin, OpError, Precision, TokenChains, shard_count};
use aquifer_tensor::threads::SendPtr;
use aquifer_tensor::{DType, View, ViewMut, isa};
use blocks::Product;
use pack::{Panels, Source, token_blocks, whole_blocks};

pub use pack::PackedWeight;

/// `out = x · Wᵀ + bias`: every row of `x` against every row of the packed weight.
///
/// The gradient of `x` is the same product with the weight packed from its transpose:
/// `linear(dy, &PackedWeight::new(&w.transpose(0, 1), ..), None, dx)`.
///
/// # Shapes
/// `x: [m, k]`, f32 or bf16, last axis contiguous; `bias: [n]`; `out: [m, n]`, f32, last axis contiguous.
///
/// # Numerics
/// Operands are rounded as the weight's [`Precision`] says, sums are f32: k padded with zeros to a multiple of 32
/// and cut into the weight's shards, one ascending chain in each, shard sums joined in a binary tree of plain f32
/// additions; then the bias is added. In bf16, subnormal operands count as zeros and subnormal sums inside a
/// chain are flushed; NaN and infinity propagate as in f32.
///
/// # Errors
/// [`OpError`] if a shape, an element type or a layout is not as above.
pub fn linear(x: &View, w: &PackedWeight, bias: Option<&[f32]>, out: &mut ViewMut) -> Result<(), OpError> {
    const OP: &str = "linear";
    check_matrix(OP, "x", x.shape(), x.strides(), None, Some(w.k()))?;
    check_float(OP, "x", x.dtype())?;
    check_matrix(OP, "out", out.shape(), out.strides(), Some(x.shape()[0]), Some(w.n()))?;
    check_f32(OP, "out", out.dtype())?;
    if let Some(bias) = bias.filter(|bias| bias.len() != w.n()) {
        return Err(OpError::Shape { op: OP, arg: "bias", want: format!("[{}]", w.n()), got: vec![bias.len()] });
    }
    Product {
        left: &Source::new(x, 1, whole_blocks(w.k())),
        right: w.panels(),
        columns: w.n(),
        chains: &w.chains(),
        precision: w.precision(),
        isa: isa::active(),
        bias,
        go_on: false,
        stride: out.strides()[0],
        out: SendPtr(out.ptr::<f32>()),
    }
    .run();
    Ok(())
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
/// that a lane may come in any number of calls of whole grains. No copy of `dw` is made.
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
    check_chains(OP, chains, begin, dy.shape()[0])?;
    let isa = isa::active();
    let (blocks, lanes) = token_blocks(chains);
    let mut right = Panels::new(x.shape()[1], blocks.len(), precision);
    right.fill(&Source::new(x, 0, blocks.clone()), precision, isa);
    Product {
        left: &Source::new(dy, 0, blocks),
        right: &right,
        columns: x.shape()[1],
        chains: &lanes,
        precision,
        isa,
        bias: None,
        go_on: begin == Begin::Continue,
        stride: dw.strides()[0],
        out: SendPtr(dw.ptr::<f32>()),
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

fn check_chains(op: &'static str, chains: &TokenChains, begin: Begin, rows: usize) -> Result<(), OpError> {
    let wrong = |want: &str| OpError::Value { op, arg: "chains", want: want.to_owned(), got: format!("{chains:?}") };
    let joined = chains.lanes.windows(2).all(|pair| pair[0].end == pair[1].start);
    if chains.lanes.is_empty() || chains.grain == 0 || !joined || chains.rows() != (0..rows) {
        return Err(wrong(&format!("consecutive lanes of whole grains that cover rows 0..{rows}")));
    }
    if begin == Begin::Continue && chains.lanes.len() != 1 {
        return Err(wrong("a single lane, because the call goes on from an earlier value"));
    }
    Ok(())
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
