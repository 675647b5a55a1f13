//! The plain path: one query at a time, in exactly the written order.

use super::rows::Rows;
use super::{AttentionSpec, CHUNK, CachedQueries};
use crate::math::{exp, log};
use crate::order::{ROW_LANES, tree};
use aquifer_tensor::threads::parallel_for;
use aquifer_tensor::{View, ViewMut};
use std::ops::Range;

pub(super) fn forward(
    q: &View,
    k: &View,
    v: &View,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    out: &mut ViewMut,
    lse: &mut ViewMut,
) {
    let t = q.shape()[0];
    let (q, k, v, out) = (Rows::of(q), Rows::of(k), Rows::of(v), Rows::of_mut(out));
    let lse = Rows::of_mut(lse);
    let (heads, d) = (spec.heads, spec.head_dim);
    parallel_for(t * heads, |task| {
        let (i, head) = (task / heads, task % heads);
        // SAFETY: rows of this task alone.
        let (out_row, lse_row) = unsafe { (out.slice_mut(i, head, d), lse.slice_mut(i, head, 1)) };
        out_row.fill(0.0);
        lse_row[0] = f32::NEG_INFINITY;
        let Some(segment) = segments.iter().find(|s| s.contains(&i)) else { return };
        // SAFETY: rows of the checked views.
        let q = unsafe { q.slice(i, head, d) };
        let kv = |j: usize| unsafe {
            (k.slice(segment.start + j, head / spec.group(), d), v.slice(segment.start + j, head / spec.group(), d))
        };
        lse_row[0] = query(q, kv, i - segment.start, spec, out_row);
    });
}

pub(super) fn cached(q: &View, sequences: &[CachedQueries], spec: &AttentionSpec, out: &mut ViewMut) {
    let rows = q.shape()[0];
    let (q, out) = (Rows::of(q), Rows::of_mut(out));
    let (heads, d) = (spec.heads, spec.head_dim);
    parallel_for(rows * heads, |task| {
        let (i, head) = (task / heads, task % heads);
        // SAFETY: rows of this task alone.
        let out_row = unsafe { out.slice_mut(i, head, d) };
        out_row.fill(0.0);
        let Some(sequence) = sequences.iter().find(|s| s.rows.contains(&i)) else { return };
        // SAFETY: rows of the checked views.
        let q = unsafe { q.slice(i, head, d) };
        let kv = |j: usize| {
            let (chunk, at) = (&sequence.chunks[j / CHUNK], (j % CHUNK * spec.kv_heads + head / spec.group()) * d);
            (&chunk.keys.as_f32()[at..at + d], &chunk.values.as_f32()[at..at + d])
        };
        query(q, kv, sequence.first_position + i - sequence.rows.start, spec, out_row);
    });
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| a.mul_add(b, sum))
}

fn exp_from(score: f32, max: f32) -> f32 {
    exp(if max == f32::NEG_INFINITY { score } else { score - max })
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
        let sum = tree(lanes, |a, b| a + b).expect("there are sixteen lanes");
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

pub(super) fn backward(
    q: &View,
    k: &View,
    v: &View,
    out: &View,
    lse: &View,
    dout: &View,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    dq: &mut ViewMut,
    dk: &mut ViewMut,
    dv: &mut ViewMut,
) {
    let t = q.shape()[0];
    let (q, k, v, out, lse, dout) =
        (Rows::of(q), Rows::of(k), Rows::of(v), Rows::of(out), Rows::of(lse), Rows::of(dout));
    let (dq, dk, dv) = (Rows::of_mut(dq), Rows::of_mut(dk), Rows::of_mut(dv));
    let (d, group) = (spec.head_dim, spec.group());
    parallel_for(spec.kv_heads, |kv_head| {
        // SAFETY (all below): rows of the checked views; this task alone writes this key/value head's.
        let head_rows = kv_head * group..(kv_head + 1) * group;
        for i in 0..t {
            unsafe {
                dk.slice_mut(i, kv_head, d).fill(0.0);
                dv.slice_mut(i, kv_head, d).fill(0.0);
                head_rows.clone().for_each(|head| dq.slice_mut(i, head, d).fill(0.0));
            }
        }
        for segment in segments {
            for head in head_rows.clone() {
                for i in segment.clone() {
                    let (q, out, dout) =
                        unsafe { (q.slice(i, head, d), out.slice(i, head, d), dout.slice(i, head, d)) };
                    let (lse, dq) = unsafe { (lse.slice(i, head, 1)[0], dq.slice_mut(i, head, d)) };
                    let mut lanes = [0.0_f32; ROW_LANES];
                    for c in 0..d {
                        lanes[c % ROW_LANES] = dout[c].mul_add(out[c], lanes[c % ROW_LANES]);
                    }
                    let mean = tree(lanes, |a, b| a + b).expect("there are sixteen lanes");
                    for j in spec.visible(i - segment.start) {
                        let j = segment.start + j;
                        let (k, v) = unsafe { (k.slice(j, kv_head, d), v.slice(j, kv_head, d)) };
                        let (dk, dv) = unsafe { (dk.slice_mut(j, kv_head, d), dv.slice_mut(j, kv_head, d)) };
                        let p = exp(dot(q, k) * spec.scale - lse);
                        let ds = p * (dot(dout, v) - mean);
                        for c in 0..d {
                            dq[c] = ds.mul_add(k[c], dq[c]);
                            dk[c] = ds.mul_add(q[c], dk[c]);
                            dv[c] = p.mul_add(dout[c], dv[c]);
                        }
                    }
                }
            }
        }
        for i in 0..t {
            unsafe {
                dk.slice_mut(i, kv_head, d).iter_mut().for_each(|x| *x *= spec.scale);
                head_rows.clone().for_each(|head| dq.slice_mut(i, head, d).iter_mut().for_each(|x| *x *= spec.scale));
            }
        }
    });
}
