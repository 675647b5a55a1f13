//! The definition of attention and its derivative by hand, in `f64`.

use super::AttentionSpec;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Range, Sub};

/// The definition, in `f64` and the textbook's order: `softmax(bent(scale · q kᵀ)) v` over the visible keys. Every
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
    Definition { pieces: &[(q, k)], v, threshold: usize::MAX, segments, spec }.forward()
}

/// Its derivative by hand, checked against central differences of [`reference()`]; backward kernels answer to this.
///
/// With `p` the probabilities, `m` what dropout multiplies them by, `dp = m · dout·v`, and `b` the slope of the soft
/// cap: `dv = (m p)ᵀ dout`, `ds = b p (dp - Σ p dp)`, `dq = scale · ds k`, `dk = scale · dsᵀ q`. Gives
/// `(dq, dk, dv)`.
pub fn reference_backward(
    q: &[f64],
    k: &[f64],
    v: &[f64],
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    dout: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let definition = Definition { pieces: &[(q, k)], v, threshold: usize::MAX, segments, spec };
    let (mut pieces, dv) = definition.backward(dout);
    let (dq, dk) = pieces.remove(0);
    (dq, dk, dv)
}

/// [`super::attention_column_sums`] in `f64`: `[t, h]`.
pub fn reference_column_sums(q: &[f64], k: &[f64], segments: &[Range<usize>], spec: &AttentionSpec) -> Vec<f64> {
    // Values take no part.
    Definition { pieces: &[(q, k)], v: k, threshold: usize::MAX, segments, spec }.column_sums()
}

/// [`super::piecewise_attention`] in `f64`; see [`reference()`].
pub fn reference_piecewise(
    pieces: [(&[f64], &[f64]); 2],
    v: &[f64],
    threshold: usize,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
) -> (Vec<f64>, Vec<f64>) {
    Definition { pieces: &pieces, v, threshold, segments, spec }.forward()
}

/// The derivative of [`reference_piecewise`]: `(dq, dk)` of each set, and `dv`.
pub fn reference_piecewise_backward(
    pieces: [(&[f64], &[f64]); 2],
    v: &[f64],
    threshold: usize,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    dout: &[f64],
) -> (Vec<(Vec<f64>, Vec<f64>)>, Vec<f64>) {
    Definition { pieces: &pieces, v, threshold, segments, spec }.backward(dout)
}

/// A precision to compute the definition in: `f64` is the truth; tests also ask how far `f32` would be from it.
pub(super) trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + std::iter::Sum
{
    /// Rounded from `x`.
    fn of(x: f64) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn tanh(self) -> Self;
}

macro_rules! real {
    ($float:ident) => {
        impl Real for $float {
            fn of(x: f64) -> Self {
                x as $float
            }
            fn exp(self) -> Self {
                $float::exp(self)
            }
            fn ln(self) -> Self {
                $float::ln(self)
            }
            fn tanh(self) -> Self {
                $float::tanh(self)
            }
        }
    };
}
real!(f64);
#[cfg(test)]
real!(f32);

/// One attention, in any precision. With one piece no pair is beyond the threshold.
pub(super) struct Definition<'a, T> {
    pub pieces: &'a [(&'a [T], &'a [T])],
    pub v: &'a [T],
    pub threshold: usize,
    pub segments: &'a [Range<usize>],
    pub spec: &'a AttentionSpec,
}

/// One query of one head.
struct Query<T> {
    /// Where its row begins.
    at: usize,
    keys: Vec<Key<T>>,
    lse: T,
}

/// One key that a query sees.
struct Key<T> {
    piece: usize,
    row: usize,
    /// Where its row begins.
    at: usize,
    probability: T,
    /// The derivative of the bent by the scaled score.
    slope: T,
    /// What dropout multiplies the probability by.
    kept: T,
}

impl<T: Real> Definition<'_, T> {
    pub(super) fn forward(&self) -> (Vec<T>, Vec<T>) {
        let d = self.spec.head_dim;
        let rows = self.pieces[0].0.len() / d;
        let (mut out, mut lse) = (vec![T::of(0.0); rows * d], vec![T::of(f64::NEG_INFINITY); rows]);
        for query in self.queries() {
            lse[query.at / d] = query.lse;
            for key in &query.keys {
                for c in 0..d {
                    out[query.at + c] += key.probability * key.kept * self.v[key.at + c];
                }
            }
        }
        (out, lse)
    }

    pub(super) fn backward(&self, dout: &[T]) -> (Vec<(Vec<T>, Vec<T>)>, Vec<T>) {
        let (d, scale, zeros) = (self.spec.head_dim, T::of(self.spec.scale.into()), |n| vec![T::of(0.0); n]);
        let mut pieces: Vec<_> = self.pieces.iter().map(|(q, k)| (zeros(q.len()), zeros(k.len()))).collect();
        let mut dv = zeros(self.v.len());
        for Query { at, keys, .. } in self.queries() {
            let dp: Vec<T> = keys.iter().map(|key| key.kept * dot(&dout[at..][..d], &self.v[key.at..][..d])).collect();
            let mean: T = keys.iter().zip(&dp).map(|(key, &dp)| key.probability * dp).sum();
            for (key, dp) in keys.iter().zip(dp) {
                let ds = scale * key.slope * key.probability * (dp - mean);
                let ((q, k), (dq, dk)) = (self.pieces[key.piece], &mut pieces[key.piece]);
                for c in 0..d {
                    dq[at + c] += ds * k[key.at + c];
                    dk[key.at + c] += ds * q[at + c];
                    dv[key.at + c] += key.probability * key.kept * dout[at + c];
                }
            }
        }
        (pieces, dv)
    }

    pub(super) fn column_sums(&self) -> Vec<T> {
        let (h, d) = (self.spec.heads, self.spec.head_dim);
        let mut sums = vec![T::of(0.0); self.pieces[0].0.len() / d];
        for query in self.queries() {
            for key in query.keys {
                sums[key.row * h + query.at / d % h] += key.probability;
            }
        }
        sums
    }

    fn queries(&self) -> impl Iterator<Item = Query<T>> {
        let rows = self.segments.iter().flat_map(|s| s.clone().map(move |row| (s, row)));
        rows.flat_map(move |(segment, row)| (0..self.spec.heads).map(move |head| self.query(segment, row, head)))
    }

    fn query(&self, segment: &Range<usize>, row: usize, head: usize) -> Query<T> {
        let (spec, d) = (self.spec, self.spec.head_dim);
        let (position, at) = (row - segment.start, (row * spec.heads + head) * d);
        let (mut scores, mut keys) = (vec![], vec![]);
        for j in spec.visible(position, segment.len()) {
            let row_of_key = segment.start + j;
            let piece = usize::from(position as i64 - j as i64 >= self.threshold.min(1 << 60) as i64);
            let (q, k) = self.pieces[piece];
            let key_at = (row_of_key * spec.kv_heads + head / spec.group()) * d;
            let (score, slope) =
                self.bent(T::of(spec.scale.into()) * dot(&q[at..][..d], &k[key_at..][..d]), head, position.abs_diff(j));
            let kept = spec.dropout.map_or(1.0, |dropout| {
                let word = dropout.stream.uniform(dropout.step, dropout.element(row, head) + j as u64);
                if word >= dropout.p { 1.0 / (1.0 - f64::from(dropout.p)) } else { 0.0 }
            });
            let (probability, kept) = (T::of(0.0), T::of(kept));
            scores.push(score);
            keys.push(Key { piece, row: row_of_key, at: key_at, probability, slope, kept });
        }
        let max = scores.iter().copied().fold(T::of(f64::NEG_INFINITY), |a, b| if b > a { b } else { a });
        let sum: T = scores.iter().map(|&s| (s - max).exp()).sum();
        for (key, &score) in keys.iter_mut().zip(&scores) {
            key.probability = (score - max).exp() / sum;
        }
        Query { at, keys, lse: max + sum.ln() }
    }

    /// A scaled score after soft cap and ALiBi, and its derivative.
    fn bent(&self, score: T, head: usize, distance: usize) -> (T, T) {
        let (score, slope) = match self.spec.soft_cap.map(|cap| T::of(cap.into())) {
            None => (score, T::of(1.0)),
            Some(cap) => {
                let t = (score / cap).tanh();
                (cap * t, T::of(1.0) - t * t)
            }
        };
        let less =
            self.spec.alibi.as_ref().map_or(T::of(0.0), |slopes| T::of(f64::from(slopes[head]) * distance as f64));
        (score + -less, slope)
    }
}

fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).map(|(&a, &b)| a * b).sum()
}
