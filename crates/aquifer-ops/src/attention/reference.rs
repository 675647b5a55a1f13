//! The definition of attention and its derivative by hand, in `f64`.

use super::AttentionSpec;
use std::ops::Range;

/// The definition, in `f64` and the textbook's order: `softmax(scale · q kᵀ) v` over the visible keys. Every
/// kernel answers to this.
///
/// `q: [t, h, d]`, `k`, `v`: `[t, hk, d]`, row-major; gives `out: [t, h, d]` and `lse: [t, h]`.
pub fn reference(
    q: &[f64],
    k: &[f64],
    v: &[f64],
    segments: &[Range<usize>],
    spec: &AttentionSpec,
) -> (Vec<f64>, Vec<f64>) {
    let (h, d) = (spec.heads, spec.head_dim);
    let (mut out, mut lse) = (vec![0.0; q.len()], vec![f64::NEG_INFINITY; q.len() / d]);
    for (segment, i, head) in queries(segments, spec) {
        let (keys, p, log_sum) = probabilities(q, k, &segment, i, head, spec);
        lse[i * h + head] = log_sum;
        for (j, p) in keys.zip(p) {
            for c in 0..d {
                out[(i * h + head) * d + c] += p * v[key_at(j, head, spec) + c];
            }
        }
    }
    (out, lse)
}

/// Its derivative by hand, checked against central differences of [`reference()`]; backward kernels answer to this.
///
/// With `p` the probabilities and `dp = dout·v`: `dv = pᵀ dout`, `ds = p (dp - Σ p dp)`, `dq = scale · ds k`,
/// `dk = scale · dsᵀ q`. Gives `(dq, dk, dv)`.
pub fn reference_backward(
    q: &[f64],
    k: &[f64],
    v: &[f64],
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    dout: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (h, d, scale) = (spec.heads, spec.head_dim, f64::from(spec.scale));
    let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    for (segment, i, head) in queries(segments, spec) {
        let (keys, p, _) = probabilities(q, k, &segment, i, head, spec);
        let at = (i * h + head) * d;
        let dp: Vec<f64> =
            keys.clone().map(|j| (0..d).map(|c| dout[at + c] * v[key_at(j, head, spec) + c]).sum()).collect();
        let mean: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
        for (x, j) in keys.enumerate() {
            let (key, ds) = (key_at(j, head, spec), p[x] * (dp[x] - mean));
            for c in 0..d {
                dq[at + c] += scale * ds * k[key + c];
                dk[key + c] += scale * ds * q[at + c];
                dv[key + c] += p[x] * dout[at + c];
            }
        }
    }
    (dq, dk, dv)
}

/// Every (segment, row, head).
fn queries(segments: &[Range<usize>], spec: &AttentionSpec) -> impl Iterator<Item = (Range<usize>, usize, usize)> {
    let heads = spec.heads;
    segments.iter().flat_map(move |s| s.clone().flat_map(move |i| (0..heads).map(move |head| (s.clone(), i, head))))
}

/// The rows a query sees, its probability on each, and the log of the sum of exponentiated scores.
fn probabilities(
    q: &[f64],
    k: &[f64],
    segment: &Range<usize>,
    i: usize,
    head: usize,
    spec: &AttentionSpec,
) -> (Range<usize>, Vec<f64>, f64) {
    let d = spec.head_dim;
    let visible = spec.visible(i - segment.start);
    let keys = segment.start + visible.start..segment.start + visible.end;
    let at = (i * spec.heads + head) * d;
    let score = |j| -> f64 { (0..d).map(|c| q[at + c] * k[key_at(j, head, spec) + c]).sum() };
    let scores: Vec<f64> = keys.clone().map(|j| f64::from(spec.scale) * score(j)).collect();
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
    let lse = if keys.is_empty() { f64::NEG_INFINITY } else { max + sum.ln() };
    (keys, scores.iter().map(|s| (s - lse).exp()).collect(), lse)
}

/// Where row `j`'s key or value for a query head begins.
fn key_at(j: usize, head: usize, spec: &AttentionSpec) -> usize {
    (j * spec.kv_heads + head / spec.group()) * spec.head_dim
}
