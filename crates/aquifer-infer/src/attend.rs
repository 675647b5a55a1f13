//! Attention over caches: the rows of several sequences in, each seeing its own past only.

use crate::cache::KvCache;
use aquifer_model::Attend;
use aquifer_ops::{AttentionSpec, CachedQueries, OpError, attention_cached};
use aquifer_tensor::Tensor;
use std::ops::Range;

/// One sequence's share of a step: which rows are its, and its cache.
pub(crate) struct Share<'a> {
    pub(crate) rows: Range<usize>,
    pub(crate) cache: &'a mut KvCache,
}

/// Appends every row's key and value to its sequence's cache, then attends over the caches.
pub(crate) struct CachedAttend<'a> {
    pub(crate) shares: Vec<Share<'a>>,
}

impl CachedAttend<'_> {
    /// Counts the rows as held, once every layer has been through.
    pub(crate) fn finish(self) {
        for share in self.shares {
            share.cache.advance(share.rows.len());
        }
    }
}

impl Attend for CachedAttend<'_> {
    fn attend(
        &mut self,
        layer: usize,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        spec: &AttentionSpec,
    ) -> Result<Tensor, OpError> {
        let row = spec.kv_heads * spec.head_dim;
        for share in &mut self.shares {
            let window = share.rows.start * row..share.rows.end * row;
            share.cache.write(layer, &k.as_f32()[window.clone()], &v.as_f32()[window]);
        }
        let sequences: Vec<CachedQueries> = self
            .shares
            .iter()
            .map(|share| CachedQueries {
                rows: share.rows.clone(),
                first_position: share.cache.len(),
                chunks: share.cache.chunks(layer),
            })
            .collect();
        let mut out = Tensor::recycled::<f32>(q.shape_of());
        attention_cached(&q.view(), &sequences, spec, &mut out.view_mut())?;
        Ok(out)
    }
}
