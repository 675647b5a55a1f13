//! Causal scaled dot-product attention over packed segments, with grouped queries and an optional sliding
//! window, never holding a T×T matrix.
//!
//! Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>, section 3.2.1; grouped queries: Ainslie et al.,
//! 2023, <https://arxiv.org/abs/2305.13245>; the softmax is folded over chunks of keys as in Milakov and
//! Gimelshein, 2018, <https://arxiv.org/abs/1805.02867>; the backward pass from a saved log-sum-exp is that of
//! Dao et al., 2022, <https://arxiv.org/abs/2205.14135>, algorithm 4.
//!
//! Legend: t rows (tokens) · h query heads · hk key/value heads · d width of a head.
//!
//! # In which order
//! Positions restart with every segment. A query sees the keys of its own segment at its own position and
//! before, and with `window = w` only the last `w` of these. For one query and head:
//!
//! 1. Keys are cut into chunks of [`CHUNK`] from the segment's token 0; a chunk without a visible key is skipped.
//! 2. A score is one `f32` FMA chain over d ascending from +0, then one product with `scale`.
//! 3. Of a chunk alone: `m` the largest visible score, `p = exp(score - m)`, `l` the sum of `p` in 16 interleaved
//!    lanes (a masked key counts +0) joined by the neighbour tree, `o` one FMA chain of `p·v` over the visible
//!    keys ascending from +0.
//! 4. Chunks fold left to right: `n = max(m₁, m₂)`, `eᵢ = exp(mᵢ - n)`, then `l = l₁e₁ + l₂e₂` and
//!    `o = o₁e₁ + o₂e₂`, every product and sum rounded.
//! 5. `out = o · (1 / l)` and `lse = m + ln l`. Without a visible key: zeros, and `lse = -inf`.
//!
//! Backward, where `D = Σ dout·out` in 16 interleaved FMA lanes over d joined by the tree, and for each visible
//! pair `p = exp(score - lse)`, `dp` one FMA chain of `dout·v` over d ascending, `ds = p · (dp - D)`:
//! `dq` is one FMA chain of `ds·k` over keys ascending; `dv` (of `p·dout`) and `dk` (of `ds·q`) are one FMA
//! chain each that takes the query heads of the group in order and, in each, the queries ascending; `dq` and
//! `dk` are multiplied by `scale` once, at the end.
//!
//! Pairs that are not visible take no part in any chain, so a NaN never travels backwards in time, nor from
//! one segment to another. Hence decoding from a cache, prefill in pieces of any size and the full forward
//! agree in every bit, whatever the threads, the instruction set or the pack mates.

mod backward;
pub(crate) mod bench;
mod check;
mod forward;
mod lanes;
mod product;
mod reference;
mod rows;
mod scores;
mod scratch;
mod softmax;

#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;

use crate::OpError;
use aquifer_tensor::{Tensor, View, ViewMut};
use backward::{Gradients, Saved};
use forward::{Sequence, Source};
use rows::Rows;
use std::ops::Range;

pub use reference::{reference, reference_backward};

/// Keys are folded in chunks of this many, counted from a segment's token 0.
pub const CHUNK: usize = 256;

/// The shape of an attention layer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AttentionSpec {
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`. Query head `i` reads key/value head `i / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// What every score is multiplied by, usually `1 / √head_dim`.
    pub scale: f32,
    /// How many keys a query sees at most, its own included; `None` is all of them.
    pub window: Option<usize>,
}

impl AttentionSpec {
    /// A layer without a window whose `scale` is `1 / √head_dim`.
    pub fn new(heads: usize, kv_heads: usize, head_dim: usize) -> Self {
        AttentionSpec { heads, kv_heads, head_dim, scale: 1.0 / (head_dim as f32).sqrt(), window: None }
    }

    /// Query heads that share one key/value head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// The positions of the keys that the query at `position` sees.
    pub fn visible(&self, position: usize) -> Range<usize> {
        let first = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
        first..position + 1
    }
}

/// [`CHUNK`] consecutive positions of one sequence in the cache of one layer, the first a multiple of [`CHUNK`].
#[derive(Clone, Debug)]
pub struct KvChunk {
    /// `[256, hk, d]` f32.
    pub keys: Tensor,
    /// `[256, hk, d]` f32.
    pub values: Tensor,
}

impl KvChunk {
    /// A chunk without a position in it: zeros.
    pub fn empty(spec: &AttentionSpec) -> Self {
        let shape = [CHUNK, spec.kv_heads, spec.head_dim];
        KvChunk { keys: Tensor::zeros::<f32>(shape), values: Tensor::zeros::<f32>(shape) }
    }
}

/// Consecutive queries of one sequence whose keys and values lie in a cache.
#[derive(Clone, Debug)]
pub struct CachedQueries<'a> {
    /// The rows of `q` that hold them.
    pub rows: Range<usize>,
    /// The position of the first of them in its sequence.
    pub first_position: usize,
    /// The sequence's cache from position 0, already holding these queries' own keys and values.
    pub chunks: &'a [KvChunk],
}

/// Attends within each segment: `out` is what every query head reads, `lse` the natural log of the sum of its
/// exponentiated scores, which the backward pass wants.
///
/// # Shapes
/// `q`, `out`: `[t, h, d]`; `k`, `v`: `[t, hk, d]`; `lse`: `[t, h]`; all f32, any strides with a contiguous last
/// axis. `segments` are disjoint ascending ranges of rows; rows in none of them get zeros and `lse = -inf`.
///
/// # Numerics
/// f32 throughout, in the order of the module's text; within `2e-5 · max|v|` of [`reference()`] for scores of
/// ordinary size. A score of +inf gives NaN.
///
/// # Errors
/// [`OpError`] naming the argument whose shape, type, layout or value does not fit.
///
/// ```
/// use aquifer_ops::attention::{AttentionSpec, attention};
/// use aquifer_tensor::Tensor;
/// let x = Tensor::filled([3, 2, 4], 1.0_f32);
/// let (mut out, mut lse) = (Tensor::poisoned::<f32>([3, 2, 4]), Tensor::poisoned::<f32>([3, 2]));
/// let spec = AttentionSpec::new(2, 2, 4);
/// attention(&x.view(), &x.view(), &x.view(), &[0..3], &spec, &mut out.view_mut(), &mut lse.view_mut())?;
/// assert_eq!(out.as_f32(), x.as_f32()); // all values are equal, and so is every average of them
/// # Ok::<(), aquifer_ops::OpError>(())
/// ```
pub fn attention(
    q: &View,
    k: &View,
    v: &View,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    out: &mut ViewMut,
    lse: &mut ViewMut,
) -> Result<(), OpError> {
    let op = check::Op("attention");
    let t = op.rows("q", q, spec.heads, spec)?;
    op.like("k", k, &[t, spec.kv_heads, spec.head_dim])?;
    op.like("v", v, &[t, spec.kv_heads, spec.head_dim])?;
    op.like("out", &out.as_view(), &[t, spec.heads, spec.head_dim])?;
    op.like("lse", &lse.as_view(), &[t, spec.heads])?;
    op.segments(segments, t)?;
    let sequence = |segment: &Range<usize>| Sequence {
        rows: segment.clone(),
        first_position: 0,
        kv: Source::Rows { k: Rows::of(k), v: Rows::of(v), first: segment.start },
    };
    let sequences: Vec<Sequence> = segments.iter().map(sequence).collect();
    forward::run(spec, &sequences, t, Rows::of(q), Rows::of_mut(out), Some(Rows::of_mut(lse)));
    Ok(())
}

/// Adds nothing, overwrites all: the gradients of [`attention`] with respect to `q`, `k` and `v`.
///
/// # Shapes
/// As [`attention`]; `out` and `lse` are what it gave, `dout` and `dq` are as `out`, `dk` and `dv` as `k`. Rows in
/// no segment get zeros.
///
/// # Numerics
/// f32 in the order of the module's text; within `1e-4` of [`reference_backward`] for inputs of unit size.
///
/// # Errors
/// As [`attention`].
pub fn attention_backward(
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
) -> Result<(), OpError> {
    let op = check::Op("attention_backward");
    let t = op.rows("q", q, spec.heads, spec)?;
    let (queries, keys) = ([t, spec.heads, spec.head_dim], [t, spec.kv_heads, spec.head_dim]);
    op.like("k", k, &keys)?;
    op.like("v", v, &keys)?;
    op.like("out", out, &queries)?;
    op.like("lse", lse, &[t, spec.heads])?;
    op.like("dout", dout, &queries)?;
    op.like("dq", &dq.as_view(), &queries)?;
    op.like("dk", &dk.as_view(), &keys)?;
    op.like("dv", &dv.as_view(), &keys)?;
    op.segments(segments, t)?;
    let [q, k, v, out, lse, dout] = [q, k, v, out, lse, dout].map(Rows::of);
    let gradients = Gradients { dq: Rows::of_mut(dq), dk: Rows::of_mut(dk), dv: Rows::of_mut(dv) };
    backward::run(spec, segments, t, Saved { q, k, v, out, lse, dout }, gradients);
    Ok(())
}

/// [`attention`] of a few queries each of several sequences, whose keys and values lie in caches: one token a
/// sequence when decoding, more when a prompt is read in pieces. Equal in every bit to [`attention`] of the
/// whole sequences.
///
/// # Shapes
/// `q`, `out`: `[rows, h, d]` f32, any strides with a contiguous last axis. The `rows` of `sequences` are
/// disjoint and ascending; rows in none of them get zeros.
///
/// # Errors
/// As [`attention`]; and [`OpError::Value`] if a sequence's chunks do not reach its last query.
pub fn attention_cached<'a>(
    q: &View,
    sequences: &[CachedQueries<'a>],
    spec: &AttentionSpec,
    out: &mut ViewMut,
) -> Result<(), OpError> {
    let op = check::Op("attention_cached");
    let rows = op.rows("q", q, spec.heads, spec)?;
    op.like("out", &out.as_view(), &[rows, spec.heads, spec.head_dim])?;
    op.sequences(sequences, rows, spec)?;
    let sequence = |s: &CachedQueries<'a>| Sequence {
        rows: s.rows.clone(),
        first_position: s.first_position,
        kv: Source::Chunks(s.chunks),
    };
    let sequences: Vec<Sequence> = sequences.iter().map(sequence).collect();
    forward::run(spec, &sequences, rows, Rows::of(q), Rows::of_mut(out), None);
    Ok(())
}
