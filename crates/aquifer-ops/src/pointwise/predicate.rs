//! Questions about one or two tensors, answered by a byte an element: 1 for yes.

use crate::OpError;
use crate::simd::simd;
use crate::strided::{broadcast, expanded, is_float, map, promoted};
use aquifer_tensor::{DType, Isa, Tensor, View, isa};

/// A question about the elements of one tensor, or of two; [`DType::U8`] is what it gives.
pub struct Predicate {
    /// Its name.
    pub name: &'static str,
    /// Its function in this crate.
    pub path: &'static str,
    /// Operands.
    pub operands: usize,
    /// The definition; with one operand `b` is it again.
    pub definition: fn(f64, f64) -> bool,
    floats: fn(Isa, &[f32], &[f32], &mut [f32]),
    integers: fn(&[i64], &[i64], &mut [i64]),
}

impl Predicate {
    /// The answers, element by element of the common shape.
    ///
    /// # Errors
    /// [`OpError`] where the shapes do not broadcast, or for unlike element types (floats may mix).
    pub fn ask(&self, a: &View, b: &View) -> Result<Tensor, OpError> {
        let shape = broadcast(self.name, "b", a.shape(), b.shape())?;
        let dtype = promoted(self.name, "b", a.dtype(), b.dtype())?;
        let (a, b) = (expanded(self.name, "a", a, &shape)?, expanded(self.name, "b", b, &shape)?);
        let isa = isa::active();
        let [answers] = if is_float(dtype) {
            map([&a, &b], [DType::U8], &shape, |[a, b], [out]| (self.floats)(isa, a, b, out))
        } else {
            map([&a, &b], [DType::U8], &shape, |[a, b], [out]| (self.integers)(a, b, out))
        };
        Ok(answers)
    }
}

macro_rules! predicates {
    (two { $($(#[doc = $doc2:literal])* $name2:ident $row2:ident |$a2:ident, $b2:ident| $yes2:expr;)* }
     one { $($(#[doc = $doc1:literal])* $name1:ident $row1:ident |$a1:ident| $yes1:expr, int: $int1:expr;)* }) => {
        /// Every question.
        pub static PREDICATES: &[&Predicate] = &[$(&$row2,)* $(&$row1),*];
        $(
            predicates!(@row $name2 $row2 2 |$a2, $b2| $yes2, $yes2, $yes2);
            $(#[doc = $doc2])*
            #[doc = "\n\n# Errors\nAs [`Predicate::ask`]."]
            pub fn $name2(a: &View, b: &View) -> Result<Tensor, OpError> {
                $row2.ask(a, b)
            }
        )*
        $(
            predicates!(@row $name1 $row1 1 |$a1, _b| $yes1, $yes1, $int1);
            $(#[doc = $doc1])*
            #[doc = "\n\n# Errors\nNone: every element type has an answer."]
            pub fn $name1(x: &View) -> Result<Tensor, OpError> {
                $row1.ask(x, x)
            }
        )*
    };
    (@row $name:ident $row:ident $operands:literal |$a:ident, $b:ident| $yes:expr, $def:expr, $int:expr) => {
        #[doc = concat!("The row of [`", stringify!($name), "()`].")]
        pub static $row: Predicate = {
            simd! {
                fn floats(isa: Isa, xs: &[f32], ys: &[f32], out: &mut [f32]) {
                    for ((out, &$a), &$b) in out.iter_mut().zip(xs).zip(ys) {
                        *out = if $yes { 1.0 } else { 0.0 };
                    }
                }
            }
            fn integers(xs: &[i64], ys: &[i64], out: &mut [i64]) {
                for ((out, &$a), &$b) in out.iter_mut().zip(xs).zip(ys) {
                    *out = i64::from($int);
                }
            }
            #[allow(unused_variables)]
            fn definition($a: f64, $b: f64) -> bool {
                $def
            }
            Predicate { name: stringify!($name), path: concat!("pointwise::", stringify!($name)), operands: $operands, definition, floats, integers }
        };
    };
}

/// Whether an element counts as true: NaN does.
trait Truth {
    fn truth(self) -> bool;
}
macro_rules! truth {
    ($($t:ty)*) => {$(
        impl Truth for $t {
            #[inline(always)]
            fn truth(self) -> bool {
                self != 0 as $t
            }
        }
    )*};
}
truth!(f32 f64 i64);

predicates! {
    two {
        /// a = b; never for NaN.
        eq EQ |a, b| a == b;
        /// a ≠ b; always for NaN.
        ne NE |a, b| a != b;
        /// a < b.
        lt LT |a, b| a < b;
        /// a ≤ b.
        le LE |a, b| a <= b;
        /// a > b.
        gt GT |a, b| a > b;
        /// a ≥ b.
        ge GE |a, b| a >= b;
        /// Neither is zero.
        logical_and LOGICAL_AND |a, b| a.truth() & b.truth();
        /// Not both are zero.
        logical_or LOGICAL_OR |a, b| a.truth() | b.truth();
    }
    one {
        /// x = 0.
        logical_not LOGICAL_NOT |x| !x.truth(), int: !x.truth();
        /// x is not a number.
        isnan ISNAN |x| x.is_nan(), int: { let _ = x; false };
        /// x is +∞ or −∞.
        isinf ISINF |x| x.is_infinite(), int: { let _ = x; false };
        /// x is neither infinite nor NaN.
        isfinite ISFINITE |x| x.is_finite(), int: { let _ = x; true };
    }
}
