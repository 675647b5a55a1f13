//! Group and batch normalisation: rows of [`crate::layer_norm()`] that are groups of channels, or channels of a batch.
//!
//! Wu & He, 2018, <https://arxiv.org/abs/1803.08494>; Ioffe & Szegedy, 2015, <https://arxiv.org/abs/1502.03167>.

use super::plain;
use crate::movement::transpose;
use crate::order::{Begin, TokenChains};
use crate::strided::convert;
use crate::{OpError, pointwise, reduce};
use aquifer_tensor::{Tensor, View};

/// Shifts every group of channels of every image to mean 0 and scales it to variance 1, then scales each channel by
/// `w` and shifts it by `b`.
///
/// # Shapes
/// `x: [n, channels, ..]`, f32 or bf16; `w`, `b: [channels]`; the result as `x`.
///
/// # Numerics
/// A group is a row of [`crate::layer_norm()`]; the scale and the shift are each rounded.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn group_norm(x: &View, groups: usize, w: &View, b: &View, eps: f32) -> Result<Tensor, OpError> {
    let op = "group_norm";
    let rows = Rows::of_groups(op, x, groups)?;
    let unit = rows.units(&plain(op, x)?, eps)?;
    Ok(convert(&affine(op, &unit, w, b)?.view(), x.dtype()))
}

/// The derivatives of [`group_norm`] with respect to `x`, `w` and `b`.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn group_norm_backward(
    x: &View,
    groups: usize,
    w: &View,
    eps: f32,
    dy: &View,
) -> Result<(Tensor, Tensor, Tensor), OpError> {
    backward("group_norm_backward", &Rows::of_groups("group_norm_backward", x, groups)?, x, w, eps, dy)
}

/// Shifts every channel of the whole batch to mean 0 and scales it to variance 1 (divided by n), then scales by `w`
/// and shifts by `b`; also the channels' means and their variances divided by n − 1, for running averages. It mixes the
/// batch by definition: results depend on batch companions.
///
/// # Shapes
/// `x: [n, channels, ..]`, f32 or bf16; `w`, `b`, mean and variance: `[channels]`.
///
/// # Numerics
/// A channel is a row of [`crate::layer_norm()`].
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn batch_norm(x: &View, w: &View, b: &View, eps: f32) -> Result<(Tensor, Tensor, Tensor), OpError> {
    let op = "batch_norm";
    let rows = Rows::of_channels(op, x)?;
    let held = plain(op, x)?;
    let y = affine(op, &rows.units(&held, eps)?, w, b)?;
    let others: Vec<usize> = (0..x.shape().len()).filter(|axis| *axis != 1).collect();
    let (variance, mean) = reduce::var_mean(&held.view(), &others, 1.0, false)?;
    Ok((convert(&y.view(), x.dtype()), mean, variance))
}

/// The derivatives of [`batch_norm`] with respect to `x`, `w` and `b`.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn batch_norm_backward(x: &View, w: &View, eps: f32, dy: &View) -> Result<(Tensor, Tensor, Tensor), OpError> {
    backward("batch_norm_backward", &Rows::of_channels("batch_norm_backward", x)?, x, w, eps, dy)
}

/// Batch normalisation by running averages: `(x − mean) / √(variance + eps) · w + b`, each operation rounded. As a map
/// of `x` it is linear: its derivative is `dy · w / √(variance + eps)`.
///
/// # Errors
/// [`OpError`] where shapes do not fit.
pub fn batch_norm_inference(
    x: &View,
    mean: &View,
    variance: &View,
    w: &View,
    b: &View,
    eps: f32,
) -> Result<Tensor, OpError> {
    let op = "batch_norm_inference";
    Rows::of_channels(op, x)?;
    let held = plain(op, x)?;
    let eps = Tensor::filled([], eps);
    let scale = pointwise::rsqrt(&pointwise::add(variance, &eps.view())?.view())?;
    let centred = pointwise::sub(&held.view(), &channels(op, mean, x.shape())?.view())?;
    let unit = pointwise::mul(&centred.view(), &channels(op, &scale.view(), x.shape())?.view())?;
    Ok(convert(&affine(op, &unit, w, b)?.view(), x.dtype()))
}

/// How a tensor falls into the rows that are normalised.
struct Rows {
    /// Whether channels come first: rows of a whole batch.
    turned: bool,
    rows: usize,
}

impl Rows {
    fn of_groups(op: &'static str, x: &View, groups: usize) -> Result<Self, OpError> {
        match x.shape() {
            [n, channels, ..] if groups > 0 && channels.is_multiple_of(groups) => {
                Ok(Rows { turned: false, rows: n * groups })
            }
            _ => {
                Err(OpError::Shape { op, arg: "x", want: format!("[n, {groups} groups, ..]"), got: x.shape().to_vec() })
            }
        }
    }

    fn of_channels(op: &'static str, x: &View) -> Result<Self, OpError> {
        match x.shape() {
            [_, channels, ..] => Ok(Rows { turned: true, rows: *channels }),
            _ => Err(OpError::Shape { op, arg: "x", want: "[n, channels, ..]".into(), got: x.shape().to_vec() }),
        }
    }

    /// `x` as a matrix of these rows.
    fn matrix(&self, x: &Tensor) -> Result<Tensor, OpError> {
        let x = if self.turned { transpose(&x.view(), 0, 1)? } else { x.clone() };
        Ok(x.reshape([self.rows, x.numel() / self.rows.max(1)]))
    }

    /// The inverse of [`Rows::matrix`], for a tensor of this shape.
    fn back(&self, rows: &Tensor, shape: &[usize]) -> Result<Tensor, OpError> {
        if !self.turned {
            return Ok(rows.reshape(shape));
        }
        transpose(&rows.reshape(&[&[shape[1], shape[0]], &shape[2..]].concat()[..]).view(), 0, 1)
    }

    /// Every row at mean 0 and variance 1.
    fn units(&self, x: &Tensor, eps: f32) -> Result<Tensor, OpError> {
        let rows = self.matrix(x)?;
        let width = rows.shape()[1];
        let mut unit = Tensor::recycled::<f32>(rows.shape_of());
        crate::layer_norm(&rows.view(), &vec![1.0; width], &vec![0.0; width], eps, &mut unit.view_mut())?;
        self.back(&unit, x.shape())
    }
}

/// A vector over channels, ready to broadcast against `shape`.
fn channels(op: &'static str, v: &View, shape: &[usize]) -> Result<Tensor, OpError> {
    crate::rows::expect_shape(op, "w", v.shape(), "one for every channel", &shape[1..2])?;
    Ok(plain(op, v)?.reshape(&[&shape[1..2], &vec![1; shape.len() - 2][..]].concat()[..]))
}

fn affine(op: &'static str, unit: &Tensor, w: &View, b: &View) -> Result<Tensor, OpError> {
    let scaled = pointwise::mul(&unit.view(), &channels(op, w, unit.shape())?.view())?;
    pointwise::add(&scaled.view(), &channels(op, b, unit.shape())?.view())
}

fn backward(
    op: &'static str,
    rows: &Rows,
    x: &View,
    w: &View,
    eps: f32,
    dy: &View,
) -> Result<(Tensor, Tensor, Tensor), OpError> {
    crate::rows::expect_shape(op, "dy", dy.shape(), "as `x`", x.shape())?;
    let (held, dy) = (plain(op, x)?, plain(op, dy)?);
    let unit = rows.units(&held, eps)?;
    let others: Vec<usize> = (0..x.shape().len()).filter(|axis| *axis != 1).collect();
    let dw = reduce::sum(&pointwise::mul(&dy.view(), &unit.view())?.view(), &others, false)?;
    let db = reduce::sum(&dy.view(), &others, false)?;
    let scaled = pointwise::mul(&dy.view(), &channels(op, w, x.shape())?.view())?;
    let (matrix, dmatrix) = (rows.matrix(&held)?, rows.matrix(&scaled)?);
    let [n, width] = [matrix.shape()[0], matrix.shape()[1]];
    let mut dx = Tensor::recycled::<f32>([n, width]);
    let (ones, mut dw_unused, mut db_unused) = (vec![1.0; width], vec![0.0; width], vec![0.0; width]);
    crate::layer_norm_backward(
        &matrix.view(),
        &ones,
        eps,
        &dmatrix.view(),
        &TokenChains::single(n, n.max(1)),
        Begin::Fresh,
        &mut dx.view_mut(),
        &mut dw_unused,
        &mut db_unused,
    )?;
    Ok((convert(&rows.back(&dx, x.shape())?.view(), x.dtype()), dw, db))
}
