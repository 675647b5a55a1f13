//! Results whose length depends on the data.

use super::contiguous;
use crate::OpError;
use crate::pointwise::ne;
use crate::rows::expect_shape;
use crate::strided::{convert, with_element};
use aquifer_tensor::{DType, Element, Tensor, View};

/// Where elements are not zero (NaN is not): one row of indices for each, in row-major order, `[n, axes]`.
///
/// # Errors
/// None: every element type has an answer.
pub fn nonzero(x: &View) -> Result<Tensor, OpError> {
    let zero = convert(&Tensor::zeros::<u8>([]).view(), x.dtype());
    let hits = ne(x, &zero.view())?;
    let rank = x.shape().len();
    let mut rows: Vec<u32> = Vec::new();
    for at in (0..x.numel()).filter(|&at| hits.as_slice::<u8>()[at] != 0) {
        let (start, mut rest) = (rows.len(), at);
        rows.resize(start + rank, 0);
        for axis in (0..rank).rev() {
            rows[start + axis] = (rest % x.shape()[axis]) as u32;
            rest /= x.shape()[axis];
        }
    }
    let n = hits.as_slice::<u8>().iter().filter(|hit| **hit != 0).count();
    Ok(Tensor::from_slice(&rows, [n, rank]))
}

/// The elements of `x` where `mask` is not zero, in row-major order.
///
/// # Errors
/// [`OpError`] for a mask that is not `u8` or does not expand to `x`.
pub fn masked_select(x: &View, mask: &View) -> Result<Tensor, OpError> {
    let at = hits("masked_select", x.shape(), mask)?;
    super::take(x, &View::of(&at, [at.len()]))
}

/// The derivative of [`masked_select`]: `dy` where the mask was set, zeros elsewhere. `shape` is that of `x`.
///
/// # Errors
/// [`OpError`] for another mask, or where `dy` is not as long as it has ones.
pub fn masked_select_backward(shape: &[usize], mask: &View, dy: &View) -> Result<Tensor, OpError> {
    let op = "masked_select_backward";
    let at = hits(op, shape, mask)?;
    expect_shape(op, "dy", dy.shape(), "one for every set element of the mask", &[at.len()])?;
    let mut dx = super::zeros(dy.dtype(), [shape.iter().product::<usize>()]);
    super::index_put(&mut dx, &[View::of(&at, [at.len()])], dy, false)?;
    Ok(dx.reshape(shape))
}

fn hits(op: &'static str, shape: &[usize], mask: &View) -> Result<Vec<u32>, OpError> {
    if mask.dtype() != DType::U8 {
        return Err(OpError::DType { op, arg: "mask", want: "u8", got: mask.dtype() });
    }
    let mask = contiguous(&crate::strided::expanded(op, "mask", mask, shape)?);
    let bytes = mask.as_slice::<u8>();
    Ok((0..bytes.len() as u32).filter(|&at| bytes[at as usize] != 0).collect())
}

/// The different elements in ascending order, for every element of `x` which of them it is (of `x`'s shape), and how
/// often each occurs. NaNs are all different and come last, as in PyTorch.
///
/// # Errors
/// None: every element type is ordered.
pub fn unique(x: &View) -> Result<(Tensor, Tensor, Tensor), OpError> {
    let flat = contiguous(x).reshape([x.numel()]);
    let (_, order) = crate::order_statistics::sort(&flat.view(), 0, false)?;
    with_element!(x.dtype(), T => Ok(runs(flat.as_slice::<T>(), order.as_slice::<u32>(), x.shape())))
}

fn runs<T: Element + PartialEq>(x: &[T], order: &[u32], shape: &[usize]) -> (Tensor, Tensor, Tensor) {
    let (mut values, mut counts) = (Vec::<T>::new(), Vec::<u32>::new());
    let mut inverse = Tensor::recycled::<u32>(shape);
    let which = inverse.as_mut_slice::<u32>();
    for &at in order {
        let value = x[at as usize];
        match (values.last(), counts.last_mut()) {
            (Some(last), Some(count)) if *last == value => *count += 1,
            _ => {
                values.push(value);
                counts.push(1);
            }
        }
        which[at as usize] = values.len() as u32 - 1;
    }
    (Tensor::from_slice(&values, [values.len()]), inverse, Tensor::from_slice(&counts, [counts.len()]))
}
