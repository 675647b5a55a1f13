//! The written order, literally: one query at a time, one element at a time. Kernels must equal it in every bit.

use super::{AttentionSpec, CHUNK};
use crate::math::{exp, log, tanh};
use crate::order::{ROW_LANES, tree};
use std::ops::Range;

/// Row-major inputs of a call: one pair of queries and keys, or the two of a piecewise attention.
pub(super) struct Call<'a> {
    pub pieces: &'a [(&'a [f32], &'a [f32])],
    pub v: &'a [f32],
    pub threshold: usize,
    pub segments: &'a [Range<usize>],
    pub spec: &'a AttentionSpec,
}

/// One query of one head.
struct Query<'a> {
    segment: &'a Range<usize>,
    row: usize,
    head: usize,
}

impl Query<'_> {
    fn position(&self) -> usize {
        self.row - self.segment.start
    }
}

impl Call<'_> {
    /// `out` and `lse` of [`super::attention`].
    pub(super) fn forward(&self) -> (Vec<f32>, Vec<f32>) {
        let (heads, d) = (self.spec.heads, self.spec.head_dim);
        let rows = self.pieces[0].0.len() / d;
        let (mut out, mut lse) = (vec![0.0; rows * d], vec![f32::NEG_INFINITY; rows]);
        for segment in self.segments {
            for row in segment.clone() {
                for head in 0..heads {
                    let at = row * heads + head;
                    lse[at] = self.query(&Query { segment, row, head }, &mut out[at * d..][..d]);
                }
            }
        }
        (out, lse)
    }

    /// One query; gives its log-sum-exp.
    fn query(&self, query: &Query, out: &mut [f32]) -> f32 {
        let visible = self.spec.visible(query.position(), query.segment.len());
        let mut state: Option<(f32, f32, Vec<f32>)> = None;
        for start in (visible.start / CHUNK * CHUNK..visible.end).step_by(CHUNK) {
            let keys = visible.start.max(start)..visible.end.min(start + CHUNK);
            let scores: Vec<f32> = keys.clone().map(|j| self.score(query, j).0).collect();
            let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut lanes, mut o) = ([0.0; ROW_LANES], vec![0.0_f32; out.len()]);
            for (j, score) in keys.zip(scores) {
                let p = exp_from(score, max);
                lanes[(j - start) % ROW_LANES] += p;
                let p = p * self.kept(query, j);
                o.iter_mut().zip(self.value(query, j)).for_each(|(o, &v)| *o = p.mul_add(v, *o));
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
        let (max, sum, o) = state.unwrap();
        let inverse = 1.0 / sum;
        out.iter_mut().zip(o).for_each(|(out, o)| *out = o * inverse);
        max + log(sum)
    }

    /// `(dq, dk)` of each piece and `dv` of [`super::attention_backward`].
    pub(super) fn backward(&self, out: &[f32], lse: &[f32], dout: &[f32]) -> (Vec<[Vec<f32>; 2]>, Vec<f32>) {
        let (spec, d) = (self.spec, self.spec.head_dim);
        let mut pieces: Vec<_> = self.pieces.iter().map(|(q, k)| [q, k].map(|x| vec![0.0_f32; x.len()])).collect();
        let mut dv = vec![0.0_f32; self.v.len()];
        for segment in self.segments {
            for head in 0..spec.heads {
                for row in segment.clone() {
                    let (query, at) = (Query { segment, row, head }, (row * spec.heads + head) * d);
                    let [out, dout] = [out, dout].map(|x| &x[at..][..d]);
                    let mut lanes = [0.0_f32; ROW_LANES];
                    for c in 0..d {
                        lanes[c % ROW_LANES] = dout[c].mul_add(out[c], lanes[c % ROW_LANES]);
                    }
                    let mean = tree(lanes, |a, b| a + b).unwrap();
                    for j in spec.visible(query.position(), segment.len()) {
                        let (score, slope) = self.score(&query, j);
                        let (p, kept) = (exp(score - lse[at / d]), self.kept(&query, j));
                        let ds = p * (dot(dout, self.value(&query, j)) * kept - mean) * slope;
                        let (p, key_at, piece) = (p * kept, self.key_at(&query, j), self.piece(&query, j));
                        let ((q, k), [dq, dk]) = (self.pieces[piece], &mut pieces[piece]);
                        for c in 0..d {
                            dq[at + c] = ds.mul_add(k[key_at + c], dq[at + c]);
                            dk[key_at + c] = ds.mul_add(q[at + c], dk[key_at + c]);
                            dv[key_at + c] = p.mul_add(dout[c], dv[key_at + c]);
                        }
                    }
                }
            }
        }
        pieces.iter_mut().flatten().flatten().for_each(|x| *x *= spec.scale);
        (pieces, dv)
    }

    /// [`super::attention_column_sums`].
    pub(super) fn column_sums(&self, lse: &[f32]) -> Vec<f32> {
        const BLOCK: usize = 32;
        let heads = self.spec.heads;
        let mut sums = vec![0.0_f32; lse.len()];
        for segment in self.segments {
            for head in 0..heads {
                for block in segment.clone().step_by(BLOCK) {
                    let mut of_block = vec![0.0_f32; segment.len()];
                    for row in block..segment.end.min(block + BLOCK) {
                        let query = Query { segment, row, head };
                        for j in self.spec.visible(query.position(), segment.len()) {
                            of_block[j] += exp(self.score(&query, j).0 - lse[row * heads + head]);
                        }
                    }
                    for (j, sum) in of_block.into_iter().enumerate() {
                        sums[(segment.start + j) * heads + head] += sum;
                    }
                }
            }
        }
        sums
    }

    /// The bent score of a pair, and its slope.
    fn score(&self, query: &Query, j: usize) -> (f32, f32) {
        let (spec, d) = (self.spec, self.spec.head_dim);
        let (q, k) = self.pieces[self.piece(query, j)];
        let q = &q[(query.row * spec.heads + query.head) * d..][..d];
        let scaled = dot(q, &k[self.key_at(query, j)..][..d]) * spec.scale;
        let (score, slope) = spec.soft_cap.map_or((scaled, 1.0), |cap| {
            let t = tanh(scaled * (1.0 / cap));
            (cap * t, 1.0 - t * t)
        });
        let distance = query.position().abs_diff(j) as f32;
        (spec.alibi.as_ref().map_or(score, |slopes| score - slopes[query.head] * distance), slope)
    }

    fn kept(&self, query: &Query, j: usize) -> f32 {
        self.spec.dropout.map_or(1.0, |dropout| {
            let word = dropout.stream.uniform(dropout.step, dropout.element(query.row, query.head) + j as u64);
            if word < dropout.p { 0.0 } else { 1.0 / (1.0 - dropout.p) }
        })
    }

    fn piece(&self, query: &Query, j: usize) -> usize {
        usize::from(query.position() >= j.saturating_add(self.threshold))
    }

    fn value(&self, query: &Query, j: usize) -> &[f32] {
        &self.v[self.key_at(query, j)..][..self.spec.head_dim]
    }

    fn key_at(&self, query: &Query, j: usize) -> usize {
        ((query.segment.start + j) * self.spec.kv_heads + query.head / self.spec.group()) * self.spec.head_dim
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| a.mul_add(b, sum))
}

fn exp_from(score: f32, max: f32) -> f32 {
    exp(if max == f32::NEG_INFINITY { score } else { score - max })
}
