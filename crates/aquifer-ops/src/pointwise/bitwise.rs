//! Bits of integers, one by one. The result of a comparison is a `u8` of 0 or 1, so these also join comparisons.

use crate::OpError;
use crate::strided::{broadcast, expanded, is_float, map, promoted};
use aquifer_tensor::{Tensor, View};

/// The bits that both have.
///
/// # Shapes
/// `a` and `b` broadcast to one shape.
///
/// # Errors
/// [`OpError`] where shapes do not broadcast, for floats, or for unlike element types.
pub fn bitwise_and(a: &View, b: &View) -> Result<Tensor, OpError> {
    both("bitwise_and", a, b, |a, b| a & b)
}

/// The bits that either has.
///
/// # Errors
/// As [`bitwise_and`].
pub fn bitwise_or(a: &View, b: &View) -> Result<Tensor, OpError> {
    both("bitwise_or", a, b, |a, b| a | b)
}

/// The bits that one of them has alone.
///
/// # Errors
/// As [`bitwise_and`].
pub fn bitwise_xor(a: &View, b: &View) -> Result<Tensor, OpError> {
    both("bitwise_xor", a, b, |a, b| a ^ b)
}

/// The bits that `x` has not.
///
/// # Errors
/// As [`bitwise_and`].
pub fn bitwise_not(x: &View) -> Result<Tensor, OpError> {
    whole("bitwise_not", "x", x)?;
    let [y] = map([x], [x.dtype()], x.shape(), |[x]: [&[i64]; 1], [y]| {
        for i in 0..y.len() {
            y[i] = !x[i];
        }
    });
    Ok(y)
}

fn both(op: &'static str, a: &View, b: &View, bits: fn(i64, i64) -> i64) -> Result<Tensor, OpError> {
    whole(op, "a", a)?;
    whole(op, "b", b)?;
    let dtype = promoted(op, "b", a.dtype(), b.dtype())?;
    let shape = broadcast(op, "b", a.shape(), b.shape())?;
    let (a, b) = (expanded(op, "a", a, &shape)?, expanded(op, "b", b, &shape)?);
    let [y] = map([&a, &b], [dtype], &shape, |[a, b]: [&[i64]; 2], [y]| {
        for i in 0..y.len() {
            y[i] = bits(a[i], b[i]);
        }
    });
    Ok(y)
}

fn whole(op: &'static str, arg: &'static str, x: &View) -> Result<(), OpError> {
    match is_float(x.dtype()) {
        true => Err(OpError::DType { op, arg, want: "u32, i32 or u8", got: x.dtype() }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_tensor::Element;

    fn checked<T: Element + std::fmt::Debug + PartialEq>(a: &[T], b: &[T], want: [&[T]; 4]) {
        let (x, y) = (Tensor::from_slice(a, [a.len()]), Tensor::from_slice(b, [b.len()]));
        let (x, y) = (x.view(), y.view());
        let got = [bitwise_and(&x, &y), bitwise_or(&x, &y), bitwise_xor(&x, &y), bitwise_not(&x)];
        for (got, want) in got.into_iter().zip(want) {
            assert_eq!(got.unwrap().as_slice::<T>(), want);
        }
    }

    #[test]
    fn every_bit_of_every_integer_type_counts() {
        checked::<u8>(
            &[0b1100, 255, 0],
            &[0b1010],
            [&[0b1000, 10, 0], &[0b1110, 255, 10], &[6, 245, 10], &[243, 0, 255]],
        );
        checked::<u32>(
            &[u32::MAX, 1 << 31],
            &[1 << 31, 3],
            [&[1 << 31, 0], &[u32::MAX, (1 << 31) + 3], &[u32::MAX >> 1, (1 << 31) + 3], &[0, u32::MAX >> 1]],
        );
        checked::<i32>(&[-1, i32::MIN], &[5, 5], [&[5, 0], &[-1, i32::MIN + 5], &[-6, i32::MIN + 5], &[0, i32::MAX]]);
        checked::<u8>(&[], &[], [&[]; 4]);
    }

    #[test]
    fn floats_have_no_bits_here() {
        let (x, n) = (Tensor::zeros::<f32>([2]), Tensor::zeros::<u8>([2]));
        assert!(bitwise_not(&x.view()).is_err() && bitwise_and(&n.view(), &x.view()).is_err());
    }
}
