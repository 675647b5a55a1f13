//! Reductions of a row to one number.

use super::fold::Fold;
use super::long::{map_on, sum_on};
use crate::OpError;
use crate::math::{exp, log, pow};
use crate::strided::{convert, expect_float};
use aquifer_tensor::{DType, Isa, Tensor, View, isa};
use std::ops::Add;

/// A reduction of every row to one number, given one parameter.
pub struct Reduction {
    /// Its name.
    pub name: &'static str,
    /// Its function in this crate.
    pub path: &'static str,
    /// The function of its derivative.
    pub backward_path: &'static str,
    /// The definition, in `f64`.
    pub definition: fn(&[f64], f64) -> f64,
    /// Its derivative by hand.
    pub derivative: fn(&[f64], f64) -> Vec<f64>,
    /// How far a result may lie from the definition, in units of 2⁻²⁴ of the scale of its terms.
    pub error: f64,
    /// What the terms are measured by: for a row, the definition of the same reduction without cancellation.
    pub scale: fn(&[f64], f64) -> f64,
    /// Between which numbers the tests try it, and with which parameters.
    pub domain: (f64, f64, &'static [f32]),
    /// Whether a row without elements has a result.
    pub empty: bool,
    forward: fn(Isa, &[f32], f32) -> f32,
    backward: fn(Isa, &[f32], f32, f32, f32, &mut [f32]),
}

impl Reduction {
    /// One number from every row; see the module for `axes` and `keep`.
    ///
    /// # Errors
    /// [`OpError`] for an axis that is not there or is named twice, for integers, and for rows without elements where
    /// the reduction has no neutral element.
    pub fn forward(&self, x: &View, axes: &[usize], p: f32, keep: bool) -> Result<Tensor, OpError> {
        let fold = Fold::new(self.name, x, axes, keep)?;
        if fold.cols == 0 && !self.empty && fold.rows > 0 {
            let want = "at least one element in every row".to_string();
            return Err(OpError::Shape { op: self.name, arg: "x", want, got: x.shape().to_vec() });
        }
        let isa = isa::active();
        Ok(fold.collect(x, x.dtype(), |row| (self.forward)(isa, row, p)))
    }

    /// The derivative of [`Reduction::forward`] at `x`, times `dy`, which has the result's shape (with or without
    /// the axes of 1).
    ///
    /// # Errors
    /// As [`Reduction::forward`], and where the shapes differ.
    pub fn backward(&self, x: &View, axes: &[usize], p: f32, dy: &View) -> Result<Tensor, OpError> {
        let fold = Fold::new(self.name, x, axes, false)?;
        expect_float(self.name, "dy", dy.dtype())?;
        if dy.numel() != fold.rows {
            let want = format!("{:?}, as the result", fold.shape);
            return Err(OpError::Shape { op: self.name, arg: "dy", want, got: dy.shape().to_vec() });
        }
        let (dy, isa) = (convert(dy, DType::F32), isa::active());
        let dy = dy.as_f32();
        Ok(fold.map_rows([x], x.dtype(), |row, [x], dx| {
            // The derivative is taken at the result in f32, not at its rounding to bf16.
            (self.backward)(isa, x, (self.forward)(isa, x, p), p, dy[row], dx);
        }))
    }
}

/// A number whose neighbours are joined by multiplication.
#[derive(Clone, Copy)]
struct Factor(f32);

impl Default for Factor {
    fn default() -> Self {
        Factor(1.0)
    }
}

impl Add for Factor {
    type Output = Factor;
    #[inline(always)]
    #[allow(clippy::suspicious_arithmetic_impl)]
    fn add(self, other: Factor) -> Factor {
        Factor(self.0 * other.0)
    }
}

/// A number whose neighbours are joined by taking the larger; NaN is larger than all.
#[derive(Clone, Copy)]
struct Largest(f32);

impl Default for Largest {
    fn default() -> Self {
        Largest(f32::NEG_INFINITY)
    }
}

impl Add for Largest {
    type Output = Largest;
    #[inline(always)]
    #[allow(clippy::suspicious_arithmetic_impl)]
    fn add(self, other: Largest) -> Largest {
        Largest(if self.0 >= other.0 || self.0.is_nan() { self.0 } else { other.0 })
    }
}

/// The largest element; NaN if there is one, −∞ without any.
pub(super) fn largest(isa: Isa, x: &[f32]) -> f32 {
    sum_on(isa, x, Largest).0
}

/// The smallest element; NaN if there is one, +∞ without any.
pub(super) fn smallest(isa: Isa, x: &[f32]) -> f32 {
    -sum_on(isa, x, |x| Largest(-x)).0
}

fn mean_of(isa: Isa, x: &[f32]) -> f32 {
    sum_on(isa, x, |x| x) / x.len() as f32
}

/// Σ (x − mean)² / (n − correction), in a second pass over the row.
fn variance(isa: Isa, x: &[f32], correction: f32) -> f32 {
    let mean = mean_of(isa, x);
    sum_on(isa, x, |x| (x - mean) * (x - mean)) / (x.len() as f32 - correction).max(0.0)
}

/// `log Σ exp(x − max) + max`.
fn log_sum_exp(isa: Isa, x: &[f32]) -> f32 {
    let max = largest(isa, x);
    let shift = if max.is_infinite() { 0.0 } else { max };
    log(sum_on(isa, x, |x| exp(x - shift))) + shift
}

/// (Σ |x|ᵖ)^(1/p) by `f64` sums; p = 0 counts what is not zero, ±∞ takes the extreme.
fn norm_of(isa: Isa, x: &[f32], p: f32) -> f32 {
    if p == 2.0 {
        sum_on(isa, x, |x| f64::from(x) * f64::from(x)).sqrt() as f32
    } else if p == 1.0 {
        sum_on(isa, x, |x| f64::from(x.abs())) as f32
    } else if p == 0.0 {
        sum_on(isa, x, |x| if x == 0.0 { 0.0 } else { 1.0_f64 }) as f32
    } else if p == f32::INFINITY {
        let most = sum_on(isa, x, |x| Largest(x.abs())).0;
        if most < 0.0 { 0.0 } else { most } // −∞ of an empty row; NaN passes.
    } else if p == f32::NEG_INFINITY {
        -sum_on(isa, x, |x| Largest(-x.abs())).0
    } else {
        let p = f64::from(p);
        let sum = sum_on(isa, x, |x| crate::math::f64::pow(f64::from(x.abs()), p));
        crate::math::f64::pow(sum, 1.0 / p) as f32
    }
}

/// The product of all but element `skip`.
fn product_without(isa: Isa, x: &[f32], skip: usize) -> f32 {
    sum_on(isa, &x[..skip], Factor).0 * sum_on(isa, &x[skip + 1..], Factor).0
}

macro_rules! reductions {
    ($($(#[doc = $doc:literal])* $name:ident $back:ident $row:ident ($($p:ident)?)
        { on $low:literal..$high:literal with $with:expr, empty $empty:literal, error $error:literal; |$isa:ident, $x:ident, $y:ident, $dy:ident, $dx:ident|
          forward: $forward:expr, backward: $backward:expr, definition: $def:expr, derivative: $der:expr, scale: $scale:expr })*) => {
        /// Every reduction of a row to one number.
        pub static REDUCTIONS: &[&Reduction] = &[$(&$row),*];
        $(
            #[doc = concat!("The row of [`", stringify!($name), "()`].")]
            pub static $row: Reduction = {
                #[allow(unused_variables)]
                fn forward($isa: Isa, $x: &[f32], p: f32) -> f32 {
                    $(let $p = p;)?
                    $forward
                }
                #[allow(unused_variables)]
                fn backward($isa: Isa, $x: &[f32], $y: f32, p: f32, $dy: f32, $dx: &mut [f32]) {
                    $(let $p = p;)?
                    $backward
                }
                #[allow(unused_variables)]
                fn definition($x: &[f64], p: f64) -> f64 {
                    $(let $p = p;)?
                    $def
                }
                #[allow(unused_variables)]
                fn derivative($x: &[f64], p: f64) -> Vec<f64> {
                    $(let $p = p;)?
                    $der
                }
                #[allow(unused_variables)]
                fn scale($x: &[f64], p: f64) -> f64 {
                    $(let $p = p;)?
                    $scale
                }
                Reduction {
                    name: stringify!($name), path: concat!("reduce::", stringify!($name)),
                    backward_path: concat!("reduce::", stringify!($back)), definition, derivative, error: $error, scale,
                    domain: ($low, $high, $with), empty: $empty, forward, backward,
                }
            };

            $(#[doc = $doc])*
            #[doc = "\n\n# Errors\nAs [`Reduction::forward`]."]
            pub fn $name(x: &View, axes: &[usize], $($p: f32,)? keep: bool) -> Result<Tensor, OpError> {
                $row.forward(x, axes, reductions!(@p $($p)?), keep)
            }

            #[doc = concat!("The derivative of [`", stringify!($name), "()`] at `x`, times `dy`.\n\n# Errors\nAs [`Reduction::backward`].")]
            pub fn $back(x: &View, axes: &[usize], $($p: f32,)? dy: &View) -> Result<Tensor, OpError> {
                $row.backward(x, axes, reductions!(@p $($p)?), dy)
            }
        )*
    };
    (@p) => { 0.0 };
    (@p $p:ident) => { $p };
}

/// `dy` spread evenly over the elements that equal `y`.
fn share(isa: Isa, x: &[f32], y: f32, dy: f32, dx: &mut [f32]) {
    let ties = sum_on(isa, x, |x| if x == y { 1.0 } else { 0.0_f64 });
    let part = dy / ties as f32;
    map_on(isa, x, dx, |x| if x == y { part } else { 0.0 });
}

fn sum64(x: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    x.iter().map(|&x| term(x)).sum()
}

fn mean64(x: &[f64]) -> f64 {
    sum64(x, |x| x) / x.len() as f64
}

fn variance64(x: &[f64], correction: f64) -> f64 {
    let mean = mean64(x);
    sum64(x, |x| (x - mean) * (x - mean)) / (x.len() as f64 - correction).max(0.0)
}

fn log_sum_exp64(x: &[f64]) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { sum64(x, |x| (x - max).exp()).ln() + max }
}

fn norm64(x: &[f64], p: f64) -> f64 {
    match p {
        0.0 => x.iter().filter(|x| **x != 0.0).count() as f64,
        f64::INFINITY => x.iter().fold(0.0, |max: f64, x| max.max(x.abs())),
        f64::NEG_INFINITY => x.iter().fold(f64::INFINITY, |min: f64, x| min.min(x.abs())),
        _ => sum64(x, |x| x.abs().powf(p)).powf(1.0 / p),
    }
}

/// One at the only element equal to `y`.
fn one_hot64(x: &[f64], y: f64) -> Vec<f64> {
    x.iter().map(|&x| if x == y { 1.0 } else { 0.0 }).collect()
}

reductions! {
    /// Σ x.
    sum sum_backward SUM() { on -1.0..1.0 with &[0.0], empty true, error 4.0; |isa, x, y, dy, dx|
        forward: sum_on(isa, x, |x| x), backward: dx.fill(dy),
        definition: sum64(x, |x| x), derivative: vec![1.0; x.len()], scale: sum64(x, f64::abs) }
    /// Σ x / n; NaN without elements.
    mean mean_backward MEAN() { on -1.0..1.0 with &[0.0], empty true, error 4.0; |isa, x, y, dy, dx|
        forward: mean_of(isa, x), backward: dx.fill(dy / x.len() as f32),
        definition: mean64(x), derivative: vec![1.0 / x.len() as f64; x.len()],
        scale: sum64(x, f64::abs) / x.len() as f64 }
    /// Π x; 1 without elements. The derivative at a single 0 is the product of the others.
    prod prod_backward PROD() { on 0.9..1.1 with &[0.0], empty true, error 256.0; |isa, x, y, dy, dx|
        forward: sum_on(isa, x, Factor).0,
        backward: {
            let zeros = sum_on(isa, x, |x| if x == 0.0 { 1.0 } else { 0.0_f64 });
            if zeros == 0.0 {
                map_on(isa, x, dx, |x| dy * (y / x));
            } else {
                dx.fill(0.0);
                if let (true, Some(at)) = (zeros == 1.0, x.iter().position(|x| *x == 0.0)) {
                    dx[at] = dy * product_without(isa, x, at);
                }
            }
        },
        definition: x.iter().product(),
        derivative: { let y: f64 = x.iter().product(); x.iter().map(|x| y / x).collect() },
        scale: x.iter().product() }
    /// The largest element; elements that share it share the derivative.
    amax amax_backward AMAX() { on -9.0..9.0 with &[0.0], empty false, error 0.0; |isa, x, y, dy, dx|
        forward: largest(isa, x), backward: share(isa, x, y, dy, dx),
        definition: x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        derivative: one_hot64(x, x.iter().copied().fold(f64::NEG_INFINITY, f64::max)), scale: 1.0 }
    /// The smallest element; elements that share it share the derivative.
    amin amin_backward AMIN() { on -9.0..9.0 with &[0.0], empty false, error 0.0; |isa, x, y, dy, dx|
        forward: smallest(isa, x), backward: share(isa, x, y, dy, dx),
        definition: x.iter().copied().fold(f64::INFINITY, f64::min),
        derivative: one_hot64(x, x.iter().copied().fold(f64::INFINITY, f64::min)), scale: 1.0 }
    /// The variance about the mean, divided by n − `correction`: 1 is the unbiased estimate, 0 the population's.
    var var_backward VAR(correction) { on -1.0..1.0 with &[1.0, 0.0], empty true, error 8.0; |isa, x, y, dy, dx|
        forward: variance(isa, x, correction),
        backward: { let (mean, c) = (mean_of(isa, x), 2.0 * dy / (x.len() as f32 - correction).max(0.0)); map_on(isa, x, dx, |x| c * (x - mean)); },
        definition: variance64(x, correction),
        derivative: { let (mean, n) = (mean64(x), x.len() as f64 - correction); x.iter().map(|x| 2.0 * (x - mean) / n).collect() },
        scale: sum64(x, |x| x * x) / (x.len() as f64 - correction) }
    /// The square root of [`var`].
    std std_backward STD(correction) { on -1.0..1.0 with &[1.0, 0.0], empty true, error 8.0; |isa, x, y, dy, dx|
        forward: variance(isa, x, correction).sqrt(),
        backward: {
            let (mean, c) = (mean_of(isa, x), dy / (y * (x.len() as f32 - correction).max(0.0)));
            map_on(isa, x, dx, |x| if y == 0.0 { 0.0 } else { c * (x - mean) });
        },
        definition: variance64(x, correction).sqrt(),
        derivative: {
            let (mean, n) = (mean64(x), (x.len() as f64 - correction) * variance64(x, correction).sqrt());
            x.iter().map(|x| if n == 0.0 { 0.0 } else { (x - mean) / n }).collect()
        },
        scale: (sum64(x, |x| x * x) / (x.len() as f64 - correction)).sqrt() }
    /// log Σ eˣ; −∞ without elements.
    logsumexp logsumexp_backward LOGSUMEXP() { on -20.0..20.0 with &[0.0], empty true, error 4.0; |isa, x, y, dy, dx|
        forward: log_sum_exp(isa, x), backward: map_on(isa, x, dx, |x| dy * exp(x - y)),
        definition: log_sum_exp64(x),
        derivative: { let y = log_sum_exp64(x); x.iter().map(|x| (x - y).exp()).collect() },
        scale: 2.0 * log_sum_exp64(x).abs().max(1.0) }
    /// (Σ |x|ᵖ)^(1/p); `order` 0 counts what is not zero, ±∞ takes the extreme. Zero has the derivative zero.
    vector_norm vector_norm_backward VECTOR_NORM(order)
      { on 0.1..9.0 with &[2.0, 1.0, 3.0, 0.0, f32::INFINITY, f32::NEG_INFINITY], empty true, error 2.0; |isa, x, y, dy, dx|
        forward: norm_of(isa, x, order),
        backward: {
            if order == 0.0 {
                dx.fill(0.0);
            } else if order.is_infinite() {
                let ties = sum_on(isa, x, |x| if x.abs() == y { 1.0 } else { 0.0_f64 }) as f32;
                map_on(isa, x, dx, |x| if x.abs() == y { dy / ties * f32::from(i8::from(x > 0.0) - i8::from(x < 0.0)) } else { 0.0 });
            } else if order == 2.0 {
                map_on(isa, x, dx, |x| if y == 0.0 { 0.0 } else { dy * (x / y) });
            } else {
                map_on(isa, x, dx, |x| if x == 0.0 { 0.0 } else { dy * pow(x.abs() / y, order - 1.0).copysign(x) });
            }
        },
        definition: norm64(x, order),
        derivative: {
            let y = norm64(x, order);
            if order == 0.0 {
                vec![0.0; x.len()]
            } else if order.is_infinite() {
                x.iter().map(|x| if x.abs() == y { x.signum() } else { 0.0 }).collect()
            } else {
                x.iter().map(|x| (x.abs() / y).powf(order - 1.0) * x.signum()).collect()
            }
        },
        scale: norm64(x, order) }
}
