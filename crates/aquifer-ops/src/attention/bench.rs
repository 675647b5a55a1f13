//! Time and operations: a training step's packed sequences, and decoding from a cache.

use super::{
    AttentionDropout, AttentionSpec, CHUNK, CachedQueries, KvChunk, alibi_slopes, attention, attention_backward,
    attention_cached, reference, reference_backward,
};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;
use std::ops::Range;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
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

fn spec() -> AttentionSpec {
    AttentionSpec::new(6, 6, 64)
}

/// `N` tensors of different numbers, from one longer list.
fn inputs<const N: usize>([t, h, d]: [usize; 3]) -> [Tensor; N] {
    let (all, size) = (input([N * t, h, d]), t * h * d);
    std::array::from_fn(|i| Tensor::from_f32(&all.as_f32()[i * size..(i + 1) * size], [t, h, d]))
}

/// A layer's tensors, forward and backward.
struct Layer {
    spec: AttentionSpec,
    segments: Vec<Range<usize>>,
    q_k_v_dout: [Tensor; 4],
    out: Tensor,
    lse: Tensor,
    dqkv: [Tensor; 3],
}

impl Layer {
    fn new(spec: AttentionSpec, batch: usize, t: usize) -> Self {
        let (rows, shape) = (batch * t, [batch * t, spec.heads, spec.head_dim]);
        Layer {
            segments: (0..batch).map(|b| b * t..(b + 1) * t).collect(),
            q_k_v_dout: inputs(shape),
            out: Tensor::poisoned::<f32>(shape),
            lse: Tensor::poisoned::<f32>([rows, spec.heads]),
            dqkv: [(); 3].map(|()| Tensor::poisoned::<f32>(shape)),
            spec,
        }
    }

    /// Small, of two segments, and forward already.
    fn checked(spec: AttentionSpec) -> Self {
        let mut layer = Layer::new(spec, 2, 5 * CHECKED_ROWS);
        layer.forward();
        layer
    }

    fn forward(&mut self) {
        let [q, k, v, _] = self.q_k_v_dout.each_ref().map(Tensor::view);
        let (out, lse) = (&mut self.out.view_mut(), &mut self.lse.view_mut());
        attention(&q, &k, &v, &self.segments, &self.spec, out, lse).expect("shapes fit");
    }

    fn backward(&mut self) {
        let [q, k, v, dout] = self.q_k_v_dout.each_ref().map(Tensor::view);
        let (out, lse, [dq, dk, dv]) = (self.out.view(), self.lse.view(), self.dqkv.each_mut());
        let (dq, dk, dv) = (&mut dq.view_mut(), &mut dk.view_mut(), &mut dv.view_mut());
        attention_backward(&q, &k, &v, &out, &lse, &dout, &self.segments, &self.spec, dq, dk, dv).expect("shapes fit");
    }
}

/// Visible pairs only: two products forward, five backward.
fn training(names: [&'static str; 2], spec: AttentionSpec, (batch, t): (usize, usize)) -> [Case; 2] {
    let named = [batch, t, spec.heads, spec.head_dim];
    let pairs = if spec.after.is_none() { 2 * t * t } else { t * (t + 1) };
    let product = batch * spec.heads * pairs * spec.head_dim;
    let tensor = 4 * named.iter().product::<usize>();
    let (timed, checked) = (spec.clone(), spec.clone());
    let forward = Case::new(names[0])
        .shape(named)
        .traffic(3 * tensor, tensor)
        .flops(2 * product)
        .with(move || {
            let mut layer = Layer::new(timed, batch, t);
            move || layer.forward()
        })
        .error(1e-5, move || {
            let layer = Layer::checked(checked.clone());
            let [q, k, v, _] = layer.q_k_v_dout.each_ref().map(wide);
            deviation(layer.out.as_f32(), &reference(&q, &k, &v, &layer.segments, &layer.spec).0)
        });
    let timed = spec.clone();
    let backward = Case::new(names[1])
        .shape(named)
        .traffic(5 * tensor, 3 * tensor)
        .flops(5 * product)
        .with(move || {
            let mut layer = Layer::new(timed, batch, t);
            layer.forward();
            move || layer.backward()
        })
        .error(2e-5, move || {
            let mut layer = Layer::checked(spec.clone());
            layer.backward();
            let [q, k, v, dout] = layer.q_k_v_dout.each_ref().map(wide);
            let want = reference_backward(&q, &k, &v, &layer.segments, &layer.spec, &dout);
            let [dq, dk, dv] = layer.dqkv.each_ref().map(Tensor::as_f32);
            deviation(dq, &want.0).max(deviation(dk, &want.1)).max(deviation(dv, &want.2))
        });
    [forward, backward]
}

/// One query each of several sequences of so many positions: the bytes of the cache are what counts.
fn decoding((sequences, length): (usize, usize)) -> Case {
    let AttentionSpec { heads, kv_heads, head_dim, .. } = spec();
    Case::new("attention_cached")
        .shape([sequences, length, heads, head_dim])
        .bytes(2 * 4 * sequences * length * kv_heads * head_dim)
        .with(move || {
            let caches: Vec<Vec<KvChunk>> = (0..sequences).map(|_| cache(length).0).collect();
            let (q, mut out) = (input([sequences, heads, head_dim]), input([sequences, heads, head_dim]));
            move || decode(&q, &caches, length, &mut out)
        })
        .error(1e-5, || {
            const LENGTH: usize = 10 * CHECKED_ROWS;
            let AttentionSpec { heads, head_dim, .. } = spec();
            let (chunks, keys, values) = cache(LENGTH);
            let (q, mut out) = (input([1, heads, head_dim]), Tensor::poisoned::<f32>([1, heads, head_dim]));
            decode(&q, &[chunks], LENGTH, &mut out);
            let before = (LENGTH - 1) * heads * head_dim;
            let queries = [vec![0.0; before], wide(&q)].concat();
            let (want, _) = reference(&queries, &wide(&keys), &wide(&values), &[0..LENGTH], &spec());
            deviation(out.as_f32(), &want[before..])
        })
}

/// One sequence's chunks, and the keys and values in them.
fn cache(length: usize) -> (Vec<KvChunk>, Tensor, Tensor) {
    let (kv_heads, head_dim) = (spec().kv_heads, spec().head_dim);
    let [keys, values] = inputs([length, kv_heads, head_dim]);
    let step = CHUNK * kv_heads * head_dim;
    let chunk = |(keys, values): (&[f32], &[f32])| {
        let mut chunk = KvChunk::empty(kv_heads, head_dim);
        chunk.write(0, keys, values);
        chunk
    };
    let chunks = keys.as_f32().chunks(step).zip(values.as_f32().chunks(step)).map(chunk).collect();
    (chunks, keys, values)
}

fn decode(q: &Tensor, caches: &[Vec<KvChunk>], length: usize, out: &mut Tensor) {
    let query = |(s, chunks)| CachedQueries { rows: s..s + 1, first_position: length - 1, chunks };
    let queries: Vec<CachedQueries> = caches.iter().map(|chunks| &chunks[..]).enumerate().map(query).collect();
    attention_cached(&q.view(), &queries, &spec(), &mut out.view_mut()).expect("shapes fit");
}
