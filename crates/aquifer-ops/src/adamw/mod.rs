//! AdamW: Adam with bias correction and decoupled weight decay.
//! Loshchilov & Hutter, 2017, <https://arxiv.org/abs/1711.05101>, algorithm 2; `lr` is its product η·α.

pub(crate) mod bench;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::math;
use crate::rows::expect_len;
use crate::simd::simd;
use aquifer_tensor::isa;
use aquifer_tensor::threads::{SendPtr, parallel_for};

/// The numbers of one update.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdamW {
    /// Step size.
    pub lr: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the mean square; in the units of the gradient.
    pub eps: f32,
    /// Every weight shrinks by `lr · weight_decay` of itself.
    pub weight_decay: f32,
    /// Which update this is; the first is 1.
    pub step: u64,
    /// Gradients are multiplied by this first: clipping by norm without a pass of its own.
    pub grad_scale: f32,
}

/// One update of a parameter and its two moments, in one pass over memory.
///
/// # Shapes
/// All four equally long.
///
/// # Numerics
/// Bias corrections in `f64`, once; then per element, each operation rounded:
/// `g = grad·grad_scale; m = β₁m + (1−β₁)g; v = β₂v + (1−β₂)g²;
/// p = p·(1 − lr·decay) − (lr/(1−β₁ᵗ))·m / (√v/√(1−β₂ᵗ) + eps)`.
///
/// # Errors
/// [`OpError::Shape`] where lengths differ, [`OpError::Value`] for a `step` of 0.
pub fn adamw(cfg: &AdamW, param: &mut [f32], grad: &[f32], m: &mut [f32], v: &mut [f32]) -> Result<(), OpError> {
    for (arg, len) in [("grad", grad.len()), ("m", m.len()), ("v", v.len())] {
        expect_len("adamw", arg, len, "as long as `param`", param.len())?;
    }
    if cfg.step == 0 {
        let want = "1 at the first update".to_string();
        return Err(OpError::Value { op: "adamw", arg: "step", want, got: "0".into() });
    }
    const TASK: usize = 16_384;
    let (factors, isa, total) = (Factors::new(cfg), isa::active(), param.len());
    let (p, m, v) = (SendPtr(param.as_mut_ptr()), SendPtr(m.as_mut_ptr()), SendPtr(v.as_mut_ptr()));
    parallel_for(total.div_ceil(TASK), |i| {
        let part = i * TASK..((i + 1) * TASK).min(total);
        let slice = |of: SendPtr<f32>| {
            // SAFETY: all are `total` long (checked above), parts are disjoint, and the slices are borrowed mutably.
            unsafe { std::slice::from_raw_parts_mut(of.get().add(part.start), part.len()) }
        };
        update_on(isa, &factors, slice(p), &grad[part.clone()], slice(m), slice(v));
    });
    Ok(())
}

/// What the update multiplies by, computed once in `f64`.
struct Factors {
    grad_scale: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    keep: f32,
    step_size: f32,
    inverse_root: f32,
    eps: f32,
}

impl Factors {
    fn new(cfg: &AdamW) -> Self {
        let (lr, beta1, beta2) = (f64::from(cfg.lr), f64::from(cfg.beta1), f64::from(cfg.beta2));
        let correction = |beta: f64| 1.0 - math::f64::pow(beta, cfg.step as f64);
        Factors {
            grad_scale: cfg.grad_scale,
            beta1: cfg.beta1,
            one_minus_beta1: (1.0 - beta1) as f32,
            beta2: cfg.beta2,
            one_minus_beta2: (1.0 - beta2) as f32,
            keep: (1.0 - lr * f64::from(cfg.weight_decay)) as f32,
            step_size: (lr / correction(beta1)) as f32,
            inverse_root: (1.0 / correction(beta2).sqrt()) as f32,
            eps: cfg.eps,
        }
    }
}

simd! {
    fn update_on(isa: Isa, f: &Factors, p: &mut [f32], grad: &[f32], m: &mut [f32], v: &mut [f32]) {
        for (((p, grad), m), v) in p.iter_mut().zip(grad).zip(m).zip(v) {
            let g = grad * f.grad_scale;
            *m = f.beta1 * *m + f.one_minus_beta1 * g;
            *v = f.beta2 * *v + f.one_minus_beta2 * (g * g);
            *p = *p * f.keep - f.step_size * *m / (v.sqrt() * f.inverse_root + f.eps);
        }
    }
}

/// The definition, in `f64`, of one element: `(p, m, v)` after the update.
pub fn reference(cfg: &AdamW, p: f64, grad: f64, m: f64, v: f64) -> (f64, f64, f64) {
    let (beta1, beta2, lr) = (f64::from(cfg.beta1), f64::from(cfg.beta2), f64::from(cfg.lr));
    let g = grad * f64::from(cfg.grad_scale);
    let m = beta1 * m + (1.0 - beta1) * g;
    let v = beta2 * v + (1.0 - beta2) * g * g;
    let m_hat = m / (1.0 - beta1.powi(cfg.step as i32));
    let v_hat = v / (1.0 - beta2.powi(cfg.step as i32));
    let decayed = p - lr * f64::from(cfg.weight_decay) * p;
    (decayed - lr * m_hat / (v_hat.sqrt() + f64::from(cfg.eps)), m, v)
}
