//! Operators of two tensors.

use super::scalar;
use crate::OpError;
use crate::gelu::{self, Gelu};
use crate::math;
use crate::reduce::sum_to;
use crate::rows::expect_shape;
use crate::simd::simd;
use crate::strided::{broadcast, expanded, expect_float, is_float, map, promoted};
use aquifer_tensor::{DType, Isa, Tensor, View, isa};

/// An operator of two tensors.
pub struct Binary {
    /// Its name.
    pub name: &'static str,
    /// Its function in this crate.
    pub path: &'static str,
    /// The function of its derivatives.
    pub backward_path: &'static str,
    /// The definition, in `f64`.
    pub definition: fn(f64, f64) -> f64,
    /// Its derivatives by hand.
    pub derivative: fn(f64, f64) -> (f64, f64),
    /// How far a result may lie from the definition, in units in the last place of an `f32`.
    pub ulp: f64,
    /// How far derivatives may lie from [`Binary::derivative`], in units of 2⁻²⁴ of the largest of them and `dy`.
    pub slope: f64,
    /// Between which numbers the tests try each operand.
    pub domain: [(f64, f64); 2],
    forward: fn(Isa, &[f32], &[f32], &mut [f32]),
    backward: fn(Isa, &[f32], &[f32], &[f32], &mut [f32], &mut [f32]),
    integers: Option<fn(&[i64], &[i64], &mut [i64])>,
}

impl Binary {
    /// Whether it takes integers.
    pub fn takes_integers(&self) -> bool {
        self.integers.is_some()
    }

    /// `op(a, b)`, element by element of their common shape.
    ///
    /// # Errors
    /// [`OpError`] where the shapes do not broadcast, for unlike element types (floats may mix), and for integers
    /// where the operator has none.
    pub fn forward(&self, a: &View, b: &View) -> Result<Tensor, OpError> {
        let shape = broadcast(self.name, "b", a.shape(), b.shape())?;
        let dtype = promoted(self.name, "b", a.dtype(), b.dtype())?;
        let (a, b) = (expanded(self.name, "a", a, &shape)?, expanded(self.name, "b", b, &shape)?);
        let isa = isa::active();
        let [y] = match self.integers {
            Some(kernel) if !is_float(dtype) => map([&a, &b], [dtype], &shape, |[a, b], [out]| kernel(a, b, out)),
            _ => {
                expect_float(self.name, "a", dtype)?;
                map([&a, &b], [dtype], &shape, |[a, b], [out]| (self.forward)(isa, a, b, out))
            }
        };
        Ok(y)
    }

    /// The derivatives of [`Binary::forward`] with respect to `a` and `b`, times `dy`: each of its operand's element
    /// type and shape. Repeated elements are summed in the order of a row ([`crate::order`]).
    ///
    /// # Errors
    /// As [`Binary::forward`], and for integers.
    pub fn backward(&self, a: &View, b: &View, dy: &View) -> Result<(Tensor, Tensor), OpError> {
        let shape = broadcast(self.name, "b", a.shape(), b.shape())?;
        expect_float(self.name, "a", a.dtype())?;
        expect_float(self.name, "b", b.dtype())?;
        expect_float(self.name, "dy", dy.dtype())?;
        expect_shape(self.name, "dy", dy.shape(), "as the result", &shape)?;
        let (wide_a, wide_b) = (expanded(self.name, "a", a, &shape)?, expanded(self.name, "b", b, &shape)?);
        // A gradient that is still to be summed stays in f32.
        let held = |x: &View| if x.shape() == shape { x.dtype() } else { DType::F32 };
        let isa = isa::active();
        let [da, db] = map([&wide_a, &wide_b, dy], [held(a), held(b)], &shape, |[a, b, dy], [da, db]| {
            (self.backward)(isa, a, b, dy, da, db);
        });
        Ok((sum_to(da, a)?, sum_to(db, b)?))
    }
}

macro_rules! binary {
    ($($(#[doc = $doc:literal])* $name:ident $back:ident $row:ident
        { on $a_low:literal..$a_high:literal, $b_low:literal..$b_high:literal, ulp $ulp:literal, slope $slope:literal;
          |$a:ident, $b:ident, $dy:ident| y: $y:expr, da: $da:expr, db: $db:expr,
          definition: $def:expr, derivative: $der:expr $(, int: $int:expr)? })*) => {
        /// Every operator of two tensors.
        pub static BINARY: &[&Binary] = &[$(&$row),*];
        $(
            #[doc = concat!("The row of [`", stringify!($name), "()`].")]
            pub static $row: Binary = {
                simd! {
                    fn forward(isa: Isa, xs: &[f32], ys: &[f32], out: &mut [f32]) {
                        for ((out, &$a), &$b) in out.iter_mut().zip(xs).zip(ys) {
                            *out = $y;
                        }
                    }
                    #[allow(unused_variables)]
                    fn backward(isa: Isa, xs: &[f32], ys: &[f32], dys: &[f32], das: &mut [f32], dbs: &mut [f32]) {
                        for ((((da, db), &$a), &$b), &$dy) in das.iter_mut().zip(dbs).zip(xs).zip(ys).zip(dys) {
                            (*da, *db) = ($da, $db);
                        }
                    }
                }
                fn definition($a: f64, $b: f64) -> f64 {
                    $def
                }
                #[allow(unused_variables)]
                fn derivative($a: f64, $b: f64) -> (f64, f64) {
                    $der
                }
                $(
                    fn exact(xs: &[i64], ys: &[i64], out: &mut [i64]) {
                        for ((out, &$a), &$b) in out.iter_mut().zip(xs).zip(ys) {
                            *out = $int;
                        }
                    }
                )?
                Binary {
                    name: stringify!($name), path: concat!("pointwise::", stringify!($name)),
                    backward_path: concat!("pointwise::", stringify!($back)), definition, derivative, ulp: $ulp, slope: $slope,
                    domain: [($a_low, $a_high), ($b_low, $b_high)], forward, backward,
                    integers: binary!(@integers $(exact $int)?),
                }
            };

            $(#[doc = $doc])*
            #[doc = "\n\n# Errors\nAs [`Binary::forward`]."]
            pub fn $name(a: &View, b: &View) -> Result<Tensor, OpError> {
                $row.forward(a, b)
            }

            #[doc = concat!("The derivatives of [`", stringify!($name), "()`], times `dy`.\n\n# Errors\nAs [`Binary::backward`].")]
            pub fn $back(a: &View, b: &View, dy: &View) -> Result<(Tensor, Tensor), OpError> {
                $row.backward(a, b, dy)
            }
        )*
    };    (@integers) => { None };
    (@integers $exact:ident $int:expr) => { Some($exact) };
}

binary! {
    /// a + b.
    add add_backward ADD { on -9.0..9.0, -9.0..9.0, ulp 0.5, slope 0.0; |a, b, dy|
        y: a + b, da: dy, db: dy, definition: a + b, derivative: (1.0, 1.0), int: a + b }
    /// a − b.
    sub sub_backward SUB { on -9.0..9.0, -9.0..9.0, ulp 0.5, slope 0.0; |a, b, dy|
        y: a - b, da: dy, db: -dy, definition: a - b, derivative: (1.0, -1.0), int: a - b }
    /// a · b.
    mul mul_backward MUL { on -9.0..9.0, -9.0..9.0, ulp 0.5, slope 1.0; |a, b, dy|
        y: a * b, da: dy * b, db: dy * a, definition: a * b, derivative: (b, a), int: a * b }
    /// a / b.
    div div_backward DIV { on -9.0..9.0, 0.1..9.0, ulp 0.5, slope 4.0; |a, b, dy|
        y: a / b, da: dy / b, db: -dy * ((a / b) / b), definition: a / b, derivative: (1.0 / b, -a / (b * b)) }
    /// aᵇ with IEEE's special cases. The derivative by `a` is 0 where `b` is 0, the one by `b` where `a` is 0 and
    /// `b` is not negative.
    pow pow_backward POW { on 0.1..9.0, -5.0..5.0, ulp 0.6, slope 8.0; |a, b, dy|
        y: math::pow(a, b),
        da: if b == 0.0 { 0.0 } else { dy * (b * math::pow(a, b - 1.0)) },
        db: if a == 0.0 && b >= 0.0 { 0.0 } else { dy * (math::pow(a, b) * math::log(a)) },
        definition: a.powf(b), derivative: (b * a.powf(b - 1.0), a.powf(b) * a.ln()) }
    /// The larger; NaN where either is. Equal operands share the derivative.
    maximum maximum_backward MAXIMUM { on -9.0..9.0, -9.0..9.0, ulp 0.0, slope 0.0; |a, b, dy|
        y: if a > b || a.is_nan() { a } else { b },
        da: if a == b { 0.5 * dy } else if a < b { 0.0 } else { dy },
        db: if a == b { 0.5 * dy } else if b < a { 0.0 } else { dy },
        definition: a.max(b), derivative: if a > b { (1.0, 0.0) } else { (0.0, 1.0) }, int: a.max(b) }
    /// The smaller; NaN where either is. Equal operands share the derivative.
    minimum minimum_backward MINIMUM { on -9.0..9.0, -9.0..9.0, ulp 0.0, slope 0.0; |a, b, dy|
        y: if a < b || a.is_nan() { a } else { b },
        da: if a == b { 0.5 * dy } else if a > b { 0.0 } else { dy },
        db: if a == b { 0.5 * dy } else if b > a { 0.0 } else { dy },
        definition: a.min(b), derivative: if a < b { (1.0, 0.0) } else { (0.0, 1.0) }, int: a.min(b) }
    /// (a − b)²: the mean of these is the mean squared error.
    squared_error squared_error_backward SQUARED_ERROR { on -9.0..9.0, -9.0..9.0, ulp 2.5, slope 4.0; |a, b, dy|
        y: (a - b) * (a - b), da: 2.0 * (a - b) * dy, db: -2.0 * (a - b) * dy,
        definition: (a - b).powi(2), derivative: (2.0 * (a - b), -2.0 * (a - b)) }
    /// gelu(a) · b, the gate of GEGLU, with `gelu` by Φ.
    geglu geglu_backward GEGLU { on -3.5..9.0, -9.0..9.0, ulp 27.0, slope 32.0; |a, b, dy|
        y: gelu::by_erf(a) * b, da: gelu::by_erf_backward(a, dy * b), db: dy * gelu::by_erf(a),
        definition: a * scalar::normal_cdf64(a) * b,
        derivative: (b * gelu::reference_backward(a, Gelu::Erf), a * scalar::normal_cdf64(a)) }
}
