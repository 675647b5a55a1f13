//! Scaled dot-product attention over packed segments, causal or both ways, with grouped queries, sliding windows,
//! soft cap, ALiBi, dropout and two sets of queries and keys, never holding a T×T matrix.
//!
//! Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>, section 3.2.1; grouped queries: Ainslie et al.,
//! 2023, <https://arxiv.org/abs/2305.13245>; the softmax is folded over chunks of keys as in Milakov and
//! Gimelshein, 2018, <https://arxiv.org/abs/1805.02867>; the backward pass from a saved log-sum-exp is that of
//! Dao et al., 2022, <https://arxiv.org/abs/2205.14135>, algorithm 4. ALiBi: Press et al., 2021,
//! <https://arxiv.org/abs/2108.12409>; soft cap: Gemma 2, 2024, <https://arxiv.org/abs/2408.00118>, section 2;
//! the extra outputs and piecewise attention: FlagAttention, <https://github.com/flagos-ai/FlagAttention>.
//!
//! Legend: t rows (tokens) · h query heads · hk key/value heads · d width of a head.
//!
//! # In which order
//! Positions restart with every segment. A query sees keys of its own segment only: those that
//! [`AttentionSpec::visible`] tells. For one query and head:
//!
//! 1. Keys are cut into chunks of [`CHUNK`] from the segment's token 0; a chunk without a visible key is skipped.
//! 2. A score is one `f32` FMA chain over d ascending from +0, then one product with `scale`; with a soft cap,
//!    `cap · tanh(score · (1 / cap))`; with ALiBi, less the product of slope and distance; each step rounded.
//! 3. Of a chunk alone: `m` the largest visible score, `p = exp(score - m)`, `l` the sum of `p` in 16 interleaved
//!    lanes (a masked key counts +0) joined by the neighbour tree; with dropout `p` is then multiplied by 0 or
//!    `1 / (1 - rate)`; `o` one FMA chain of `p·v` over the visible keys ascending from +0.
//! 4. Chunks fold left to right: `n = max(m₁, m₂)`, `eᵢ = exp(mᵢ - n)`, then `l = l₁e₁ + l₂e₂` and
//!    `o = o₁e₁ + o₂e₂`, every product and sum rounded.
//! 5. `out = o · (1 / l)` and `lse = m + ln l`.
//!
//! Backward, where `D = Σ dout·out` in 16 interleaved FMA lanes over d joined by the tree, and for each visible
//! pair `p = exp(score - lse)`, `dp` one FMA chain of `dout·v` over d ascending, `ds = p · (dp - D)`:
//! `dq` is one FMA chain of `ds·k` over keys ascending; `dv` (of `p·dout`) and `dk` (of `ds·q`) are one FMA
//! chain each that takes the query heads of the group in order and, in each, the queries ascending; `dq` and
//! `dk` are multiplied by `scale` once, at the end. With dropout `dp`, and after `ds` also `p`, are multiplied by
//! what was kept; with a soft cap `ds` is multiplied by `1 - tanh²`.
//!
//! Pairs that are not visible take no part in any chain, so a NaN never travels backwards in time, nor from
//! one segment to another. Hence decoding from a cache, prefill in pieces of any size and the full forward
//! agree in every bit, whatever the threads, the instruction set or the pack mates; a long cache is cut between
//! threads at chunks.

mod backward;
pub(crate) mod bench;
mod bend;
mod cache;
mod check;
mod forward;
mod lanes;
mod names;
mod product;
mod reference;
mod rows;
mod scores;
mod scratch;
mod softmax;
mod spec;
mod split;
mod totals;

#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_names;

use crate::OpError;
use aquifer_tensor::{View, ViewMut};
use forward::{Sequence, Source};
use rows::Rows;
use spec::Reach;
use std::ops::Range;

pub use cache::{CachedQueries, KvChunk};
pub use names::{
    flash_attention, paged_attention, reshape_and_cache, scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
};
pub use reference::{
    reference, reference_backward, reference_column_sums, reference_piecewise, reference_piecewise_backward,
};
pub use spec::{AttentionDropout, AttentionSpec, alibi_slopes};

/// Keys are folded in chunks of this many, counted from a segment's token 0.
pub const CHUNK: usize = 256;

/// Attends within each segment: `out` is what every query head reads, `lse` the natural log of the sum of its
/// exponentiated scores, which the backward pass wants.
///
/// # Shapes
/// `q`, `out`: `[t, h, d]`; `k`, `v`: `[t, hk, d]`; `lse`: `[t, h]`; all f32, any strides with a contiguous last
/// axis. `segments` are disjoint ascending ranges of rows; rows in none of them get zeros and `lse = -inf`.
///
/// # Numerics
/// f32 throughout, in the order of the module's text; within `2e-5 · max|v|` of [`reference()`] for scores of
/// ordinary size, and never twice as far from it as the definition computed in f32. A score of +inf gives NaN.
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
    let (op, whole) = (check::Op("attention"), spec.reach());
    forward_packed(op, spec, whole, &[(q, k, whole)], v, segments, out, lse)
}

/// Adds nothing, overwrites all: the gradients of [`attention`] with respect to `q`, `k` and `v`.
///
/// # Shapes
/// As [`attention`]; `out` and `lse` are what it gave, `dout` and `dq` are as `out`, `dk` and `dv` as `k`. Rows in
/// no segment get zeros.
///
/// # Numerics
/// f32 in the order of the module's text; within `1e-4` of [`reference_backward`] for inputs of unit size, and in the
/// root mean square never twice as far from it as the definition computed in f32, nor the worst element three times.
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
    let (op, whole) = (check::Op("attention_backward"), spec.reach());
    backward_packed(op, spec, whole, [v, out, lse, dout], segments, &mut [(q, k, whole, dq, dk)], dv)
}

/// Attention with two sets of queries and keys under one softmax: a pair is scored by the first set where the
/// query's position less the key's is below `threshold`, by the second beyond it.
///
/// Used to read farther than a model was trained for (Aquila2's NLPE), as FlagAttention's `piecewise_attention`.
///
/// # Shapes
/// As [`attention`], for both sets.
///
/// # Errors
/// As [`attention`].
pub fn piecewise_attention(
    q: [&View; 2],
    k: [&View; 2],
    v: &View,
    threshold: usize,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    out: &mut ViewMut,
    lse: &mut ViewMut,
) -> Result<(), OpError> {
    let (op, [near, far]) = (check::Op("piecewise_attention"), spec.pieces(threshold));
    forward_packed(op, spec, spec.reach(), &[(q[0], k[0], near), (q[1], k[1], far)], v, segments, out, lse)
}

/// The gradients of [`piecewise_attention`]; see [`attention_backward`].
///
/// # Errors
/// As [`attention`].
pub fn piecewise_attention_backward(
    q: [&View; 2],
    k: [&View; 2],
    v: &View,
    threshold: usize,
    out: &View,
    lse: &View,
    dout: &View,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    dq: [&mut ViewMut; 2],
    dk: [&mut ViewMut; 2],
    dv: &mut ViewMut,
) -> Result<(), OpError> {
    let (op, [near, far]) = (check::Op("piecewise_attention_backward"), spec.pieces(threshold));
    let ([dq1, dq2], [dk1, dk2]) = (dq, dk);
    let pieces = &mut [(q[0], k[0], near, dq1, dk1), (q[1], k[1], far, dq2, dk2)];
    backward_packed(op, spec, spec.reach(), [v, out, lse, dout], segments, pieces, dv)
}

/// What each key is given by all the queries that see it: the column sums of the probabilities (before dropout)
/// of each query head, by which a cache may choose what to forget. Not differentiated, as FlagAttention's
/// `return_total_attention`.
///
/// # Shapes
/// `q: [t, h, d]`, `k: [t, hk, d]`; `lse`, what [`attention`] gave, and `sums`: `[t, h]`. Rows in no segment get 0.
///
/// # Numerics
/// Queries are taken in blocks of 32 from the segment's token 0: one chain of sums inside a block, ascending, and
/// one over blocks.
///
/// # Errors
/// As [`attention`].
pub fn attention_column_sums(
    q: &View,
    k: &View,
    lse: &View,
    segments: &[Range<usize>],
    spec: &AttentionSpec,
    sums: &mut ViewMut,
) -> Result<(), OpError> {
    let op = check::Op("attention_column_sums");
    let t = op.rows("q", q, spec)?;
    op.like("k", k, &[t, spec.kv_heads, spec.head_dim])?;
    op.like("lse", lse, &[t, spec.heads])?;
    op.like("sums", &sums.as_view(), &[t, spec.heads])?;
    op.segments(segments, t, spec)?;
    let [q, k, lse] = [q, k, lse].map(Rows::of);
    totals::run(&totals::Job { spec, q, k, lse, sums: Rows::of_mut(sums) }, segments, t);
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
    let rows = op.rows("q", q, spec)?;
    op.like("out", &out.as_view(), &[rows, spec.heads, spec.head_dim])?;
    op.sequences(sequences, rows, spec)?;
    let sequence = |s: &CachedQueries<'a>| Sequence {
        rows: s.rows.clone(),
        first_position: s.first_position,
        kv: Source::Chunks(s.chunks),
    };
    let sequences: Vec<Sequence> = sequences.iter().map(sequence).collect();
    let (q, reach, out) = (Rows::of(q), spec.reach(), Rows::of_mut(out));
    let pieces = &[forward::Piece { q, k: q, reach }];
    forward::run(&forward::Job { spec, reach, pieces, sequences: &sequences, out, lse: None }, rows);
    Ok(())
}

/// [`attention`] with one or two pairs of queries and keys.
fn forward_packed(
    op: check::Op,
    spec: &AttentionSpec,
    reach: Reach,
    pieces: &[(&View, &View, Reach)],
    v: &View,
    segments: &[Range<usize>],
    out: &mut ViewMut,
    lse: &mut ViewMut,
) -> Result<(), OpError> {
    let t = op.rows("q", pieces[0].0, spec)?;
    let (queries, keys) = ([t, spec.heads, spec.head_dim], [t, spec.kv_heads, spec.head_dim]);
    for (q, k, _) in pieces {
        op.like("q", q, &queries)?;
        op.like("k", k, &keys)?;
    }
    op.like("v", v, &keys)?;
    op.like("out", &out.as_view(), &queries)?;
    op.like("lse", &lse.as_view(), &[t, spec.heads])?;
    op.segments(segments, t, spec)?;
    let sequence = |segment: &Range<usize>| Sequence {
        rows: segment.clone(),
        first_position: 0,
        kv: Source::Rows { v: Rows::of(v), first: segment.start },
    };
    let sequences: Vec<Sequence> = segments.iter().map(sequence).collect();
    let piece = |&(q, k, reach): &(&View, &View, Reach)| forward::Piece { q: Rows::of(q), k: Rows::of(k), reach };
    let pieces: Vec<forward::Piece> = pieces.iter().map(piece).collect();
    let (out, lse) = (Rows::of_mut(out), Some(Rows::of_mut(lse)));
    forward::run(&forward::Job { spec, reach, pieces: &pieces, sequences: &sequences, out, lse }, t);
    Ok(())
}

/// [`attention_backward`] with one or two sets of `(q, k, reach, dq, dk)`.
fn backward_packed(
    op: check::Op,
    spec: &AttentionSpec,
    reach: Reach,
    [v, out, lse, dout]: [&View; 4],
    segments: &[Range<usize>],
    pieces: &mut [(&View, &View, Reach, &mut ViewMut, &mut ViewMut)],
    dv: &mut ViewMut,
) -> Result<(), OpError> {
    let t = op.rows("q", pieces[0].0, spec)?;
    let (queries, keys) = ([t, spec.heads, spec.head_dim], [t, spec.kv_heads, spec.head_dim]);
    for (q, k, _, dq, dk) in pieces.iter() {
        op.like("q", q, &queries)?;
        op.like("k", k, &keys)?;
        op.like("dq", &dq.as_view(), &queries)?;
        op.like("dk", &dk.as_view(), &keys)?;
    }
    op.like("v", v, &keys)?;
    op.like("out", out, &queries)?;
    op.like("lse", lse, &[t, spec.heads])?;
    op.like("dout", dout, &queries)?;
    op.like("dv", &dv.as_view(), &keys)?;
    op.segments(segments, t, spec)?;
    let pieces: Vec<backward::Piece> = pieces
        .iter_mut()
        .map(|(q, k, reach, dq, dk)| backward::Piece {
            q: Rows::of(q),
            k: Rows::of(k),
            dq: Rows::of_mut(dq),
            dk: Rows::of_mut(dk),
            reach: *reach,
        })
        .collect();
    let [v, out, lse, dout] = [v, out, lse, dout].map(Rows::of);
    backward::run(
        &backward::Job { spec, reach, pieces: &pieces, v, out, lse, dout, dv: Rows::of_mut(dv) },
        segments,
        t,
    );
    Ok(())
}
