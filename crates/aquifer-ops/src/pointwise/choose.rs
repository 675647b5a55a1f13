//! Elements of one tensor or another, as a mask says.

use crate::OpError;
use crate::reduce::sum_to;
use crate::strided::{Lane, broadcast, expanded, expect_float, is_float, map, promoted};
use aquifer_tensor::{DType, Tensor, View};

/// `a` where `mask` is not zero, else `b`.
///
/// # Shapes
/// `mask` (u8), `a` and `b` broadcast to one shape.
///
/// # Errors
/// [`OpError`] where shapes do not broadcast, for another mask, or for unlike element types (floats may mix).
pub fn where_(mask: &View, a: &View, b: &View) -> Result<Tensor, OpError> {
    let (mask, a, b) = operands("where", mask, a, b)?;
    let dtype = promoted("where", "b", a.dtype(), b.dtype())?;
    let [y] = if is_float(dtype) { pick::<f32>(&mask, &a, &b, dtype) } else { pick::<i64>(&mask, &a, &b, dtype) };
    Ok(y)
}

/// The derivatives of [`where_`] with respect to `a` and `b`, times `dy`.
///
/// # Errors
/// As [`where_`], and for integers.
pub fn where_backward(mask: &View, a: &View, b: &View, dy: &View) -> Result<(Tensor, Tensor), OpError> {
    let op = "where_backward";
    let (mask, _, _) = operands(op, mask, a, b)?;
    expect_float(op, "dy", dy.dtype())?;
    crate::rows::expect_shape(op, "dy", dy.shape(), "as the result", mask.shape())?;
    let [da, db] = map([&mask, dy], [DType::F32; 2], mask.shape(), |[mask, dy]: [&[f32]; 2], [da, db]| {
        for i in 0..dy.len() {
            (da[i], db[i]) = if mask[i] != 0.0 { (dy[i], 0.0) } else { (0.0, dy[i]) };
        }
    });
    Ok((sum_to(da, a)?, sum_to(db, b)?))
}

/// `value` where `mask` is not zero, else `x`. Its derivative is that of [`where_`].
///
/// # Errors
/// As [`where_`]; the mask expands to `x`.
pub fn masked_fill(x: &View, mask: &View, value: f32) -> Result<Tensor, OpError> {
    expanded("masked_fill", "mask", mask, x.shape())?;
    let filled = Tensor::filled::<f32>([], value);
    let filled = crate::strided::convert(&filled.view(), x.dtype());
    where_(mask, &filled.view(), x)
}

fn operands<'a>(
    op: &'static str,
    mask: &View<'a>,
    a: &View<'a>,
    b: &View<'a>,
) -> Result<(View<'a>, View<'a>, View<'a>), OpError> {
    if mask.dtype() != DType::U8 {
        return Err(OpError::DType { op, arg: "mask", want: "u8", got: mask.dtype() });
    }
    let shape = broadcast(op, "b", &broadcast(op, "a", mask.shape(), a.shape())?, b.shape())?;
    Ok((expanded(op, "mask", mask, &shape)?, expanded(op, "a", a, &shape)?, expanded(op, "b", b, &shape)?))
}

fn pick<W: Lane + PartialEq>(mask: &View, a: &View, b: &View, dtype: DType) -> [Tensor; 1] {
    map([mask, a, b], [dtype], mask.shape(), |[mask, a, b]: [&[W]; 3], [out]| {
        for i in 0..out.len() {
            out[i] = if mask[i] != W::default() { a[i] } else { b[i] };
        }
    })
}
