//! What an attention layer is: its heads, what a query sees, and how scores are bent before the softmax.

use crate::math::pow;
use aquifer_tensor::random::Stream;
use std::ops::Range;
use std::sync::Arc;

/// An attention layer. [`AttentionSpec::new`] is a causal one; the methods below it change one thing each.
///
/// ```
/// use aquifer_ops::attention::{AttentionSpec, alibi_slopes};
/// let encoder = AttentionSpec::new(12, 12, 64).both_ways();
/// let local = AttentionSpec::new(8, 2, 128).within(4095, 0).soft_cap(50.0);
/// let bloom = AttentionSpec::new(16, 16, 64).alibi(alibi_slopes(16));
/// assert_eq!((encoder.visible(3, 9), local.visible(5000, 9000)), (0..9, 905..5001));
/// assert_eq!(bloom.alibi.unwrap()[1], 0.5);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct AttentionSpec {
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`. Query head `i` reads key/value head `i / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// What every score is multiplied by, usually `1 / √head_dim`.
    pub scale: f32,
    /// How many keys before its own a query sees; `None` is all of them.
    pub before: Option<usize>,
    /// How many keys after its own a query sees: none when causal, all (`None`) in an encoder.
    pub after: Option<usize>,
    /// A scaled score `s` becomes `cap · tanh(s / cap)`.
    pub soft_cap: Option<f32>,
    /// One slope a query head: a score loses `slope · |distance|`, after the soft cap.
    pub alibi: Option<Arc<[f32]>>,
    /// Which probabilities count nothing in this training step.
    pub dropout: Option<AttentionDropout>,
}

/// Dropout of attention probabilities: the pair of a query and a key is dropped, or its probability divided by
/// `1 − p`, by a random word that belongs to the pair alone.
///
/// The word of the query in row r of the tensors, head h, and the key at position j of its segment is element
/// `((first_row + r) · 2¹² + first_head + h) · 2²⁴ + j` of `stream` at `step`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AttentionDropout {
    /// The part that is dropped, 0 ≤ p < 1.
    pub p: f32,
    /// Named by the run's seed and the layer's site.
    pub stream: Stream,
    /// The training step.
    pub step: u64,
    /// Row 0 of the tensors is this row of the whole step.
    pub first_row: u64,
    /// Head 0 of the tensors is this head of the whole layer.
    pub first_head: u64,
}

impl AttentionDropout {
    /// The most heads of a layer.
    pub(super) const HEADS: u64 = 1 << 12;
    /// The longest segment.
    pub(super) const POSITIONS: u64 = 1 << 24;
    /// The most rows of a step.
    pub(super) const ROWS: u64 = 1 << (64 - 12 - 24);

    /// All of a step's rows and of a layer's heads are at hand.
    pub fn new(p: f32, stream: Stream, step: u64) -> Self {
        AttentionDropout { p, stream, step, first_row: 0, first_head: 0 }
    }

    /// The element of one query and head for the key at position 0.
    #[inline(always)]
    pub(super) fn element(&self, row: usize, head: usize) -> u64 {
        ((self.first_row + row as u64) * Self::HEADS + self.first_head + head as u64) * Self::POSITIONS
    }
}

impl AttentionSpec {
    /// A causal layer whose `scale` is `1 / √head_dim`.
    pub fn new(heads: usize, kv_heads: usize, head_dim: usize) -> Self {
        let scale = 1.0 / (head_dim as f32).sqrt();
        let (before, after) = (None, Some(0));
        AttentionSpec { heads, kv_heads, head_dim, scale, before, after, soft_cap: None, alibi: None, dropout: None }
    }

    /// Every query sees all keys of its segment.
    pub fn both_ways(self) -> Self {
        AttentionSpec { before: None, after: None, ..self }
    }

    /// A sliding window: a query sees its own key, `before` before it and `after` after it.
    pub fn within(self, before: usize, after: usize) -> Self {
        AttentionSpec { before: Some(before), after: Some(after), ..self }
    }

    /// Sets [`AttentionSpec::scale`].
    pub fn scale(self, scale: f32) -> Self {
        AttentionSpec { scale, ..self }
    }

    /// Sets [`AttentionSpec::soft_cap`].
    pub fn soft_cap(self, cap: f32) -> Self {
        AttentionSpec { soft_cap: Some(cap), ..self }
    }

    /// Sets [`AttentionSpec::alibi`]; [`alibi_slopes`] gives the paper's.
    pub fn alibi(self, slopes: impl Into<Arc<[f32]>>) -> Self {
        AttentionSpec { alibi: Some(slopes.into()), ..self }
    }

    /// Sets [`AttentionSpec::dropout`].
    pub fn dropout(self, dropout: AttentionDropout) -> Self {
        AttentionSpec { dropout: Some(dropout), ..self }
    }

    /// Query heads that share one key/value head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// The positions of the keys that the query at `position` of a segment of `len` sees.
    pub fn visible(&self, position: usize, len: usize) -> Range<usize> {
        self.reach().keys(position, len)
    }

    pub(super) fn reach(&self) -> Reach {
        let far = |positions: Option<usize>| positions.map_or(FAR, |n| (n as i64).min(FAR));
        Reach { before: far(self.before), after: far(self.after) }
    }

    /// What the two pairs of a piecewise attention score: distances below `threshold`, and the others.
    pub(super) fn pieces(&self, threshold: usize) -> [Reach; 2] {
        let (whole, threshold) = (self.reach(), (threshold as i64).min(FAR));
        let near = Reach { before: whole.before.min(threshold - 1), ..whole };
        let far = Reach { after: whole.after.min(-threshold), ..whole };
        [near, far]
    }
}

/// The slopes of Press et al., 2021, <https://arxiv.org/abs/2108.12409>, section 3: for a power of two of heads the
/// powers of `2^(-8 / heads)` from the first on; for another number n those of the power of two below it, then every
/// other one of the power of two above, as the authors' code fills up.
pub fn alibi_slopes(heads: usize) -> Vec<f32> {
    let slope = |i: usize, of: usize| pow(2.0, -8.0 * (i + 1) as f32 / of as f32);
    let below = (heads + 1).next_power_of_two() / 2;
    let first = (0..below).map(|i| slope(i, below));
    first.chain((0..heads - below).map(|i| slope(2 * i, 2 * below))).collect()
}

/// Farther than any two positions are apart.
const FAR: i64 = i64::MAX / 4;

/// Which pairs of positions are scored: key − query within `-before..=after`, either of which may be negative.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Reach {
    before: i64,
    after: i64,
}

impl Reach {
    /// The keys that the query at `position` sees in a segment of `len`.
    #[inline(always)]
    pub(super) fn keys(self, position: usize, len: usize) -> Range<usize> {
        let position = position as i64;
        clamped(position - self.before, position + self.after + 1, len)
    }

    /// The keys that any of `queries` sees in a segment of `len`.
    #[inline(always)]
    pub(super) fn keys_of(self, queries: &Range<usize>, len: usize) -> Range<usize> {
        clamped(queries.start as i64 - self.before, queries.end as i64 + self.after, len)
    }

    /// The queries of a segment of `len` that see any of `keys`.
    #[inline(always)]
    pub(super) fn queries_of(self, keys: &Range<usize>, len: usize) -> Range<usize> {
        clamped(keys.start as i64 - self.after, keys.end as i64 + self.before, len)
    }

    /// About how many pairs a segment of `len` has.
    pub(super) fn pairs(self, len: usize) -> usize {
        let (len, side) = (len as i64, |reach: i64| reach.clamp(0, len as i64));
        (len * (side(self.before) + side(self.after) + 1) / 2).max(0) as usize
    }
}

#[inline(always)]
fn clamped(from: i64, to: i64, len: usize) -> Range<usize> {
    let from = from.clamp(0, len as i64);
    from as usize..to.clamp(from, len as i64) as usize
}
