//! Quantised products under the names PyTorch and its kernel libraries give them, for weights that were quantised
//! elsewhere. They are thin; decoding goes through [`linear_quantized`](super::linear_quantized).

use super::rule;
use crate::matmul::{PackedWeight, check_f32, check_float, check_matrix, linear};
use crate::order::MIN_SHARD;
use crate::rows::{RowsMut, each_row, expect_len};
use crate::simd::simd;
use crate::{OpError, Precision};
use aquifer_tensor::{Tensor, View, ViewMut, isa};

/// Quantises activations to eight bits, row by row and group by group.
///
/// # Shapes
/// `x: [m, k]`, f32 or bf16, last axis contiguous; `q: m · k`; `scales: m · ⌈k / group⌉`, a row's groups together.
///
/// # Numerics
/// Per group `scale = max|x| / 127` and `q = RNE(x · (127 / max|x|))`; see
/// [`linear_quantized`](super::linear_quantized) for groups that are tiny or not finite.
///
/// # Errors
/// [`OpError`] if a length or type is not as above, or `group` is 0.
pub fn act_quant(x: &View, group: usize, q: &mut [i8], scales: &mut [f32]) -> Result<(), OpError> {
    const OP: &str = "act_quant";
    check_matrix(OP, "x", x.shape(), x.strides(), None, None)?;
    check_float(OP, "x", x.dtype())?;
    if group == 0 {
        return Err(OpError::Value { op: OP, arg: "group", want: "at least 1".to_owned(), got: "0".to_owned() });
    }
    let (m, k) = (x.shape()[0], x.shape()[1]);
    let groups = k.div_ceil(group);
    expect_len(OP, "q", q.len(), "one for each element of `x`", m * k)?;
    expect_len(OP, "scales", scales.len(), "one for each group of each row", m * groups)?;
    for row in 0..m {
        let values = x.narrow(0, row, 1).to_f32_vec();
        let scales = &mut scales[row * groups..(row + 1) * groups];
        for ((values, q), scale) in values.chunks(group).zip(q[row * k..].chunks_mut(group)).zip(scales) {
            *scale = rule::activations(values, &mut q[..values.len()]).0;
        }
    }
    Ok(())
}

/// The definition of [`act_quant`], in `f64`, of one group: levels and scale.
pub fn act_quant_reference(x: &[f64]) -> (Vec<f64>, f64) {
    let largest = x.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let level = |x: &f64| if largest == 0.0 { 0.0 } else { (x * (127.0 / largest)).round_ties_even() };
    (x.iter().map(level).collect(), largest / 127.0)
}

/// `out[i][j] = (Σ a[i][p] · b[j][p]) · scale_a[i] · scale_b[j] + bias[j]` with eight-bit operands: one scale a row of
/// `a` and of `b`, or one for all.
///
/// # Shapes
/// `a: [m, k]` and `b: [n, k]`, row after row; `scale_a` 1 or `m` long, `scale_b` 1 or `n`; `bias: [n]`; `out: [m, n]`
/// f32.
///
/// # Numerics
/// Sums are exact up to k = 131,072; then converted, multiplied by the scales and added to the bias, each rounded.
///
/// # Errors
/// [`OpError`] if a length is not as above or `k` is larger.
pub fn scaled_mm(
    a: &[i8],
    b: &[i8],
    [m, n, k]: [usize; 3],
    scale_a: &[f32],
    scale_b: &[f32],
    bias: Option<&[f32]>,
    out: &mut ViewMut,
) -> Result<(), OpError> {
    const OP: &str = "scaled_mm";
    expect_len(OP, "a", a.len(), "m · k", m * k)?;
    expect_len(OP, "b", b.len(), "n · k", n * k)?;
    for (arg, scales, rows) in [("scale_a", scale_a, m), ("scale_b", scale_b, n)] {
        if scales.len() != 1 {
            expect_len(OP, arg, scales.len(), "one, or one a row", rows)?;
        }
    }
    if let Some(bias) = bias {
        expect_len(OP, "bias", bias.len(), "n", n)?;
    }
    if k > 1 << 17 {
        return Err(OpError::Value { op: OP, arg: "k", want: "at most 131072".to_owned(), got: k.to_string() });
    }
    let out = RowsMut::like(OP, "out", out, "[m, n]", &[m, n])?;
    let isa = isa::active();
    let of = |scales: &[f32], at: usize| scales[if scales.len() == 1 { 0 } else { at }];
    each_row(m, n * k, |i| {
        // SAFETY: one task a row.
        let out = unsafe { out.row(i) };
        for (j, out) in out.iter_mut().enumerate() {
            let sum = dot_on(isa, &a[i * k..(i + 1) * k], &b[j * k..(j + 1) * k]);
            *out = sum as f32 * of(scale_a, i) * of(scale_b, j) + bias.map_or(0.0, |bias| bias[j]);
        }
    });
    Ok(())
}

simd! {
    fn dot_on(isa: Isa, a: &[i8], b: &[i8]) -> i32 {
        a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
    }
}

/// The definition of [`scaled_mm`], in `f64`, with a scale for every row.
pub fn scaled_mm_reference(a: &[f64], b: &[f64], shape: [usize; 3], scale_a: &[f64], scale_b: &[f64]) -> Vec<f64> {
    let mut out = crate::matmul::reference(a, b, None, shape);
    let n = shape[1].max(1);
    out.iter_mut().enumerate().for_each(|(at, x)| *x *= scale_a[at / n] * scale_b[at % n]);
    out
}

/// `out = (x · qᵀ) · scales`: eight-bit weights with a scale for each row, activations as they are.
///
/// # Shapes
/// `x: [m, k]`, f32 or bf16, last axis contiguous; `q: [n, k]`, row after row; `scales: [n]`; `out: [m, n]`, f32,
/// contiguous rows.
///
/// # Numerics
/// The `f32` product of `x` and the integers (see [`linear`]), then one multiplication.
///
/// # Errors
/// [`OpError`] if a length or type is not as above.
pub fn weight_int8pack_mm(x: &View, q: &[i8], scales: &[f32], out: &mut ViewMut) -> Result<(), OpError> {
    const OP: &str = "weight_int8pack_mm";
    let k = columns(OP, x)?;
    let n = scales.len();
    expect_len(OP, "q", q.len(), "n · k", n * k)?;
    let w = Tensor::from_f32(&q.iter().map(|&q| f32::from(q)).collect::<Vec<_>>(), [n, k]);
    product(OP, x, &w, out)?;
    let shape = [x.shape()[0], n];
    let rows = RowsMut::like(OP, "out", out, "[m, n]", &shape)?;
    each_row(shape[0], n, |i| {
        // SAFETY: one task a row.
        unsafe { rows.row(i) }.iter_mut().zip(scales).for_each(|(out, scale)| *out *= scale);
    });
    Ok(())
}

/// The definition of [`weight_int8pack_mm`], in `f64`. `x: [m, k]`, `q: [n, k]`.
pub fn weight_int8pack_mm_reference(x: &[f64], q: &[f64], scales: &[f64], shape: [usize; 3]) -> Vec<f64> {
    scaled_mm_reference(x, q, shape, &vec![1.0; shape[0]], scales)
}

/// `out = x · Wᵀ` with `W = (q − 8) · scale + zero`: four-bit weights with a scale and a zero point for each group,
/// activations as they are.
///
/// # Shapes
/// `x: [m, k]`, f32 or bf16, last axis contiguous, k even; `q: [n, k / 2]`, two to a byte, the earlier one in the low
/// half; `scales_and_zeros: [⌈k / group⌉, n, 2]`; `out: [m, n]`, f32, contiguous rows.
///
/// # Numerics
/// `W` in f32, its multiplication and addition rounded; then the `f32` product (see [`linear`]).
///
/// # Errors
/// [`OpError`] if a length or type is not as above, or `group` is 0.
pub fn weight_int4pack_mm(
    x: &View,
    q: &[u8],
    group: usize,
    scales_and_zeros: &[f32],
    out: &mut ViewMut,
) -> Result<(), OpError> {
    const OP: &str = "weight_int4pack_mm";
    let k = columns(OP, x)?;
    let n = (q.len() * 2).checked_div(k).unwrap_or(0);
    if group == 0 || k % 2 != 0 {
        let (want, got) = ("at least 1, and k even".to_owned(), format!("{group}, and k = {k}"));
        return Err(OpError::Value { op: OP, arg: "group", want, got });
    }
    expect_len(OP, "q", q.len(), "n · k / 2", n * k / 2)?;
    expect_len(
        OP,
        "scales_and_zeros",
        scales_and_zeros.len(),
        "two for each group and row",
        k.div_ceil(group) * n * 2,
    )?;
    let weight = |at: usize| {
        let (row, column) = (at / k, at % k);
        let [scale, zero] = [0, 1].map(|i| scales_and_zeros[(column / group * n + row) * 2 + i]);
        let level = q[at / 2] >> (at % 2 * 4) & 15;
        (f32::from(level) - 8.0) * scale + zero
    };
    let w = Tensor::from_f32(&(0..n * k).map(weight).collect::<Vec<_>>(), [n, k]);
    product(OP, x, &w, out)
}

/// The definition of [`weight_int4pack_mm`], in `f64`; `q: [n, k]` holds levels from 0 to 15.
pub fn weight_int4pack_mm_reference(
    x: &[f64],
    q: &[f64],
    group: usize,
    scales_and_zeros: &[f64],
    shape @ [_, n, k]: [usize; 3],
) -> Vec<f64> {
    let weight = |at: usize| {
        let of = (at % k / group * n + at / k) * 2;
        (q[at] - 8.0) * scales_and_zeros[of] + scales_and_zeros[of + 1]
    };
    crate::matmul::reference(x, &(0..n * k).map(weight).collect::<Vec<_>>(), None, shape)
}

/// k of a left side that may be multiplied.
fn columns(op: &'static str, x: &View) -> Result<usize, OpError> {
    check_matrix(op, "x", x.shape(), x.strides(), None, None)?;
    check_float(op, "x", x.dtype())?;
    Ok(x.shape()[1])
}

fn product(op: &'static str, x: &View, w: &Tensor, out: &mut ViewMut) -> Result<(), OpError> {
    check_matrix(op, "out", out.shape(), out.strides(), Some(x.shape()[0]), Some(w.shape()[0]))?;
    check_f32(op, "out", out.dtype())?;
    linear(x, &PackedWeight::new(&w.view(), MIN_SHARD, Precision::F32)?, None, out)
}
