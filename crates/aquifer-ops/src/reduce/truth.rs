//! Whether all, or any, elements of a row are not zero.

use crate::OpError;
use crate::pointwise::{logical_not, ne};
use aquifer_tensor::{DType, Tensor, View};

/// 1 where every element of a row is not zero, and for a row without elements. NaN is not zero.
///
/// # Errors
/// [`OpError::Value`] for an axis that is not there or is named twice.
pub fn all(x: &View, axes: &[usize], keep: bool) -> Result<Tensor, OpError> {
    let some_zero = fold("all", &logical_not(x)?.view(), axes, keep)?;
    logical_not(&some_zero.view())
}

/// 1 where some element of a row is not zero.
///
/// # Errors
/// As [`all`].
pub fn any(x: &View, axes: &[usize], keep: bool) -> Result<Tensor, OpError> {
    let zero = crate::strided::convert(&Tensor::zeros::<u8>([]).view(), x.dtype());
    fold("any", &ne(x, &zero.view())?.view(), axes, keep)
}

/// The largest byte of every row; 0 without any.
fn fold(op: &'static str, bytes: &View, axes: &[usize], keep: bool) -> Result<Tensor, OpError> {
    let wide = crate::strided::convert(bytes, DType::F32);
    let fold = super::fold::Fold::new(op, &wide.view(), axes, keep)?;
    Ok(fold.collect(&wide.view(), DType::U8, |row| if row.iter().any(|x| *x != 0.0) { 1.0 } else { 0.0 }))
}
