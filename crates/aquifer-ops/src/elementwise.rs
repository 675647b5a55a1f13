//! `out = a + b`, `a += b`, `out = s · x`: what joins branches and scales them. One rounding an element.

use crate::OpError;
use crate::bench::{CHECKED_ROWS, Case, SHAPES, deviation, input, wide};
use crate::rows::{Rows, RowsMut, each_span};
use crate::simd::simd;
use aquifer_tensor::{Tensor, View, ViewMut, isa};

/// `out = a + b`, element by element.
///
/// # Shapes
/// All three alike; f32, contiguous or matrices of contiguous rows.
///
/// # Errors
/// [`OpError::Shape`], [`OpError::DType`] or [`OpError::Layout`] where that does not hold.
pub fn add(a: &View, b: &View, out: &mut ViewMut) -> Result<(), OpError> {
    let (a_rows, shape) = (Rows::new("add", "a", a)?, a.shape());
    let b = Rows::like("add", "b", b, "as `a`", shape)?;
    let out = RowsMut::like("add", "out", out, "as `a`", shape)?;
    let (isa, a) = (isa::active(), a_rows);
    each_span(a.rows, a.cols, a.dense() && b.dense() && out.dense(), |row, cols| {
        // SAFETY: spans are disjoint.
        add_on(isa, a.span(row, cols.clone()), b.span(row, cols.clone()), unsafe { out.span(row, cols) });
    });
    Ok(())
}

/// `a += b`, element by element. Shapes and errors as [`add`].
pub fn add_assign(a: &mut ViewMut, b: &View) -> Result<(), OpError> {
    let shape = b.shape();
    let b = Rows::new("add_assign", "b", b)?;
    let a = RowsMut::like("add_assign", "a", a, "as `b`", shape)?;
    let isa = isa::active();
    each_span(b.rows, b.cols, a.dense() && b.dense(), |row, cols| {
        // SAFETY: spans are disjoint.
        add_assign_on(isa, unsafe { a.span(row, cols.clone()) }, b.span(row, cols));
    });
    Ok(())
}

/// `out = s · x`, element by element. Shapes and errors as [`add`]. Its derivative is itself.
pub fn scale(x: &View, s: f32, out: &mut ViewMut) -> Result<(), OpError> {
    let shape = x.shape();
    let x = Rows::new("scale", "x", x)?;
    let out = RowsMut::like("scale", "out", out, "as `x`", shape)?;
    let isa = isa::active();
    each_span(x.rows, x.cols, x.dense() && out.dense(), |row, cols| {
        // SAFETY: spans are disjoint.
        scale_on(isa, x.span(row, cols.clone()), s, unsafe { out.span(row, cols) });
    });
    Ok(())
}

/// Writes `value` everywhere.
pub(crate) fn fill(out: &mut ViewMut, value: f32) -> Result<(), OpError> {
    let shape = out.shape().to_vec();
    let (rows, cols) = (shape[..shape.len() - 1].iter().product(), shape[shape.len() - 1]);
    let out = RowsMut::like("fill", "out", out, "as itself", &shape)?;
    // SAFETY: spans are disjoint.
    each_span(rows, cols, out.dense(), |row, cols| unsafe { out.span(row, cols) }.fill(value));
    Ok(())
}

simd! {
    fn add_on(isa: Isa, a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a + b;
        }
    }

    pub(crate) fn add_assign_on(isa: Isa, a: &mut [f32], b: &[f32]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a += b;
        }
    }

    fn scale_on(isa: Isa, x: &[f32], s: f32, out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = s * x;
        }
    }
}

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().flat_map(|shape| [add_case(shape), add_assign_case(shape)])
}

pub(crate) fn add_case([t, d]: [usize; 2]) -> Case {
    let case = Case::new("add").shape([t, d]).traffic(2 * 4 * t * d, 4 * t * d).error(ONE_ROUNDING, sum_error);
    case.with(move || {
        let (a, b, mut out) = (input([t, d]), input([t, d]), input([t, d]));
        move || add(&a.view(), &b.view(), &mut out.view_mut()).expect("shapes fit")
    })
}

fn add_assign_case([t, d]: [usize; 2]) -> Case {
    let case = Case::new("add_assign")
        .shape([t, d])
        .traffic(2 * 4 * t * d, 4 * t * d)
        .in_place()
        .error(ONE_ROUNDING, sum_error);
    case.with(move || {
        let (mut a, b) = (input([t, d]), input([t, d]));
        move || add_assign(&mut a.view_mut(), &b.view()).expect("shapes fit")
    })
}

const ONE_ROUNDING: f64 = 1e-7;

fn sum_error() -> f64 {
    let (a, mut b) = (input([2 * CHECKED_ROWS, 99]), input([CHECKED_ROWS, 99]));
    let a = a.view().narrow(0, CHECKED_ROWS, CHECKED_ROWS);
    let want: Vec<f64> = a.to_f32_vec().iter().zip(wide(&b)).map(|(a, b)| f64::from(*a) + b).collect();
    let mut out = Tensor::poisoned::<f32>([CHECKED_ROWS, 99]);
    add(&a, &b.view(), &mut out.view_mut()).expect("shapes fit");
    add_assign(&mut b.view_mut(), &a).expect("shapes fit");
    deviation(out.as_f32(), &want).max(deviation(b.as_f32(), &want))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};

    #[test]
    fn every_element_is_rounded_once() {
        for (t, d) in [(1, 1), (3, 7), (33, 513)] {
            let (a, b) = (tensor("a", [t, d], 1.0), tensor("b", [t, d], 1.0));
            let all = everywhere(|| {
                let [mut sum, mut scaled] = [(); 2].map(|()| Tensor::poisoned::<f32>([t, d]));
                add(&a.view(), &b.view(), &mut sum.view_mut()).unwrap();
                scale(&a.view(), 0.3, &mut scaled.view_mut()).unwrap();
                let mut onto = a.clone();
                add_assign(&mut onto.view_mut(), &b.view()).unwrap();
                assert_eq!(onto.as_f32(), sum.as_f32());
                [sum.as_f32(), scaled.as_f32()].concat()
            });
            let sums = a.as_f32().iter().zip(b.as_f32()).map(|(a, b)| a + b);
            let want: Vec<f32> = sums.chain(a.as_f32().iter().map(|a| 0.3 * a)).collect();
            assert_eq!(all, want);
        }
    }

    #[test]
    fn strided_rows_are_left_alone_between() {
        let (mut wide, b) = (Tensor::filled([4, 9], 5.0_f32), tensor("b", [4, 3], 1.0));
        add_assign(&mut wide.view_mut().narrow(1, 2, 3), &b.view()).unwrap();
        for (row, b) in wide.as_f32().chunks(9).zip(b.as_f32().chunks(3)) {
            assert_eq!(row, [5.0, 5.0, 5.0 + b[0], 5.0 + b[1], 5.0 + b[2], 5.0, 5.0, 5.0, 5.0]);
        }
    }
}
