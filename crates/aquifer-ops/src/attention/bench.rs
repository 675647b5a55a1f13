//! Time and operations: a training step's packed sequences, and decoding from a cache.

use super::{AttentionSpec, CHUNK, CachedQueries, KvChunk, attention, attention_backward, attention_cached};
use crate::bench::{Case, input};
use aquifer_tensor::Tensor;
use std::ops::Range;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [(8, 256), (1, 2048)].into_iter().flat_map(training).chain([1, 8].map(decoding))
}

/// Visible pairs only: two products forward, five backward.
fn training((batch, t): (usize, usize)) -> [Case; 2] {
    let spec = AttentionSpec::new(6, 6, 64);
    let shape = [batch * t, spec.heads, spec.head_dim];
    let named = [batch, t, spec.heads, spec.head_dim];
    let product = batch * spec.heads * t * (t + 1) * spec.head_dim;
    let tensor = 4 * shape.iter().product::<usize>();
    let segments: Vec<Range<usize>> = (0..batch).map(|b| b * t..(b + 1) * t).collect();
    let (q, k, v, mut out) = (input(shape), input(shape), input(shape), input(shape));
    let (mut lse, within) = (input([batch * t, spec.heads]), segments.clone());
    let forward = Case::new("attention").shape(named).bytes(4 * tensor).flops(2 * product).run(move || {
        let (out, lse) = (&mut out.view_mut(), &mut lse.view_mut());
        attention(&q.view(), &k.view(), &v.view(), &within, &spec, out, lse).expect("shapes fit");
    });
    let [q, k, v, out, dout] = [shape; 5].map(input);
    let lse = Tensor::filled([batch * t, spec.heads], 6.0_f32);
    let [mut dq, mut dk, mut dv] = [shape; 3].map(input);
    let backward = Case::new("attention_backward").shape(named).bytes(8 * tensor).flops(5 * product).run(move || {
        let (q, k, v, out, lse, dout) = (q.view(), k.view(), v.view(), out.view(), lse.view(), dout.view());
        let (dq, dk, dv) = (&mut dq.view_mut(), &mut dk.view_mut(), &mut dv.view_mut());
        attention_backward(&q, &k, &v, &out, &lse, &dout, &segments, &spec, dq, dk, dv).expect("shapes fit");
    });
    [forward, backward]
}

/// One query each of several sequences of 2,000 positions: the bytes of the cache are what counts.
fn decoding(sequences: usize) -> Case {
    const LENGTH: usize = 2000;
    let spec = AttentionSpec::new(6, 6, 64);
    let shape = [CHUNK, spec.kv_heads, spec.head_dim];
    let chunks = || (0..LENGTH.div_ceil(CHUNK)).map(|_| KvChunk { keys: input(shape), values: input(shape) }).collect();
    let caches: Vec<Vec<KvChunk>> = (0..sequences).map(|_| chunks()).collect();
    let q = input([sequences, spec.heads, spec.head_dim]);
    let mut out = input([sequences, spec.heads, spec.head_dim]);
    let bytes = 2 * 4 * sequences * LENGTH * spec.kv_heads * spec.head_dim;
    Case::new("attention_cached").shape([sequences, LENGTH, spec.heads, spec.head_dim]).bytes(bytes).run(move || {
        let query = |s: usize| CachedQueries { rows: s..s + 1, first_position: LENGTH - 1, chunks: &caches[s] };
        let queries: Vec<CachedQueries> = (0..sequences).map(query).collect();
        attention_cached(&q.view(), &queries, &spec, &mut out.view_mut()).expect("shapes fit");
    })
}
