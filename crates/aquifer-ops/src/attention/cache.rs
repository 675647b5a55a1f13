//! Keys and values kept for decoding: pages of [`CHUNK`] positions, laid out as the kernels read them.

use super::{AttentionSpec, CHUNK};
use crate::order::ROW_LANES;
use aquifer_tensor::Tensor;
use std::ops::Range;

/// [`CHUNK`] consecutive positions of one sequence in the cache of one layer, the first a multiple of [`CHUNK`].
///
/// Clones share memory until one of them is written to.
#[derive(Clone, Debug)]
pub struct KvChunk {
    /// `[hk, 256 / 16, d, 16]`: sixteen keys side by side, so that a step of decoding transposes nothing.
    keys: Tensor,
    /// `[hk, 256, w]`, where w is d made up to sixteens by zeros.
    values: Tensor,
}

impl KvChunk {
    /// A chunk without a position in it: zeros.
    pub fn empty(kv_heads: usize, head_dim: usize) -> Self {
        KvChunk {
            keys: Tensor::zeros::<f32>([kv_heads, CHUNK / ROW_LANES, head_dim, ROW_LANES]),
            values: Tensor::zeros::<f32>([kv_heads, CHUNK, head_dim.next_multiple_of(ROW_LANES)]),
        }
    }

    /// Bytes of one chunk.
    pub fn bytes(kv_heads: usize, head_dim: usize) -> usize {
        CHUNK * kv_heads * (head_dim + head_dim.next_multiple_of(ROW_LANES)) * size_of::<f32>()
    }

    /// Whether it was made for this many heads of this width.
    pub(super) fn fits(&self, spec: &AttentionSpec) -> bool {
        self.extents() == (spec.kv_heads, spec.head_dim)
    }

    /// Key/value heads and width of a head.
    fn extents(&self) -> (usize, usize) {
        let shape = self.keys.shape();
        (shape[0], shape[2])
    }

    /// Writes the positions from `at` on (counted from the chunk's first): `keys` and `values` are whole rows
    /// `[n, hk, d]`, row-major.
    ///
    /// # Panics
    /// If they are no whole rows, or reach beyond the chunk.
    pub fn write(&mut self, at: usize, keys: &[f32], values: &[f32]) {
        let (heads, d) = self.extents();
        let (row, width) = (heads * d, d.next_multiple_of(ROW_LANES));
        let n = keys.len() / row;
        assert_eq!((keys.len(), values.len()), (n * row, n * row), "keys and values are rows of {row}");
        assert!(at + n <= CHUNK, "positions {at}..{} are not all in a chunk of {CHUNK}", at + n);
        let (to_keys, to_values) = (self.keys.as_f32_mut(), self.values.as_f32_mut());
        for (i, (keys, values)) in keys.chunks_exact(row).zip(values.chunks_exact(row)).enumerate() {
            for (head, (key, value)) in keys.chunks_exact(d).zip(values.chunks_exact(d)).enumerate() {
                let column = column(head, at + i, d);
                for (to, x) in to_keys[column..].iter_mut().step_by(ROW_LANES).zip(key) {
                    *to = *x;
                }
                to_values[(head * CHUNK + at + i) * width..][..d].copy_from_slice(value);
            }
        }
    }

    /// Forgets `positions`: what they held cannot reach a sum any more.
    pub fn clear(&mut self, positions: Range<usize>) {
        let (heads, d) = self.extents();
        let zeros = vec![0.0; positions.len() * heads * d];
        self.write(positions.start, &zeros, &zeros);
    }

    /// The key and the value at one position, `[hk, d]` each.
    pub fn row(&self, at: usize) -> (Vec<f32>, Vec<f32>) {
        let (heads, d) = self.extents();
        let width = d.next_multiple_of(ROW_LANES);
        let (keys, values) = (self.keys.as_f32(), self.values.as_f32());
        let key = |head| keys[column(head, at, d)..].iter().step_by(ROW_LANES).take(d).copied();
        let value = |head| values[(head * CHUNK + at) * width..][..d].iter().copied();
        ((0..heads).flat_map(key).collect(), (0..heads).flat_map(value).collect())
    }

    /// Panels of one head's keys: see [`super::product::Right::panels`].
    pub(super) fn keys(&self, head: usize) -> *const f32 {
        self.keys.as_f32()[head * CHUNK * self.extents().1..].as_ptr()
    }

    /// One head's values, row-major with rows made up to sixteens.
    pub(super) fn values(&self, head: usize) -> *const f32 {
        self.values.as_f32()[head * CHUNK * self.values.shape()[2]..].as_ptr()
    }
}

/// Where the key at position `at` begins; its elements are sixteen apart.
fn column(head: usize, at: usize, d: usize) -> usize {
    (head * CHUNK + at / ROW_LANES * ROW_LANES) * d + at % ROW_LANES
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
