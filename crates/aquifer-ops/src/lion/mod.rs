//! Lion: the sign of an interpolated momentum, with decoupled weight decay.
//! Chen et al., 2023, <https://arxiv.org/abs/2302.06675>, algorithm 2; `lr` is its η, `weight_decay` its λ.

pub(crate) mod bench;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::rows::{Rows, RowsMut, each_span};
use crate::simd::simd;
use aquifer_tensor::{View, ViewMut, isa};

/// The numbers of one update.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lion {
    /// Step size: every weight moves by this much.
    pub lr: f32,
    /// How much of the momentum the direction is made of; the rest is the gradient.
    pub beta1: f32,
    /// Decay of the momentum.
    pub beta2: f32,
    /// Every weight shrinks by `lr · weight_decay` of itself.
    pub weight_decay: f32,
    /// Gradients are multiplied by this first: clipping by norm without a pass of its own.
    pub grad_scale: f32,
}

/// One update of a parameter and its momentum, in one pass over memory.
///
/// # Shapes
/// All three equally long.
///
/// # Numerics
/// Per element, each operation rounded: `g = grad·grad_scale; c = β₁m + (1−β₁)g; m = β₂m + (1−β₂)g;
/// p = p·(1 − lr·decay) − lr·sign(c)`, where the sign of a zero is zero and that of a NaN is NaN.
///
/// # Errors
/// [`OpError::Shape`] where lengths differ.
pub fn lion(cfg: &Lion, param: &mut [f32], grad: &[f32], m: &mut [f32]) -> Result<(), OpError> {
    let (shape, lengths) = ([param.len()], [grad.len(), m.len()]);
    let grad = Rows::like("lion", "grad", &View::of(grad, [lengths[0]]), "as `param`", &shape)?;
    let (mut p, mut m) = (ViewMut::of(param, shape), ViewMut::of(m, [lengths[1]]));
    let p = RowsMut::like("lion", "param", &mut p, "as itself", &shape)?;
    let m = RowsMut::like("lion", "m", &mut m, "as `param`", &shape)?;
    let (factors, isa) = (Factors::new(cfg), isa::active());
    each_span(1, shape[0], true, |row, part| {
        // SAFETY: spans are disjoint.
        let (p, m) = unsafe { (p.span(row, part.clone()), m.span(row, part.clone())) };
        update_on(isa, &factors, p, grad.span(row, part), m);
    });
    Ok(())
}

/// What the update multiplies by, computed once in `f64`.
struct Factors {
    lr: f32,
    grad_scale: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    keep: f32,
}

impl Factors {
    fn new(cfg: &Lion) -> Self {
        let rest = |beta: f32| (1.0 - f64::from(beta)) as f32;
        Factors {
            lr: cfg.lr,
            grad_scale: cfg.grad_scale,
            beta1: cfg.beta1,
            one_minus_beta1: rest(cfg.beta1),
            beta2: cfg.beta2,
            one_minus_beta2: rest(cfg.beta2),
            keep: (1.0 - f64::from(cfg.lr) * f64::from(cfg.weight_decay)) as f32,
        }
    }
}

simd! {
    fn update_on(isa: Isa, f: &Factors, p: &mut [f32], grad: &[f32], m: &mut [f32]) {
        for ((p, grad), m) in p.iter_mut().zip(grad).zip(m) {
            let g = grad * f.grad_scale;
            let c = f.beta1 * *m + f.one_minus_beta1 * g;
            *m = f.beta2 * *m + f.one_minus_beta2 * g;
            // `signum` has no zero.
            let sign = if c > 0.0 { 1.0 } else if c < 0.0 { -1.0 } else { c };
            *p = *p * f.keep - f.lr * sign;
        }
    }
}

/// The definition, in `f64`, of one element: `(p, m)` after the update.
pub fn reference(cfg: &Lion, p: f64, grad: f64, m: f64) -> (f64, f64) {
    let (beta1, beta2, lr) = (f64::from(cfg.beta1), f64::from(cfg.beta2), f64::from(cfg.lr));
    let g = grad * f64::from(cfg.grad_scale);
    let c = beta1 * m + (1.0 - beta1) * g;
    let sign = if c == 0.0 { 0.0 } else { c.signum() };
    (p - lr * (sign + f64::from(cfg.weight_decay) * p), beta2 * m + (1.0 - beta2) * g)
}
