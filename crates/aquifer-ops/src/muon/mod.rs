//! Muon: momentum, made orthogonal by Newton and Schulz's iteration, for the hidden matrices of a network.
//! Jordan, 2024, <https://kellerjordan.github.io/posts/muon/>; the step's length is that of Liu et al., 2025,
//! <https://arxiv.org/abs/2502.16982>, section 2.2, which lets it share AdamW's learning rate and decay.

#[cfg(test)]
mod tests;

use crate::matmul::{PackedWeight, linear};
use crate::movement::to_copy;
use crate::order::MIN_SHARD;
use crate::rows::{Rows, RowsMut, each_span, expect_shape};
use crate::simd::simd;
use crate::square_sum::square_sum;
use crate::{OpError, Precision};
use aquifer_tensor::{DType, Tensor, View, ViewMut, isa};

/// Of `X ← aX + (bA + cA²)X` with `A = X·Xᵀ`: Jordan's, which raise small singular values fastest.
pub const COEFFICIENTS: [f32; 3] = [3.4445, -4.775, 2.0315];

/// Iterations: singular values then lie between about 0.7 and 1.2.
pub const ITERATIONS: usize = 5;

/// A matrix of smaller norm is divided by this instead.
const LEAST_NORM: f64 = 1e-7;

const OP: &str = "muon";

/// The numbers of one update.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Muon {
    /// Step size, as AdamW's.
    pub lr: f32,
    /// Decay of the momentum.
    pub momentum: f32,
    /// Every weight shrinks by `lr · weight_decay` of itself.
    pub weight_decay: f32,
    /// Gradients are multiplied by this first: clipping by norm without a pass of its own.
    pub grad_scale: f32,
    /// Rounding of the iteration's products.
    pub precision: Precision,
}

/// One update of a matrix and its momentum.
///
/// # Shapes
/// All three `[n, k]`, contiguous f32.
///
/// # Numerics
/// With `g = grad·grad_scale`: `m = μm + (1−μ)g`, then Nesterov's `u = μm + (1−μ)g`, both in one pass; `X` is `u` over
/// its Frobenius norm (squares in `f64`), transposed if it is tall; five iterations with [`COEFFICIENTS`], whose
/// products are [`linear`]'s in `precision` and whose sums of matrices round each operation; and
/// `p = p·(1 − lr·decay) − lr·0.2·√max(n, k)·X`.
///
/// # Errors
/// [`OpError::Shape`] where shapes differ or are no matrices.
pub fn muon(cfg: &Muon, param: &mut ViewMut, grad: &View, m: &mut ViewMut) -> Result<(), OpError> {
    let shape = param.shape().to_vec();
    let [n, k] = shape[..] else {
        return Err(OpError::Shape { op: OP, arg: "param", want: "[n, k]".to_owned(), got: shape });
    };
    let mut update = momentum(cfg, grad, m, &shape)?;
    let norm = square_sum(&update.view(), 1)?.sqrt().max(LEAST_NORM);
    crate::scale(&update.clone().view(), (1.0 / norm) as f32, &mut update.view_mut())?;
    let orthogonal = orthogonalised(&update.view(), cfg.precision)?;
    let step = f64::from(cfg.lr) * 0.2 * (n.max(k) as f64).sqrt();
    let keep = (1.0 - f64::from(cfg.lr) * f64::from(cfg.weight_decay)) as f32;
    combine(param, keep, &orthogonal.view(), -step as f32)
}

/// Updates the momentum and returns what the step goes along.
fn momentum(cfg: &Muon, grad: &View, m: &mut ViewMut, shape: &[usize]) -> Result<Tensor, OpError> {
    let mut update = Tensor::recycled::<f32>(shape);
    let mut window = update.view_mut();
    let grad = Rows::like(OP, "grad", grad, "as `param`", shape)?;
    let m = RowsMut::like(OP, "m", m, "as `param`", shape)?;
    let out = RowsMut::like(OP, "update", &mut window, "as `param`", shape)?;
    let (isa, rest) = (isa::active(), (1.0 - f64::from(cfg.momentum)) as f32);
    each_span(grad.rows, grad.cols, grad.dense() && m.dense(), |row, part| {
        // SAFETY: spans are disjoint.
        let (m, out) = unsafe { (m.span(row, part.clone()), out.span(row, part.clone())) };
        momentum_on(isa, [cfg.momentum, rest, cfg.grad_scale], grad.span(row, part), m, out);
    });
    Ok(update)
}

/// Newton and Schulz's iteration on a matrix of norm one at most: its singular values come near one, its singular
/// vectors stay.
///
/// # Errors
/// [`OpError`] if `x` is no matrix of floats.
pub fn orthogonalised(x: &View, precision: Precision) -> Result<Tensor, OpError> {
    let [a, b, c] = COEFFICIENTS;
    let [rows, cols] = *x.shape() else {
        return Err(OpError::Shape { op: OP, arg: "x", want: "[n, k]".to_owned(), got: x.shape().to_vec() });
    };
    let tall = rows > cols;
    let mut x = to_copy(&if tall { x.transpose(0, 1) } else { *x }, DType::F32);
    let shape @ [r, _] = [rows.min(cols), rows.max(cols)];
    let product = |left: &Tensor, right: &View, out: &mut Tensor| {
        linear(&left.view(), &PackedWeight::new(right, MIN_SHARD, precision)?, None, &mut out.view_mut())
    };
    let (mut gram, mut square) = (Tensor::recycled::<f32>([r, r]), Tensor::recycled::<f32>([r, r]));
    let mut turned = Tensor::recycled::<f32>(shape);
    for _ in 0..ITERATIONS {
        product(&x, &x.view(), &mut gram)?;
        // The same two operands meet in the same order on both sides of the diagonal, so A is its own transpose.
        product(&gram, &gram.view(), &mut square)?;
        let mut mix = gram.view_mut();
        combine(&mut mix, b, &square.view(), c)?;
        product(&gram, &x.view().transpose(0, 1), &mut turned)?;
        combine(&mut x.view_mut(), a, &turned.view(), 1.0)?;
    }
    Ok(if tall { to_copy(&x.view().transpose(0, 1), DType::F32) } else { x })
}

/// `x = keep·x + by·y`, two multiplications and an addition, each rounded.
fn combine(x: &mut ViewMut, keep: f32, y: &View, by: f32) -> Result<(), OpError> {
    let shape = x.shape().to_vec();
    expect_shape(OP, "update", y.shape(), "as `param`", &shape)?;
    let (y, x) = (Rows::new(OP, "update", y)?, RowsMut::like(OP, "param", x, "as itself", &shape)?);
    let isa = isa::active();
    each_span(y.rows, y.cols, x.dense() && y.dense(), |row, part| {
        // SAFETY: spans are disjoint.
        combine_on(isa, [keep, by], unsafe { x.span(row, part.clone()) }, y.span(row, part));
    });
    Ok(())
}

simd! {
    fn momentum_on(isa: Isa, factors: [f32; 3], grad: &[f32], m: &mut [f32], out: &mut [f32]) {
        let [mu, rest, scale] = factors;
        for ((out, m), grad) in out.iter_mut().zip(m).zip(grad) {
            let fresh = rest * (grad * scale);
            *m = mu * *m + fresh;
            *out = mu * *m + fresh;
        }
    }

    fn combine_on(isa: Isa, factors: [f32; 2], x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x = factors[0] * *x + factors[1] * y;
        }
    }
}

/// The definition, in `f64`: `(p, m)` after the update, all `[n, k]`.
pub fn reference(cfg: &Muon, p: &[f64], grad: &[f64], m: &[f64], [n, k]: [usize; 2]) -> (Vec<f64>, Vec<f64>) {
    let (mu, lr) = (f64::from(cfg.momentum), f64::from(cfg.lr));
    let g = |i: usize| (1.0 - mu) * grad[i] * f64::from(cfg.grad_scale);
    let m: Vec<f64> = m.iter().enumerate().map(|(i, m)| mu * m + g(i)).collect();
    let u: Vec<f64> = m.iter().enumerate().map(|(i, m)| mu * m + g(i)).collect();
    let norm = u.iter().map(|u| u * u).sum::<f64>().sqrt().max(LEAST_NORM);
    // One side is enough: X·(aI + …) and (aI + …)·X are the same odd polynomial of X.
    let mut x: Vec<f64> = u.iter().map(|u| u / norm).collect();
    let [a, b, c] = COEFFICIENTS.map(f64::from);
    let product = |l: &[f64], r: &[f64], [rows, inner, cols]: [usize; 3]| -> Vec<f64> {
        (0..rows * cols)
            .map(|at| (0..inner).map(|i| l[at / cols * inner + i] * r[i * cols + at % cols]).sum())
            .collect()
    };
    for _ in 0..ITERATIONS {
        let x_t: Vec<f64> = (0..n * k).map(|at| x[at % n * k + at / n]).collect();
        let gram = product(&x, &x_t, [n, k, n]);
        let square = product(&gram, &gram, [n, n, n]);
        let mix: Vec<f64> = gram.iter().zip(&square).map(|(g, s)| b * g + c * s).collect();
        let turned = product(&mix, &x, [n, n, k]);
        x.iter_mut().zip(&turned).for_each(|(x, t)| *x = a * *x + t);
    }
    let step = lr * 0.2 * (n.max(k) as f64).sqrt();
    let keep = 1.0 - lr * f64::from(cfg.weight_decay);
    (p.iter().zip(&x).map(|(p, x)| keep * p - step * x).collect(), m)
}
