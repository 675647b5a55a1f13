//! Time and operations: a training step's packed sequences, and decoding from a cache.

use super::{
    AttentionDropout, AttentionSpec, CHUNK, CachedQueries, KvChunk, alibi_slopes, attention, attention_backward,
    attention_cached,
};
use crate::bench::{Case, input};
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;
use std::ops::Range;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let spec = || AttentionSpec::new(6, 6, 64);
    let dropout = AttentionDropout::new(0.1, Stream::new(0, "bench", ""), 0);
    let options = [
        (["attention both ways", "attention_backward both ways"], spec().both_ways()),
        (["attention capped", "attention_backward capped"], spec().soft_cap(50.0)),
        (["attention alibi", "attention_backward alibi"], spec().alibi(alibi_slopes(6))),
        (["attention dropout", "attention_backward dropout"], spec().dropout(dropout)),
    ];
    let causal = [(8, 256), (1, 2048)].map(|size| (["attention", "attention_backward"], spec(), size));
    let options = options.map(|(names, spec)| (names, spec, (8, 256)));
    let training = causal.into_iter().chain(options).flat_map(|(names, spec, size)| training(names, spec, size));
    training.chain([(1, 2000), (8, 2000), (1, 16_384)].map(decoding))
}

/// Visible pairs only: two products forward, five backward.
fn training(names: [&'static str; 2], spec: AttentionSpec, (batch, t): (usize, usize)) -> [Case; 2] {
    let shape = [batch * t, spec.heads, spec.head_dim];
    let named = [batch, t, spec.heads, spec.head_dim];
    let pairs = if spec.after.is_none() { 2 * t * t } else { t * (t + 1) };
    let product = batch * spec.heads * pairs * spec.head_dim;
    let tensor = 4 * shape.iter().product::<usize>();
    let segments: Vec<Range<usize>> = (0..batch).map(|b| b * t..(b + 1) * t).collect();
    let (q, k, v, mut out) = (input(shape), input(shape), input(shape), input(shape));
    let (mut lse, within, layer) = (input([batch * t, spec.heads]), segments.clone(), spec.clone());
    let forward = Case::new(names[0]).shape(named).bytes(4 * tensor).flops(2 * product).run(move || {
        let (out, lse) = (&mut out.view_mut(), &mut lse.view_mut());
        attention(&q.view(), &k.view(), &v.view(), &within, &layer, out, lse).expect("shapes fit");
    });
    let [q, k, v, out, dout] = [shape; 5].map(input);
    let lse = Tensor::filled([batch * t, spec.heads], 6.0_f32);
    let [mut dq, mut dk, mut dv] = [shape; 3].map(input);
    let backward = Case::new(names[1]).shape(named).bytes(8 * tensor).flops(5 * product).run(move || {
        let (q, k, v, out, lse, dout) = (q.view(), k.view(), v.view(), out.view(), lse.view(), dout.view());
        let (dq, dk, dv) = (&mut dq.view_mut(), &mut dk.view_mut(), &mut dv.view_mut());
        attention_backward(&q, &k, &v, &out, &lse, &dout, &segments, &spec, dq, dk, dv).expect("shapes fit");
    });
    [forward, backward]
}

/// One query each of several sequences of so many positions: the bytes of the cache are what counts.
fn decoding((sequences, length): (usize, usize)) -> Case {
    let spec = AttentionSpec::new(6, 6, 64);
    let rows = input([CHUNK, spec.kv_heads, spec.head_dim]);
    let chunks = || (0..length.div_ceil(CHUNK)).map(|_| chunk_of(&rows)).collect();
    let caches: Vec<Vec<KvChunk>> = (0..sequences).map(|_| chunks()).collect();
    let q = input([sequences, spec.heads, spec.head_dim]);
    let mut out = input([sequences, spec.heads, spec.head_dim]);
    let bytes = 2 * 4 * sequences * length * spec.kv_heads * spec.head_dim;
    Case::new("attention_cached").shape([sequences, length, spec.heads, spec.head_dim]).bytes(bytes).run(move || {
        let query = |s: usize| CachedQueries { rows: s..s + 1, first_position: length - 1, chunks: &caches[s] };
        let queries: Vec<CachedQueries> = (0..sequences).map(query).collect();
        attention_cached(&q.view(), &queries, &spec, &mut out.view_mut()).expect("shapes fit");
    })
}

fn chunk_of(rows: &Tensor) -> KvChunk {
    let mut chunk = KvChunk::empty(rows.shape()[1], rows.shape()[2]);
    chunk.write(0, rows.as_f32(), rows.as_f32());
    chunk
}
