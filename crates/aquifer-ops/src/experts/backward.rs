//! The derivative of a mixture of experts.

use super::{Expert, add_scaled_on, by_expert, gathered, scattered, shapes};
use crate::order::{Begin, TokenChains};
use crate::products::each;
use crate::rows::{expect_shape, row_sum2};
use crate::simd::simd;
use crate::{OpError, PackedWeight, linear, linear_weight_grad};
use aquifer_tensor::threads::parallel_chunks;
use aquifer_tensor::{Tensor, View, isa};

const OP: &str = "fused_moe_backward";

/// What [`fused_moe_backward`] gives.
pub struct MoeGradients {
    /// `[t, d]`.
    pub x: Tensor,
    /// `[t, k]`: of every choice's weight.
    pub weights: Tensor,
    /// Of every expert's own weights; zeros where no token chose it.
    pub experts: Vec<ExpertGradient>,
}

/// The gradient of one [`Expert`].
pub struct ExpertGradient {
    /// `[2·f, d]`.
    pub gate_up: Tensor,
    /// `[d, f]`.
    pub down: Tensor,
}

/// The derivative of [`fused_moe`](super::fused_moe) by `x`, by the weights of the choices, and by every expert.
///
/// # Shapes
/// `x`, `dy: [t, d]` f32; `experts`, `weights` and `chosen` as there; `transposed`: the experts' weights packed from their
/// transposes, `gate_up: [d, 2·f]` and `down: [f, d]`.
///
/// # Numerics
/// Products as [`linear`] and [`linear_weight_grad`]; what an expert's weights gather from its tokens is one chain, in
/// ascending (token, choice). The gradient of a choice's weight is Σ inner · (dy · down) in the order of a row; a token's
/// `dx` adds its choices in ascending order. The forward pass is computed again up to the gate.
///
/// # Errors
/// [`OpError`] where shapes differ, or for an expert that is not there.
pub fn fused_moe_backward(
    x: &View,
    experts: &[Expert],
    transposed: &[Expert],
    weights: &View,
    chosen: &View,
    dy: &View,
) -> Result<MoeGradients, OpError> {
    let (rows, weights, k) = shapes(OP, x, weights, chosen)?;
    let (t, d) = (rows.rows, rows.cols);
    expect_shape(OP, "dy", dy.shape(), "as `x`", &[t, d])?;
    expect_shape(OP, "transposed", &[transposed.len()], "as many as `experts`", &[experts.len()])?;
    let dy = crate::rows::Rows::new(OP, "dy", dy)?;
    let taken = by_expert(OP, chosen, experts.len())?;
    let isa = isa::active();
    let parts = each(&taken, |i, slots| {
        let (expert, back, n, f) = (&experts[i], &transposed[i], slots.len(), experts[i].down.k());
        expert.check(OP, d)?;
        let sizes = [back.gate_up.n(), back.gate_up.k(), back.down.n(), back.down.k()];
        expect_shape(OP, "transposed", &sizes, "the sizes [d, 2·f, f, d]", &[d, 2 * f, f, d])?;
        let mut gradient =
            ExpertGradient { gate_up: Tensor::zeros::<f32>([2 * f, d]), down: Tensor::zeros::<f32>([d, f]) };
        if n == 0 {
            return Ok((Tensor::zeros::<f32>([0, d]), Vec::new(), gradient));
        }
        let matrix = |columns: usize| Tensor::recycled::<f32>([n, columns]);
        // Forward again: x · gate_upᵀ and its gate.
        let (x, mut dy) = (gathered(&rows, slots, k), gathered(&dy, slots, k));
        let (mut wide, mut inner) = (matrix(2 * f), matrix(f));
        linear(&x.view(), &expert.gate_up, None, &mut wide.view_mut())?;
        let (gate, up) = (wide.view().narrow(1, 0, f), wide.view().narrow(1, f, f));
        crate::swiglu(&gate, &up, &mut inner.view_mut())?;
        // Backward through `down`: the weight of a choice multiplies its row of `dy`.
        let mut dinner = matrix(f);
        linear(&dy.view(), &back.down, None, &mut dinner.view_mut())?;
        let slot_weights: Vec<f32> = slots.iter().map(|&slot| weights.as_f32()[slot as usize]).collect();
        let mut dots = vec![0.0; n];
        parallel_chunks(&mut dots, 1, |row, dot| {
            dot[0] = dot_on(isa, &inner.as_f32()[row * f..][..f], &dinner.as_f32()[row * f..][..f]);
        });
        for (rows, columns) in [(&mut dy, d), (&mut dinner, f)] {
            parallel_chunks(rows.as_f32_mut(), columns.max(1), |row, at| scale_on(isa, at, slot_weights[row]));
        }
        let chain = TokenChains::single(n, n);
        let summed = |dy: &View, x: &Tensor, w: &PackedWeight, dw: &mut Tensor| {
            linear_weight_grad(dy, &x.view(), &chain, Begin::Fresh, w.precision(), &mut dw.view_mut())
        };
        summed(&dy.view(), &inner, &expert.down, &mut gradient.down)?;
        // Backward through the gate and `gate_up`.
        let (mut dgate, mut dup) = (matrix(f), matrix(f));
        crate::swiglu_backward(&gate, &up, &dinner.view(), &mut dgate.view_mut(), &mut dup.view_mut())?;
        let dwide = crate::movement::cat(&[dgate.view(), dup.view()], 1)?;
        summed(&dwide.view(), &x, &expert.gate_up, &mut gradient.gate_up)?;
        let mut dx = matrix(d);
        linear(&dwide.view(), &back.gate_up, None, &mut dx.view_mut())?;
        Ok((dx, dots, gradient))
    })?;
    let terms = scattered(parts.iter().map(|(dx, ..)| dx), &taken, [t, k, d]);
    let mut dx = Tensor::zeros::<f32>([t, d]);
    parallel_chunks(dx.as_f32_mut(), d.max(1), |token, dx| {
        for slot in token * k..(token + 1) * k {
            add_scaled_on(isa, dx, 1.0, &terms.as_f32()[slot * d..(slot + 1) * d]);
        }
    });
    let mut dweights = Tensor::zeros::<f32>([t, k]);
    for ((_, dots, _), slots) in parts.iter().zip(&taken) {
        slots.iter().zip(dots).for_each(|(&slot, &dot)| dweights.as_f32_mut()[slot as usize] = dot);
    }
    Ok(MoeGradients { x: dx, weights: dweights, experts: parts.into_iter().map(|(.., gradient)| gradient).collect() })
}

simd! {
    fn dot_on(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
        row_sum2(a, b, |a, b| a * b)
    }

    fn scale_on(isa: Isa, row: &mut [f32], by: f32) {
        for at in row {
            *at *= by;
        }
    }
}
