//! Gaussian error linear unit: `y = x · Φ(x)`, or its approximation by tanh.
//! Hendrycks & Gimpel, 2016, <https://arxiv.org/abs/1606.08415>, section 2.

pub(crate) mod bench;
mod cpu;
#[cfg(test)]
mod tests;

use crate::OpError;
use crate::rows::{Rows, RowsMut};
use aquifer_tensor::{View, ViewMut};

pub(crate) use cpu::{by_erf, by_erf_backward, by_tanh, by_tanh_backward};

const OP: &str = "gelu";
const BACKWARD: &str = "gelu_backward";

/// Which of the paper's two forms. Published checkpoints need one or the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gelu {
    /// `x · Φ(x)`: Hugging Face's `gelu`.
    Erf,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`: Hugging Face's `gelu_new` and `gelu_pytorch_tanh`.
    Tanh,
}

/// `out = gelu(x)`, element by element.
///
/// # Shapes
/// Both alike; f32, contiguous or matrices of contiguous rows.
///
/// # Numerics
/// Within 3e-6 of [`reference()`] relative to each element down to x = −4, and within 1e-9 absolute in the lower
/// tail beyond, where the argument of an exponential is rounded. Its polynomials are chains of FMA on every instruction set.
///
/// # Errors
/// [`OpError::Shape`] where they differ.
pub fn gelu(x: &View, kind: Gelu, out: &mut ViewMut) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new(OP, "x", x)?;
    let out = RowsMut::like(OP, "out", out, "as `x`", shape)?;
    cpu::forward(&x, kind, &out);
    Ok(())
}

/// The derivative of [`gelu`]; overwrites `dx`.
///
/// # Shapes
/// All three alike.
///
/// # Numerics
/// Within 1e-6 of [`reference_backward`], absolute for `dy` = 1.
///
/// # Errors
/// [`OpError::Shape`] where they differ.
pub fn gelu_backward(x: &View, kind: Gelu, dy: &View, dx: &mut ViewMut) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new(BACKWARD, "x", x)?;
    let dy = Rows::like(BACKWARD, "dy", dy, "as `x`", shape)?;
    let dx = RowsMut::like(BACKWARD, "dx", dx, "as `x`", shape)?;
    cpu::backward(&x, kind, &dy, &dx);
    Ok(())
}

/// √(2/π), the paper's.
pub(crate) const ROOT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// The paper's coefficient of the cubic term.
pub(crate) const CUBIC: f64 = 0.044715;

/// The definition, in `f64`, of one element.
pub fn reference(x: f64, kind: Gelu) -> f64 {
    match kind {
        Gelu::Erf => x * normal_cdf(x),
        Gelu::Tanh => x / 2.0 * (1.0 + (ROOT_2_OVER_PI * (x + CUBIC * x.powi(3))).tanh()),
    }
}

/// Its derivative by hand, of one element.
pub fn reference_backward(x: f64, kind: Gelu) -> f64 {
    match kind {
        Gelu::Erf => normal_cdf(x) + x * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt(),
        Gelu::Tanh => {
            let t = (ROOT_2_OVER_PI * (x + CUBIC * x.powi(3))).tanh();
            (1.0 + t) / 2.0 + x / 2.0 * (1.0 - t * t) * ROOT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x)
        }
    }
}

/// Φ(x) in `f64`: the series Φ(x) = ½ + φ(x) · Σ x^(2k+1) / (1·3·…·(2k+1)) up to |x| = 3, beyond it the
/// continued fraction of Laplace for the tail.
fn normal_cdf(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x.abs() <= 3.0 {
        let (mut term, mut sum) = (x, 0.0);
        for k in 0..80 {
            sum += term;
            term *= x * x / (2 * k + 3) as f64;
        }
        return 0.5 + density * sum;
    }
    let a = x.abs();
    let tail = density / (1..=200).rev().fold(a, |below, k| a + k as f64 / below);
    if x < 0.0 { tail } else { 1.0 - tail }
}
