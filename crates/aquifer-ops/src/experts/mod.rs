//! Mixtures of experts: tokens sorted by expert, and the experts' products. Dropless, in global token order.

mod backward;
mod reference;
#[cfg(test)]
mod tests;

use crate::products::each;
use crate::rows::{Rows, expect_shape};
use crate::simd::simd;
use crate::{OpError, PackedWeight};
use aquifer_tensor::threads::parallel_chunks;
use aquifer_tensor::{DType, Tensor, View, isa};

pub use backward::{ExpertGradient, MoeGradients, fused_moe_backward};
pub use reference::{Weights, reference, reference_backward};

/// Marks a place of [`AlignedTokens`] that no token fills.
pub const EMPTY: u32 = u32::MAX;

/// Which (token, choice) pairs each expert takes, padded to whole blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlignedTokens {
    /// `token · k + choice`, grouped by expert and ascending inside each; [`EMPTY`] fills up the last block of each.
    pub slots: Vec<u32>,
    /// The expert of each block.
    pub block_experts: Vec<u32>,
}

/// Groups the choices of tokens by expert into blocks of `block`, in ascending (token, choice).
///
/// # Shapes
/// `experts: [t, k]` u32, each below `n_experts`.
///
/// # Errors
/// [`OpError`] for an expert that is not there, other indices than u32, or a block of 0.
pub fn moe_align_block_size(experts: &View, n_experts: usize, block: usize) -> Result<AlignedTokens, OpError> {
    let op = "moe_align_block_size";
    if block == 0 {
        return Err(OpError::Value { op, arg: "block", want: "at least 1".into(), got: "0".into() });
    }
    let mut taken = by_expert(op, experts, n_experts)?;
    let block_experts =
        taken.iter().zip(0..).flat_map(|(slots, expert)| vec![expert; slots.len().div_ceil(block)]).collect();
    taken.iter_mut().for_each(|slots| slots.resize(slots.len().next_multiple_of(block), EMPTY));
    Ok(AlignedTokens { slots: taken.concat(), block_experts })
}

/// One expert: a SwiGLU feed-forward layer.
pub struct Expert {
    /// `[2·f, d]` packed: the rows of the gate, then those of the linear part.
    pub gate_up: PackedWeight,
    /// `[d, f]` packed.
    pub down: PackedWeight,
}

/// `out[t] = Σ weights[t, i] · down(swiglu(gate_up(x[t])))` over the experts `i` that token `t` chose.
///
/// # Shapes
/// `x: [t, d]` f32; `weights: [t, k]` f32; `chosen: [t, k]` u32; the result `[t, d]`.
///
/// # Numerics
/// Experts are computed one after the other by all threads, or many at once, each by one. Products are
/// [`crate::linear()`] of all of an expert's tokens at once, the gate [`crate::swiglu()`]; a token's terms
/// are multiplied by their weights and added in ascending choice, each operation rounded. So a token's result does not
/// depend on the others.
///
/// # Errors
/// [`OpError`] where shapes differ, or for an expert that is not there.
pub fn fused_moe(x: &View, experts: &[Expert], weights: &View, chosen: &View) -> Result<Tensor, OpError> {
    let op = "fused_moe";
    let (rows, weights, k) = shapes(op, x, weights, chosen)?;
    let (t, d) = (rows.rows, rows.cols);
    let taken = by_expert(op, chosen, experts.len())?;
    let results = each(&taken, |i, slots| {
        let (expert, n, width) = (&experts[i], slots.len(), experts[i].down.k());
        expert.check(op, d)?;
        let mut result = gathered(&rows, slots, k);
        if n > 0 {
            let (mut wide, mut inner) = (Tensor::recycled::<f32>([n, 2 * width]), Tensor::recycled::<f32>([n, width]));
            crate::linear(&result.view(), &expert.gate_up, None, &mut wide.view_mut())?;
            let wide = wide.view();
            crate::swiglu(&wide.narrow(1, 0, width), &wide.narrow(1, width, width), &mut inner.view_mut())?;
            crate::linear(&inner.view(), &expert.down, None, &mut result.view_mut())?;
        }
        Ok(result)
    })?;
    let terms = scattered(results.iter(), &taken, [t, k, d]);
    let (mut out, isa) = (Tensor::zeros::<f32>([t, d]), isa::active());
    let (terms, weights) = (terms.as_f32(), weights.as_f32());
    parallel_chunks(out.as_f32_mut(), d.max(1), |token, out| {
        for slot in token * k..(token + 1) * k {
            add_scaled_on(isa, out, weights[slot], &terms[slot * d..(slot + 1) * d]);
        }
    });
    Ok(out)
}

impl Expert {
    fn check(&self, op: &'static str, d: usize) -> Result<(), OpError> {
        let sizes = [self.gate_up.n(), self.gate_up.k(), self.down.n()];
        expect_shape(op, "experts", &sizes, "the sizes [2·f, d, d]", &[2 * self.down.k(), d, d])
    }
}

/// Rows of `x`, the weights of the choices in f32, and the number of choices a token.
fn shapes<'a>(
    op: &'static str,
    x: &View<'a>,
    weights: &View,
    chosen: &View,
) -> Result<(Rows<'a>, Tensor, usize), OpError> {
    let rows = Rows::new(op, "x", x)?;
    let (t, d) = (rows.rows, rows.cols);
    expect_shape(op, "x", x.shape(), "a matrix", &[t, d])?;
    let k = chosen.shape().last().copied().unwrap_or(0);
    expect_shape(op, "chosen", chosen.shape(), "a row of experts for every token", &[t, k])?;
    expect_shape(op, "weights", weights.shape(), "as `chosen`", chosen.shape())?;
    Ok((rows, crate::strided::convert(weights, DType::F32), k))
}

/// The rows of `slots`' tokens.
fn gathered(rows: &Rows, slots: &[u32], k: usize) -> Tensor {
    let mut out = Tensor::recycled::<f32>([slots.len(), rows.cols]);
    let gather = |i: usize, row: &mut [f32]| row.copy_from_slice(rows.row(slots[i] as usize / k));
    parallel_chunks(out.as_f32_mut(), rows.cols.max(1), gather);
    out
}

/// The result of every (token, choice): each is of the one expert that was chosen.
fn scattered<'a>(results: impl Iterator<Item = &'a Tensor>, taken: &[Vec<u32>], [t, k, d]: [usize; 3]) -> Tensor {
    let mut terms = Tensor::recycled::<f32>([t, k, d]);
    for (result, slots) in results.zip(taken) {
        for (row, &slot) in result.as_f32().chunks(d.max(1)).zip(slots) {
            terms.as_f32_mut()[slot as usize * d..][..d].copy_from_slice(row);
        }
    }
    terms
}

simd! {
    fn add_scaled_on(isa: Isa, out: &mut [f32], weight: f32, term: &[f32]) {
        for (out, term) in out.iter_mut().zip(term) {
            *out += weight * term;
        }
    }
}

/// The (token, choice) pairs of every expert, ascending.
fn by_expert(op: &'static str, experts: &View, n: usize) -> Result<Vec<Vec<u32>>, OpError> {
    if experts.dtype() != DType::U32 {
        return Err(OpError::DType { op, arg: "experts", want: "u32", got: experts.dtype() });
    }
    let mut taken = vec![Vec::new(); n];
    for (slot, &expert) in crate::movement::contiguous(experts).as_slice::<u32>().iter().enumerate() {
        let Some(slots) = taken.get_mut(expert as usize) else {
            let want = format!("below {n}");
            return Err(OpError::Value { op, arg: "experts", want, got: format!("{expert} at choice {slot}") });
        };
        slots.push(slot as u32);
    }
    Ok(taken)
}
