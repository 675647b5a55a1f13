//! The choice of experts.

use super::topk;
use crate::OpError;
use crate::movement::gather;
use crate::reduce;
use crate::{pointwise, strided};
use aquifer_tensor::{DType, Tensor, View};

/// The `k` largest softmax weights of every row of router scores and their experts, best first; `renormalise` divides
/// them by their sum.
///
/// # Shapes
/// `scores: [t, experts]`; both results `[t, k]`, weights in `f32`.
///
/// # Errors
/// [`OpError`] for integers, or for more than there are experts.
pub fn topk_softmax(scores: &View, k: usize, renormalise: bool) -> Result<(Tensor, Tensor), OpError> {
    strided::expect_float("topk_softmax", "scores", scores.dtype())?;
    let scores = strided::convert(scores, DType::F32);
    let mut weights = Tensor::recycled::<f32>(scores.shape_of());
    crate::softmax(&scores.view(), &mut weights.view_mut())?;
    let (best, experts) = topk(&weights.view(), k, scores.shape().len() - 1, true)?;
    Ok((if renormalise { normalised(&best)? } else { best }, experts))
}

/// Experts chosen in two steps: the `groups_kept` of `groups` equal runs of experts with the best scores, then the `k`
/// best experts inside them. A group's score is its best expert, or with a `bias` (which takes part in the choice but
/// not in the weights) the sum of its best two.
///
/// DeepSeek-V2 (2024, <https://arxiv.org/abs/2405.04434>, section 2.2.2) and -V3 (2024,
/// <https://arxiv.org/abs/2412.19437>, section 2.1.2).
///
/// # Shapes
/// `scores: [t, experts]`, already softmax or sigmoid weights; `bias: [experts]`; both results `[t, k]`.
///
/// # Errors
/// [`OpError`] where the groups are not equal, or hold too few experts.
pub fn grouped_topk(
    scores: &View,
    bias: Option<&View>,
    k: usize,
    groups: usize,
    groups_kept: usize,
    renormalise: bool,
) -> Result<(Tensor, Tensor), OpError> {
    let op = "grouped_topk";
    strided::expect_float(op, "scores", scores.dtype())?;
    let &[t, experts] = scores.shape() else {
        return Err(OpError::Shape { op, arg: "scores", want: "[t, experts]".into(), got: scores.shape().to_vec() });
    };
    let width = experts.checked_div(groups).unwrap_or(0);
    if width * groups != experts || groups_kept > groups || k > groups_kept * width {
        let want = format!("{experts} experts in equal groups, the kept of which hold at least {k}");
        return Err(OpError::Value { op, arg: "groups", want, got: format!("{groups_kept} of {groups}") });
    }
    let scores = strided::convert(scores, DType::F32);
    let choice = match bias {
        Some(bias) => pointwise::add(&scores.view(), bias)?,
        None => scores.clone(),
    };
    let grouped = choice.reshape([t, groups, width]);
    let best = if bias.is_some() && width > 1 { 2 } else { 1 };
    let (leading, _) = topk(&grouped.view(), best, 2, true)?;
    let (_, kept) = topk(&reduce::sum(&leading.view(), &[2], false)?.view(), groups_kept, 1, true)?;
    let mut outside = Tensor::filled::<u8>([t, groups], 1);
    crate::movement::scatter(&mut outside, 1, &kept.view(), &Tensor::zeros::<u8>([t, groups_kept]).view())?;
    let masked = pointwise::masked_fill(&grouped.view(), &outside.reshape([t, groups, 1]).view(), f32::NEG_INFINITY)?;
    let (_, chosen) = topk(&masked.reshape([t, experts]).view(), k, 1, true)?;
    let weights = gather(&scores.view(), 1, &chosen.view())?;
    Ok((if renormalise { normalised(&weights)? } else { weights }, chosen))
}

/// Rows divided by their sums.
fn normalised(weights: &Tensor) -> Result<Tensor, OpError> {
    let last = weights.shape().len() - 1;
    pointwise::div(&weights.view(), &reduce::sum(&weights.view(), &[last], true)?.view())
}
