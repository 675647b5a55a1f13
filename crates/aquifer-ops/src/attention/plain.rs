//! The written order, literally: one query at a time, one element at a time. Kernels must equal it in every bit.

use super::AttentionSpec;
use super::CHUNK;
use crate::math::{exp, log};
use crate::order::{ROW_LANES, tree};
use std::ops::Range;

/// Row-major `out` and `lse` of [`super::attention`].
pub(super) fn forward(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    segments: &[Range<usize>],
    spec: &AttentionSpec,
) -> (Vec<f32>, Vec<f32>) {
    let (heads, d) = (spec.heads, spec.head_dim);
    let (mut out, mut lse) = (vec![0.0; q.len()], vec![f32::NEG_INFINITY; q.len() / d]);
    for segment in segments {
        for i in segment.clone() {
            for head in 0..heads {
                let row = |x, j| at(x, segment.start + j, head / spec.group(), spec.kv_heads, d);
                let q = at(q, i, head, heads, d);
                let out = &mut out[(i * heads + head) * d..][..d];
                lse[i * heads + head] = query(q, |j| (row(k, j), row(v, j)), i - segment.start, spec, out);
            }
        }
    }
    (out, lse)
}

/// One query; gives its log-sum-exp.
fn query<'a>(
    q: &[f32],
    kv: impl Fn(usize) -> (&'a [f32], &'a [f32]),
    position: usize,
    spec: &AttentionSpec,
    out: &mut [f32],
) -> f32 {
    let visible = spec.visible(position);
    let mut state: Option<(f32, f32, Vec<f32>)> = None;
    for start in (visible.start / CHUNK * CHUNK..visible.end).step_by(CHUNK) {
        let keys = visible.start.max(start)..visible.end.min(start + CHUNK);
        if keys.is_empty() {
            continue;
        }
        let scores: Vec<f32> = keys.clone().map(|j| dot(q, kv(j).0) * spec.scale).collect();
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut lanes, mut o) = ([0.0; ROW_LANES], vec![0.0_f32; q.len()]);
        for (j, score) in keys.zip(scores) {
            let p = exp_from(score, max);
            lanes[(j - start) % ROW_LANES] += p;
            o.iter_mut().zip(kv(j).1).for_each(|(o, &v)| *o = p.mul_add(v, *o));
        }
        let sum = tree(lanes, |a, b| a + b).unwrap();
        state = Some(match state {
            None => (max, sum, o),
            Some((max_before, sum_before, o_before)) => {
                let both = max_before.max(max);
                let (e1, e2) = (exp_from(max_before, both), exp_from(max, both));
                let o = o_before.iter().zip(&o).map(|(o1, o2)| o1 * e1 + o2 * e2).collect();
                (both, sum_before * e1 + sum * e2, o)
            }
        });
    }
    let Some((max, sum, o)) = state else { return f32::NEG_INFINITY };
    let inverse = 1.0 / sum;
    out.iter_mut().zip(o).for_each(|(out, o)| *out = o * inverse);
    max + log(sum)
}

/// Row-major `dq`, `dk` and `dv` of [`super::attention_backward`].
pub(super) fn backward(
    [q, k, v, out, lse, dout]: [&[f32]; 6],
    segments: &[Range<usize>],
    spec: &AttentionSpec,
) -> [Vec<f32>; 3] {
    let (heads, d) = (spec.heads, spec.head_dim);
    let (mut dq, mut dk, mut dv) = (vec![0.0_f32; q.len()], vec![0.0_f32; k.len()], vec![0.0_f32; v.len()]);
    for segment in segments {
        for head in 0..heads {
            for i in segment.clone() {
                let [q, out, dout] = [q, out, dout].map(|x| at(x, i, head, heads, d));
                let mut lanes = [0.0_f32; ROW_LANES];
                for c in 0..d {
                    lanes[c % ROW_LANES] = dout[c].mul_add(out[c], lanes[c % ROW_LANES]);
                }
                let mean = tree(lanes, |a, b| a + b).unwrap();
                for j in spec.visible(i - segment.start) {
                    let kv_row = (segment.start + j) * spec.kv_heads + head / spec.group();
                    let [k, v] = [k, v].map(|x| &x[kv_row * d..][..d]);
                    let p = exp(dot(q, k) * spec.scale - lse[i * heads + head]);
                    let ds = p * (dot(dout, v) - mean);
                    for c in 0..d {
                        let (dq, dk, dv) =
                            (&mut dq[(i * heads + head) * d + c], &mut dk[kv_row * d + c], &mut dv[kv_row * d + c]);
                        *dq = ds.mul_add(k[c], *dq);
                        *dk = ds.mul_add(q[c], *dk);
                        *dv = p.mul_add(dout[c], *dv);
                    }
                }
            }
        }
    }
    dq.iter_mut().chain(&mut dk).for_each(|x| *x *= spec.scale);
    [dq, dk, dv]
}

fn at(x: &[f32], row: usize, head: usize, heads: usize, d: usize) -> &[f32] {
    &x[(row * heads + head) * d..][..d]
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| a.mul_add(b, sum))
}

fn exp_from(score: f32, max: f32) -> f32 {
    exp(if max == f32::NEG_INFINITY { score } else { score - max })
}
