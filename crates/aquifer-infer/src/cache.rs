//! The keys and values of one sequence, layer by layer, in chunks of [`CHUNK`] positions.
//!
//! A chunk is a pair of shared tensors, laid out as attention reads them: forking a sequence (several answers to
//! one prompt) or keeping a prefix for the next request copies nothing until one of them writes into the chunk.

use crate::network::NetworkShape;
use aquifer_ops::attention::KvChunk;

pub use aquifer_ops::attention::CHUNK;

/// One sequence's keys and values in every layer.
#[derive(Clone)]
pub struct KvCache {
    layers: Vec<Vec<KvChunk>>,
    kv_heads: usize,
    head_dim: usize,
    len: usize,
}

impl KvCache {
    /// An empty cache for this network.
    pub fn new(shape: &NetworkShape) -> Self {
        KvCache { layers: vec![Vec::new(); shape.layers], kv_heads: shape.kv_heads, head_dim: shape.head_dim, len: 0 }
    }

    /// Positions that every layer holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that `positions` positions take in a network of this shape.
    pub fn bytes_for(shape: &NetworkShape, positions: usize) -> usize {
        positions.div_ceil(CHUNK) * KvChunk::bytes(shape.kv_heads, shape.head_dim) * shape.layers
    }

    /// Forgets the positions from `len` on.
    ///
    /// # Panics
    /// If it holds fewer.
    pub fn truncate(&mut self, len: usize) {
        assert!(len <= self.len, "a cache of {} positions cannot be cut to {len}", self.len);
        let kept = len.div_ceil(CHUNK);
        for chunks in &mut self.layers {
            chunks.truncate(kept);
            // Absent rows are zero, so that what a forgotten token left cannot reach a sum.
            if let (Some(last), used @ 1..) = (chunks.last_mut(), len % CHUNK) {
                last.clear(used..CHUNK);
            }
        }
        self.len = len;
    }

    /// Writes the rows after [`KvCache::len`] in one layer; `keys` and `values` are whole rows `[n, hk·d]`.
    /// [`KvCache::advance`] makes them count once every layer has them.
    pub(crate) fn write(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        let (row, kv_heads, head_dim) = (self.row(), self.kv_heads, self.head_dim);
        let chunks = &mut self.layers[layer];
        let mut at = self.len;
        for (keys, values) in pieces(keys, at, row).zip(pieces(values, at, row)) {
            if at / CHUNK == chunks.len() {
                chunks.push(KvChunk::empty(kv_heads, head_dim));
            }
            chunks[at / CHUNK].write(at % CHUNK, keys, values);
            at += keys.len() / row;
        }
    }

    /// Counts `rows` more positions as held.
    pub(crate) fn advance(&mut self, rows: usize) {
        self.len += rows;
    }

    pub(crate) fn chunks(&self, layer: usize) -> &[KvChunk] {
        &self.layers[layer]
    }

    fn row(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

/// Cuts rows that start at position `at` where chunks end.
fn pieces(rows: &[f32], at: usize, row: usize) -> impl Iterator<Item = &[f32]> {
    let first = ((CHUNK - at % CHUNK) * row).min(rows.len());
    let (head, tail) = rows.split_at(first);
    std::iter::once(head).filter(|h| !h.is_empty()).chain(tail.chunks(CHUNK * row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: NetworkShape = NetworkShape { layers: 2, kv_heads: 3, head_dim: 2, vocab: 5, positions: 1000 };

    fn rows(from: usize, n: usize) -> Vec<f32> {
        (from * 6..(from + n) * 6).map(|i| i as f32 + 1.0).collect()
    }

    fn fill(cache: &mut KvCache, steps: &[usize]) {
        for &n in steps {
            let rows = rows(cache.len(), n);
            (0..2).for_each(|layer| cache.write(layer, &rows, &rows));
            cache.advance(n);
        }
    }

    fn held(cache: &KvCache, layer: usize) -> Vec<f32> {
        let rows = |chunk: &KvChunk| -> Vec<f32> { (0..CHUNK).flat_map(|at| chunk.row(at).0).collect() };
        cache.chunks(layer).iter().flat_map(rows).collect()
    }

    #[test]
    fn any_steps_give_the_same_chunks() {
        let mut whole = KvCache::new(&SHAPE);
        fill(&mut whole, &[600]);
        let mut odd = KvCache::new(&SHAPE);
        fill(&mut odd, &[1, 254, 2, 256, 87]);
        for layer in 0..2 {
            assert_eq!(held(&whole, layer), held(&odd, layer));
            assert_eq!(held(&whole, layer)[..3600], rows(0, 600));
            assert!(held(&whole, layer)[3600..].iter().all(|&x| x == 0.0));
        }
        assert_eq!((whole.len(), whole.chunks(0).len()), (600, 3));
        assert_eq!(KvCache::bytes_for(&SHAPE, 257), 2 * 512 * 3 * (2 + 16) * 4);
    }

    #[test]
    fn a_fork_writes_its_own_copy_and_a_cut_forgets() {
        let mut first = KvCache::new(&SHAPE);
        fill(&mut first, &[300]);
        let mut fork = first.clone();
        fill(&mut fork, &[10]);
        assert!(held(&first, 1)[1800..].iter().all(|&x| x == 0.0));
        fork.truncate(300);
        assert_eq!(held(&first, 1), held(&fork, 1));
        fork.truncate(256);
        assert_eq!(fork.chunks(0).len(), 1);
        fork.truncate(0);
        assert!(fork.is_empty() && fork.chunks(1).is_empty());
    }
}
