//! Operators of one tensor.

use super::{Params, params, scalar};
use crate::OpError;
use crate::gelu::{self, Gelu};
use crate::math;
use crate::rows::expect_shape;
use crate::simd::simd;
use crate::strided::{expect_float, is_float, map};
use crate::swiglu;
use aquifer_tensor::{Isa, Tensor, View, isa};

/// An operator of one tensor, and up to two numbers.
pub struct Unary {
    /// Its name.
    pub name: &'static str,
    /// Its function in this crate.
    pub path: &'static str,
    /// The function of its derivative.
    pub backward_path: &'static str,
    /// The definition, in `f64`.
    pub definition: fn(f64, [f64; 2]) -> f64,
    /// Its derivative by hand.
    pub derivative: fn(f64, [f64; 2]) -> f64,
    /// How far a result may lie from the definition, in units in the last place of an `f32`.
    pub ulp: f64,
    /// How far a derivative may lie from [`Unary::derivative`], in units of 2⁻²⁴ of the larger of it and `dy`.
    pub slope: f64,
    /// Between which numbers the tests try it, and with which parameters.
    pub domain: (f64, f64, Params),
    forward: fn(Isa, &[f32], Params, &mut [f32]),
    backward: fn(Isa, &[f32], &[f32], Params, &mut [f32]),
    integers: Option<fn(&[i64], Params, &mut [i64])>,
}

impl Unary {
    /// Whether it takes integers.
    pub fn takes_integers(&self) -> bool {
        self.integers.is_some()
    }

    /// `op(x)`, element by element.
    ///
    /// # Errors
    /// [`OpError::DType`] for integers where the operator has none.
    pub fn forward(&self, x: &View, p: Params) -> Result<Tensor, OpError> {
        let (dtype, shape, isa) = (x.dtype(), x.shape(), isa::active());
        let [y] = match self.integers {
            Some(kernel) if !is_float(dtype) => map([x], [dtype], shape, |[x], [out]| kernel(x, p, out)),
            _ => {
                expect_float(self.name, "x", dtype)?;
                map([x], [dtype], shape, |[x], [out]| (self.forward)(isa, x, p, out))
            }
        };
        Ok(y)
    }

    /// The derivative of [`Unary::forward`] at `x`, times `dy`; of `x`'s element type.
    ///
    /// # Errors
    /// [`OpError`] for integers, or where the shapes differ.
    pub fn backward(&self, x: &View, dy: &View, p: Params) -> Result<Tensor, OpError> {
        expect_float(self.name, "x", x.dtype())?;
        expect_float(self.name, "dy", dy.dtype())?;
        expect_shape(self.name, "dy", dy.shape(), "as `x`", x.shape())?;
        let isa = isa::active();
        let [dx] = map([x, dy], [x.dtype()], x.shape(), |[x, dy], [dx]| (self.backward)(isa, x, dy, p, dx));
        Ok(dx)
    }
}

/// Rows of the table: `name name_backward ROW(parameters) {domain, error budgets; |x, dy| y, dx, definition,
/// derivative}`. Every expression is in the type of its column; `int` is exact on `i64`.
macro_rules! unary {
    ($($(#[doc = $doc:literal])* $name:ident $back:ident $row:ident ($($p:ident),*)
        { on $low:literal..$high:literal with $with:expr, ulp $ulp:literal, slope $slope:literal; |$x:ident, $dy:ident|
          y: $y:expr, dx: $dx:expr, definition: $def:expr, derivative: $der:expr $(, int($($q:ident),*): $int:expr)? })*) => {
        /// Every operator of one tensor.
        pub static UNARY: &[&Unary] = &[$(&$row),*];
        $(
            #[doc = concat!("The row of [`", stringify!($name), "()`].")]
            #[allow(unused_variables)]
            pub static $row: Unary = {
                simd! {
                    #[allow(unused_variables)]
                    fn forward(isa: Isa, xs: &[f32], p: Params, out: &mut [f32]) {
                        let [$($p,)* ..] = p;
                        for (out, &$x) in out.iter_mut().zip(xs) {
                            *out = $y;
                        }
                    }
                    #[allow(unused_variables)]
                    fn backward(isa: Isa, xs: &[f32], dys: &[f32], p: Params, out: &mut [f32]) {
                        let [$($p,)* ..] = p;
                        for ((out, &$x), &$dy) in out.iter_mut().zip(xs).zip(dys) {
                            *out = $dx;
                        }
                    }
                }
                fn definition($x: f64, [$($p,)* ..]: [f64; 2]) -> f64 {
                    $def
                }
                fn derivative($x: f64, [$($p,)* ..]: [f64; 2]) -> f64 {
                    $der
                }
                $(
                    fn exact(xs: &[i64], [$($q,)* ..]: Params, out: &mut [i64]) {
                        for (out, &$x) in out.iter_mut().zip(xs) {
                            *out = $int;
                        }
                    }
                )?
                Unary {
                    name: stringify!($name), path: concat!("pointwise::", stringify!($name)),
                    backward_path: concat!("pointwise::", stringify!($back)), definition, derivative, ulp: $ulp, slope: $slope,
                    domain: ($low, $high, $with), forward, backward,
                    integers: unary!(@integers $(exact $int)?),
                }
            };

            $(#[doc = $doc])*
            #[doc = concat!("\n\n# Errors\nAs [`Unary::forward`].")]
            pub fn $name(x: &View, $($p: f32),*) -> Result<Tensor, OpError> {
                $row.forward(x, params(&[$($p),*]))
            }

            #[doc = concat!("The derivative of [`", stringify!($name), "()`] at `x`, times `dy`.\n\n# Errors\nAs [`Unary::backward`].")]
            pub fn $back(x: &View, $($p: f32,)* dy: &View) -> Result<Tensor, OpError> {
                $row.backward(x, dy, params(&[$($p),*]))
            }
        )*
    };
    (@integers) => { None };
    (@integers $exact:ident $int:expr) => { Some($exact) };
}

const NONE: Params = [0.0; 2];
const LN_2: f32 = std::f32::consts::LN_2;
/// 2/√π.
const SLOPE_OF_ERF: f32 = std::f32::consts::FRAC_2_SQRT_PI;

unary! {
    /// −x.
    neg neg_backward NEG() { on -9.0..9.0 with NONE, ulp 0.0, slope 0.0; |x, dy|
        y: -x, dx: -dy, definition: -x, derivative: -1.0, int(): -x }
    /// |x|; the derivative at 0 is 0.
    abs abs_backward ABS() { on -9.0..9.0 with NONE, ulp 0.0, slope 0.0; |x, dy|
        y: x.abs(), dx: dy * scalar::sign(x), definition: x.abs(), derivative: x.signum(), int(): x.abs() }
    /// √x; NaN below zero.
    sqrt sqrt_backward SQRT() { on 0.01..9.0 with NONE, ulp 0.5, slope 2.0; |x, dy|
        y: x.sqrt(), dx: dy / (2.0 * x.sqrt()), definition: x.sqrt(), derivative: 0.5 / x.sqrt() }
    /// 1/√x.
    rsqrt rsqrt_backward RSQRT() { on 0.1..9.0 with NONE, ulp 1.5, slope 9.0; |x, dy|
        y: 1.0 / x.sqrt(), dx: -0.5 * dy * (1.0 / x.sqrt() / x.sqrt() / x.sqrt()),
        definition: 1.0 / x.sqrt(), derivative: -0.5 / (x * x.sqrt()) }
    /// 1/x.
    reciprocal reciprocal_backward RECIPROCAL() { on 0.1..9.0 with NONE, ulp 0.5, slope 4.0; |x, dy|
        y: 1.0 / x, dx: -dy * (1.0 / x) * (1.0 / x), definition: 1.0 / x, derivative: -1.0 / (x * x) }
    /// eˣ.
    exp exp_backward EXP() { on -80.0..80.0 with NONE, ulp 1.0, slope 4.0; |x, dy|
        y: math::exp(x), dx: dy * math::exp(x), definition: x.exp(), derivative: x.exp() }
    /// 2ˣ.
    exp2 exp2_backward EXP2() { on -120.0..120.0 with NONE, ulp 0.6, slope 4.0; |x, dy|
        y: scalar::exp2(x), dx: dy * scalar::exp2(x) * LN_2, definition: x.exp2(), derivative: x.exp2() * std::f64::consts::LN_2 }
    /// The natural logarithm: −∞ at ±0, NaN below.
    log log_backward LOG() { on 0.01..90.0 with NONE, ulp 1.0, slope 2.0; |x, dy|
        y: math::log(x), dx: dy / x, definition: x.ln(), derivative: 1.0 / x }
    /// log(1 + x), good near zero.
    log1p log1p_backward LOG1P() { on -0.99..9.0 with NONE, ulp 0.6, slope 4.0; |x, dy|
        y: scalar::log1p(x), dx: dy / (1.0 + x), definition: x.ln_1p(), derivative: 1.0 / (1.0 + x) }
    /// sin x in radians; NaN beyond ±1.6 million.
    sin sin_backward SIN() { on -99.0..99.0 with NONE, ulp 0.6, slope 2.0; |x, dy|
        y: math::sin(x), dx: dy * math::cos(x), definition: x.sin(), derivative: x.cos() }
    /// cos x in radians; NaN beyond ±1.6 million.
    cos cos_backward COS() { on -99.0..99.0 with NONE, ulp 0.6, slope 2.0; |x, dy|
        y: math::cos(x), dx: -dy * math::sin(x), definition: x.cos(), derivative: -x.sin() }
    /// The hyperbolic tangent.
    tanh tanh_backward TANH() { on -9.0..9.0 with NONE, ulp 2.0, slope 8.0; |x, dy|
        // 1 − tanh²x without its cancellation.
        y: math::tanh(x), dx: dy * (4.0 * math::sigmoid(2.0 * x) * math::sigmoid(-2.0 * x)),
        definition: x.tanh(), derivative: 1.0 / x.cosh().powi(2) }
    /// The error function.
    erf erf_backward ERF() { on -4.0..4.0 with NONE, ulp 2.0, slope 8.0; |x, dy|
        y: math::erf(x), dx: dy * (SLOPE_OF_ERF * math::exp(-x * x)),
        definition: scalar::erf64(x), derivative: std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() }
    /// 1 / (1 + e⁻ˣ).
    sigmoid sigmoid_backward SIGMOID() { on -90.0..90.0 with NONE, ulp 2.5, slope 4.0; |x, dy|
        y: math::sigmoid(x), dx: dy * (math::sigmoid(x) * math::sigmoid(-x)),
        definition: scalar::sigmoid64(x), derivative: scalar::sigmoid64(x) * scalar::sigmoid64(-x) }
    /// x clamped into min..=max; NaN where any of them is NaN, `max` where they cross. The derivative is 0 on both ends.
    clamp clamp_backward CLAMP(min, max) { on -9.0..9.0 with [-1.5, 2.5], ulp 0.0, slope 0.0; |x, dy|
        y: { let y = if x < min || min.is_nan() { min } else { x };
             if y > max || max.is_nan() { max } else { y } },
        dx: if x > min && x < max { dy } else { 0.0 },
        definition: x.max(min).min(max), derivative: if x >= min && x <= max { 1.0 } else { 0.0 },
        int(min, max): x.max(min as i64).min(max as i64) }
    /// The larger of x and min; NaN where either is.
    clamp_min clamp_min_backward CLAMP_MIN(min) { on -9.0..9.0 with [-1.5, 0.0], ulp 0.0, slope 0.0; |x, dy|
        y: if x < min || min.is_nan() { min } else { x }, dx: if x > min { dy } else { 0.0 },
        definition: x.max(min), derivative: if x >= min { 1.0 } else { 0.0 }, int(min): x.max(min as i64) }
    /// max(x, 0); NaN stays NaN.
    relu relu_backward RELU() { on -9.0..9.0 with NONE, ulp 0.0, slope 0.0; |x, dy|
        y: scalar::relu_of(x), dx: scalar::relu_backward_of(x, dy),
        definition: x.max(0.0), derivative: if x > 0.0 { 1.0 } else { 0.0 }, int(): x.max(0) }
    /// x where it is positive, else `slope` · x.
    leaky_relu leaky_relu_backward LEAKY_RELU(slope) { on -9.0..9.0 with [0.1, 0.0], ulp 0.5, slope 1.0; |x, dy|
        y: if x > 0.0 { x } else { x * slope }, dx: if x > 0.0 { dy } else { dy * slope },
        definition: if x > 0.0 { x } else { x * slope }, derivative: if x > 0.0 { 1.0 } else { slope } }
    /// x where it is positive, else `alpha` (eˣ − 1).
    elu elu_backward ELU(alpha) { on -9.0..9.0 with [1.5, 0.0], ulp 1.5, slope 4.0; |x, dy|
        y: if x > 0.0 { x } else { alpha * scalar::expm1(x) }, dx: if x <= 0.0 { dy * (alpha * math::exp(x)) } else { dy },
        definition: if x > 0.0 { x } else { alpha * x.exp_m1() },
        derivative: if x > 0.0 { 1.0 } else { alpha * x.exp() } }
    /// x · sigmoid(x).
    silu silu_backward SILU() { on -30.0..30.0 with NONE, ulp 4.0, slope 16.0; |x, dy|
        y: swiglu::silu(x), dx: scalar::silu_backward_of(x, dy),
        definition: x * scalar::sigmoid64(x), derivative: scalar::sigmoid64(x) * (1.0 + x * scalar::sigmoid64(-x)) }
    /// x · Φ(x), Φ the distribution function of the standard normal; see [`crate::gelu()`] for the faster kernel of
    /// plain rows and for the form by tanh.
    gelu gelu_backward GELU() { on -3.5..9.0 with NONE, ulp 26.0, slope 16.0; |x, dy|
        y: gelu::by_erf(x), dx: gelu::by_erf_backward(x, dy),
        definition: x * scalar::normal_cdf64(x), derivative: gelu::reference_backward(x, Gelu::Erf) }
    /// log(1 + e^(beta·x)) / beta, or x itself where beta·x is above `threshold`.
    softplus softplus_backward SOFTPLUS(beta, threshold) { on -9.0..9.0 with [1.5, 12.0], ulp 9.0, slope 8.0; |x, dy|
        y: if x * beta > threshold { x } else { scalar::log1p_exp(x * beta) / beta },
        dx: if x * beta > threshold { dy } else { dy * math::sigmoid(x * beta) },
        definition: if x * beta > threshold { x } else { (x * beta).exp().ln_1p() / beta },
        derivative: if x * beta > threshold { 1.0 } else { scalar::sigmoid64(x * beta) } }
}
