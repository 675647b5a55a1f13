//! Losses by the names PyTorch has for them. [`crate::cross_entropy()`] and [`crate::linear_cross_entropy()`] are the ones
//! that training uses: one pass, and no mean of means.

use crate::cross_entropy::IGNORE;
use crate::movement::contiguous;
use crate::reduce::expect_axis;
use crate::strided::{convert, expect_float};
use crate::{OpError, pointwise, reduce};
use aquifer_tensor::{DType, Tensor, View};

/// `x − log Σ exp(x)` along `axis`.
///
/// # Numerics
/// [`reduce::logsumexp`], then one subtraction in f32; of `x`'s element type, rounded once.
///
/// # Errors
/// [`OpError`] for integers, and for an axis that is not there.
pub fn log_softmax(x: &View, axis: usize) -> Result<Tensor, OpError> {
    expect_axis("log_softmax", axis, x.shape())?;
    expect_float("log_softmax", "x", x.dtype())?;
    let wide = convert(x, DType::F32);
    let sums = reduce::logsumexp(&wide.view(), &[axis], true)?;
    Ok(convert(&pointwise::sub(&wide.view(), &sums.view())?.view(), x.dtype()))
}

/// The derivative of [`log_softmax`] from its output `y`: `dy − exp(y) · Σ dy`.
///
/// # Errors
/// As [`log_softmax`], and where shapes differ.
pub fn log_softmax_backward(y: &View, axis: usize, dy: &View) -> Result<Tensor, OpError> {
    crate::rows::expect_shape("log_softmax_backward", "dy", dy.shape(), "as `y`", y.shape())?;
    expect_axis("log_softmax_backward", axis, y.shape())?;
    let (wide, wide_dy) = (convert(y, DType::F32), convert(dy, DType::F32));
    let sums = reduce::sum(&wide_dy.view(), &[axis], true)?;
    let shares = pointwise::mul(&pointwise::exp(&wide.view())?.view(), &sums.view())?;
    Ok(convert(&pointwise::sub(&wide_dy.view(), &shares.view())?.view(), y.dtype()))
}

/// The mean of `−log_p[t, target[t]]` over rows whose target is not [`IGNORE`]; NaN without any.
///
/// # Shapes
/// `log_p: [t, classes]`, floats; `targets: [t]`.
///
/// # Numerics
/// The sum in the order of a row, in f32; the result is a tensor of one element without axes.
///
/// # Errors
/// [`OpError`] where shapes differ, or for a target that is no class.
pub fn nll_loss(log_p: &View, targets: &[u32]) -> Result<Tensor, OpError> {
    let (columns, counted) = expect_targets("nll_loss", log_p, targets)?;
    let wide = convert(log_p, DType::F32);
    let picked: Vec<f32> = wide
        .as_f32()
        .chunks(columns.max(1))
        .zip(targets)
        .map(|(row, target)| if *target == IGNORE { 0.0 } else { -row[*target as usize] })
        .collect();
    let sum = reduce::sum(&View::of(&picked, [picked.len()]), &[], false)?;
    pointwise::div(&sum.view(), &Tensor::filled([], counted as f32).view())
}

/// The derivative of [`nll_loss`] times `dy`: `−dy / n` at every target.
///
/// # Errors
/// As [`nll_loss`].
pub fn nll_loss_backward(log_p: &View, targets: &[u32], dy: f32) -> Result<Tensor, OpError> {
    let (columns, counted) = expect_targets("nll_loss_backward", log_p, targets)?;
    let mut dx = Tensor::zeros::<f32>(log_p.shape());
    for (row, target) in dx.as_f32_mut().chunks_mut(columns.max(1)).zip(targets).filter(|(_, t)| **t != IGNORE) {
        row[*target as usize] = -dy / counted as f32;
    }
    Ok(convert(&dx.view(), log_p.dtype()))
}

/// The number of classes, and of targets that count.
fn expect_targets(op: &'static str, log_p: &View, targets: &[u32]) -> Result<(usize, usize), OpError> {
    expect_float(op, "log_p", log_p.dtype())?;
    let &[rows, classes] = log_p.shape() else {
        return Err(OpError::Shape { op, arg: "log_p", want: "[t, classes]".into(), got: log_p.shape().to_vec() });
    };
    crate::rows::expect_len(op, "targets", targets.len(), "one for every row", rows)?;
    if let Some(at) = targets.iter().position(|&target| target != IGNORE && target as usize >= classes) {
        let want = format!("below {classes}, or IGNORE");
        return Err(OpError::Value { op, arg: "targets", want, got: format!("{} at row {at}", targets[at]) });
    }
    Ok((classes, targets.iter().filter(|target| **target != IGNORE).count()))
}

/// The mean of (a − b)² over all elements, as a tensor of one element without axes.
///
/// # Numerics
/// The sum in the order of a row.
///
/// # Errors
/// [`OpError`] where shapes differ, and for integers.
pub fn mse_loss(a: &View, b: &View) -> Result<Tensor, OpError> {
    crate::rows::expect_shape("mse_loss", "b", b.shape(), "as `a`", a.shape())?;
    reduce::mean(&pointwise::squared_error(a, b)?.view(), &[], false)
}

/// The derivatives of [`mse_loss`] with respect to `a` and `b`, times `dy`.
///
/// # Errors
/// As [`mse_loss`].
pub fn mse_loss_backward(a: &View, b: &View, dy: f32) -> Result<(Tensor, Tensor), OpError> {
    crate::rows::expect_shape("mse_loss_backward", "b", b.shape(), "as `a`", a.shape())?;
    let each = Tensor::filled(a.shape(), dy / a.numel() as f32);
    pointwise::squared_error_backward(a, b, &each.view())
}

/// Logits of tokens that have occurred, made less likely: divided by `penalty` where positive, multiplied where not.
/// Keskar et al., 2019, <https://arxiv.org/abs/1909.05858>, section 4.1, in the form that keeps the sign.
///
/// # Shapes
/// `logits: [rows, vocab]` f32; `occurred: [rows, vocab]` u8; `penalties: [rows]`, positive.
///
/// # Errors
/// [`OpError`] where shapes differ, or for a penalty that is not positive.
pub fn apply_repetition_penalties(logits: &View, occurred: &View, penalties: &[f32]) -> Result<Tensor, OpError> {
    let op = "apply_repetition_penalties";
    let &[rows, _] = logits.shape() else {
        return Err(OpError::Shape { op, arg: "logits", want: "[rows, vocab]".into(), got: logits.shape().to_vec() });
    };
    crate::rows::expect_len(op, "penalties", penalties.len(), "one for every row", rows)?;
    if let Some(bad) = penalties.iter().find(|penalty| **penalty <= 0.0 || penalty.is_nan()) {
        return Err(OpError::Value { op, arg: "penalties", want: "positive".into(), got: bad.to_string() });
    }
    let (penalties, zero) = (View::of(penalties, [rows, 1]), Tensor::zeros::<f32>([]));
    let (less, more) = (pointwise::div(logits, &penalties)?, pointwise::mul(logits, &penalties)?);
    let positive = pointwise::gt(logits, &zero.view())?;
    let penalised = pointwise::where_(&positive.view(), &less.view(), &more.view())?;
    pointwise::where_(occurred, &penalised.view(), &contiguous(logits).view())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{everywhere, tensor};
    use aquifer_testkit::{assert_close, check_gradient, wide};

    #[test]
    fn log_softmax_and_nll_are_cross_entropy() {
        let (x, targets) = (tensor("x", [5, 37], 9.0), [3, IGNORE, 36, 0, 7]);
        let loss = everywhere(|| {
            let y = log_softmax(&x.view(), 1).unwrap();
            nll_loss(&y.view(), &targets).unwrap().as_f32().to_vec()
        });
        let value = |x: &[f64]| -> f64 {
            let rows = x.chunks(37).zip(targets).map(|(row, target)| crate::cross_entropy::reference(row, target));
            rows.sum::<f64>() / 4.0
        };
        let x64 = wide(x.as_f32());
        assert_close(&loss, &[value(&x64)], 1e-6);
        let y = log_softmax(&x.view(), 1).unwrap();
        let dy = nll_loss_backward(&y.view(), &targets, 1.0).unwrap();
        let dx = log_softmax_backward(&y.view(), 1, &dy.view()).unwrap();
        check_gradient("nll", &x64, &wide(dx.as_f32()), value);
        assert!(nll_loss(&y.view(), &[0; 4]).is_err() && nll_loss(&y.view(), &[37; 5]).is_err());
        let turned = log_softmax(&x.view().transpose(0, 1), 0).unwrap();
        assert_eq!(turned.view().transpose(0, 1).to_f32_vec(), y.as_f32());
    }

    #[test]
    fn squared_errors_are_averaged() {
        let (a, b) = (tensor("a", [3, 5], 1.0), tensor("b", [3, 5], 1.0));
        let both = wide(&[a.as_f32(), b.as_f32()].concat());
        let value = |x: &[f64]| (0..15).map(|i| (x[i] - x[15 + i]).powi(2)).sum::<f64>() / 15.0;
        assert_close(mse_loss(&a.view(), &b.view()).unwrap().as_f32(), &[value(&both)], 1e-6);
        let (da, db) = mse_loss_backward(&a.view(), &b.view(), 1.0).unwrap();
        check_gradient("mse", &both, &wide(&[da.as_f32(), db.as_f32()].concat()), value);
    }

    #[test]
    fn penalties_keep_the_sign() {
        let (logits, occurred) = ([2.0_f32, -2.0, 2.0, 3.0, 0.0, -3.0], [1_u8, 1, 0, 0, 1, 1]);
        let y = apply_repetition_penalties(&View::of(&logits, [2, 3]), &View::of(&occurred, [2, 3]), &[2.0, 1.5]);
        assert_eq!(y.unwrap().as_f32(), [1.0, -4.0, 2.0, 3.0, 0.0, -4.5]);
        assert!(
            apply_repetition_penalties(&View::of(&logits, [2, 3]), &View::of(&occurred, [2, 3]), &[2.0, 0.0]).is_err()
        );
    }
}
