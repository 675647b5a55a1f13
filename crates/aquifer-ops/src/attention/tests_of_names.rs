//! Piecewise attention, and attention under other libraries' names.

use super::plain::Call;
use super::reference::Definition;
use super::tests::assert_within_twice;
use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::Tensor;
use aquifer_testkit::assert_same_bits;

const SEGMENTS: [Range<usize>; 3] = [0..3, 5..295, 300..333];
const T: usize = 340;

/// Two sets of queries and keys, values, and the gradient of the output.
struct Pieces {
    q: [Tensor; 2],
    k: [Tensor; 2],
    v: Tensor,
    dout: Tensor,
    spec: AttentionSpec,
    threshold: usize,
}

fn pieces(spec: AttentionSpec, threshold: usize) -> Pieces {
    let (queries, keys) = ([T, spec.heads, spec.head_dim], [T, spec.kv_heads, spec.head_dim]);
    Pieces {
        q: ["q1", "q2"].map(|name| tensor(name, queries, 2.0)),
        k: ["k1", "k2"].map(|name| tensor(name, keys, 2.0)),
        v: tensor("v", keys, 2.0),
        dout: tensor("dout", queries, 2.0),
        spec,
        threshold,
    }
}

impl Pieces {
    /// `out`, `lse`, `dq1`, `dk1`, `dq2`, `dk2`, `dv`.
    fn run(&self) -> [Vec<f32>; 7] {
        let Pieces { q, k, v, dout, spec, threshold } = self;
        let (queries, keys) = (q[0].shape_of(), k[0].shape_of());
        let (mut out, mut lse) = (Tensor::poisoned::<f32>(queries), Tensor::poisoned::<f32>([T, spec.heads]));
        let ([q1, q2], [k1, k2]) = ([&q[0], &q[1]].map(|x| x.view()), [&k[0], &k[1]].map(|x| x.view()));
        let (q, k, v) = ([&q1, &q2], [&k1, &k2], &v.view());
        piecewise_attention(q, k, v, *threshold, &SEGMENTS, spec, &mut out.view_mut(), &mut lse.view_mut()).unwrap();
        let [mut dq1, mut dq2, mut dk1, mut dk2, mut dv] =
            [queries, queries, keys, keys, keys].map(Tensor::poisoned::<f32>);
        let (dq, dk) = ([&mut dq1.view_mut(), &mut dq2.view_mut()], [&mut dk1.view_mut(), &mut dk2.view_mut()]);
        let (o, l, dout, dv_to) = (&out.view(), &lse.view(), &dout.view(), &mut dv.view_mut());
        piecewise_attention_backward(q, k, v, *threshold, o, l, dout, &SEGMENTS, spec, dq, dk, dv_to).unwrap();
        [out, lse, dq1, dk1, dq2, dk2, dv].map(|x| x.as_f32().to_vec())
    }

    fn plain(&self) -> [Vec<f32>; 7] {
        let pieces = [0, 1].map(|s| (self.q[s].as_f32(), self.k[s].as_f32()));
        let (v, spec) = (self.v.as_f32(), &self.spec);
        let call = Call { pieces: &pieces, v, threshold: self.threshold, segments: &SEGMENTS, spec };
        let (out, lse) = call.forward();
        let (gradients, dv) = call.backward(&out, &lse, self.dout.as_f32());
        let [[dq1, dk1], [dq2, dk2]] = gradients.try_into().unwrap();
        [out, lse, dq1, dk1, dq2, dk2, dv]
    }

    fn defined<X: reference::Real>(&self) -> [Vec<X>; 7] {
        let cast = |x: &Tensor| -> Vec<X> { x.as_f32().iter().map(|&x| X::of(x.into())).collect() };
        let [q1, q2, k1, k2, v, dout] = [&self.q[0], &self.q[1], &self.k[0], &self.k[1], &self.v, &self.dout].map(cast);
        let (pieces, spec) = (&[(&q1[..], &k1[..]), (&q2[..], &k2[..])], &self.spec);
        let definition = Definition { pieces, v: &v, threshold: self.threshold, segments: &SEGMENTS, spec };
        let ((out, lse), (mut gradients, dv)) = (definition.forward(), definition.backward(&dout));
        let (dq2, dk2) = gradients.remove(1);
        let (dq1, dk1) = gradients.remove(0);
        [out, lse, dq1, dk1, dq2, dk2, dv]
    }
}

fn piecewise_cases() -> Vec<Pieces> {
    let spec = AttentionSpec::new;
    vec![
        pieces(spec(2, 2, 16), 64),
        pieces(spec(4, 2, 24), 1),
        pieces(spec(2, 1, 5).soft_cap(2.0).alibi([0.1, 0.01]), 260),
        pieces(spec(2, 1, 8).within(100, 0), 40),
        pieces(spec(2, 1, 8).within(30, 50), 10),
        pieces(spec(2, 2, 8).both_ways(), 100),
        pieces(spec(1, 1, 8), 1000),
    ]
}

#[test]
fn piecewise_attention_keeps_the_written_order_everywhere() {
    for case in piecewise_cases() {
        let want = case.plain();
        for (which, want) in want.iter().enumerate() {
            let got = everywhere(|| case.run()[which].clone());
            assert_same_bits(&got, want);
        }
    }
}

#[test]
fn piecewise_attention_is_at_most_twice_as_far_off_as_the_definition_in_f32() {
    // Of one key the direct computation is exact by luck.
    for case in piecewise_cases().into_iter().filter(|case| case.threshold > 8) {
        let (truth, direct, got) = (case.defined::<f64>(), case.defined::<f32>(), case.run());
        let names = ["out", "lse", "dq1", "dk1", "dq2", "dk2", "dv"];
        for (((name, got), truth), direct) in names.iter().zip(&got).zip(&truth).zip(&direct) {
            assert_within_twice(&format!("{name} of {:?}", case.spec), got, direct, truth);
        }
    }
}

#[test]
fn equal_pieces_are_plain_attention() {
    let mut case = pieces(AttentionSpec::new(4, 2, 24), 17);
    (case.q[1], case.k[1]) = (case.q[0].clone(), case.k[0].clone());
    let (mut out, mut lse) = (Tensor::poisoned::<f32>([T, 4, 24]), Tensor::poisoned::<f32>([T, 4]));
    let (q, k, v) = (case.q[0].view(), case.k[0].view(), case.v.view());
    attention(&q, &k, &v, &SEGMENTS, &case.spec, &mut out.view_mut(), &mut lse.view_mut()).unwrap();
    let [got, got_lse, ..] = case.run();
    assert_same_bits(&got, out.as_f32());
    assert_same_bits(&got_lse, lse.as_f32());
}

/// Swaps the middle axes of `[b, x, y, d]`.
fn swapped(x: &[f32], [b, n, m, d]: [usize; 4]) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for (i, j, k) in (0..b).flat_map(|i| (0..m).flat_map(move |j| (0..n).map(move |k| (i, j, k)))) {
        out.extend_from_slice(&x[((i * n + k) * m + j) * d..][..d]);
    }
    out
}

#[test]
fn pytorchs_layout_gives_the_bits_of_packed_rows() {
    let (b, t, h, hk, d) = (3, 70, 4, 2, 24);
    let spec = AttentionSpec::new(h, hk, d).alibi(alibi_slopes(h)).soft_cap(3.0);
    let (queries, keys) = ([b * t, h, d], [b * t, hk, d]);
    let (q, k, v, dout) =
        (tensor("q", queries, 2.0), tensor("k", keys, 2.0), tensor("v", keys, 2.0), tensor("g", queries, 1.0));
    let segments: Vec<Range<usize>> = (0..b).map(|b| b * t..(b + 1) * t).collect();
    let (mut out, mut lse) = (Tensor::poisoned::<f32>(queries), Tensor::poisoned::<f32>([b * t, h]));
    attention(&q.view(), &k.view(), &v.view(), &segments, &spec, &mut out.view_mut(), &mut lse.view_mut()).unwrap();
    let [mut dq, mut dk, mut dv] = [queries, keys, keys].map(Tensor::poisoned::<f32>);
    let (views, to) = ([&q, &k, &v, &out, &lse, &dout].map(|x| x.view()), [&mut dq, &mut dk, &mut dv]);
    let [dq_to, dk_to, dv_to] = &mut to.map(|x| x.view_mut());
    let [qv, kv, vv, ov, lv, gv] = &views;
    attention_backward(qv, kv, vv, ov, lv, gv, &segments, &spec, dq_to, dk_to, dv_to).unwrap();

    let there = |x: &Tensor, heads: usize| Tensor::from_f32(&swapped(x.as_f32(), [b, t, heads, d]), [b, heads, t, d]);
    let [q4, dout4] = [&q, &dout].map(|x| there(x, h));
    let [k4, v4] = [&k, &v].map(|x| there(x, hk));
    let (mut out4, mut lse4) = (Tensor::poisoned::<f32>([b, h, t, d]), Tensor::poisoned::<f32>([b, h, t]));
    let [qv, kv, vv, gv] = &[&q4, &k4, &v4, &dout4].map(|x| x.view());
    scaled_dot_product_attention(qv, kv, vv, &spec, &mut out4.view_mut(), &mut lse4.view_mut()).unwrap();
    let [mut dq4, mut dk4, mut dv4] = [[b, h, t, d], [b, hk, t, d], [b, hk, t, d]].map(Tensor::poisoned::<f32>);
    let (ov, lv, dq_to, dk_to, dv_to) =
        (&out4.view(), &lse4.view(), &mut dq4.view_mut(), &mut dk4.view_mut(), &mut dv4.view_mut());
    scaled_dot_product_attention_backward(qv, kv, vv, ov, lv, gv, &spec, dq_to, dk_to, dv_to).unwrap();
    for (got, want, heads) in [(&out4, &out, h), (&dq4, &dq, h), (&dk4, &dk, hk), (&dv4, &dv, hk)] {
        assert_same_bits(&swapped(got.as_f32(), [b, heads, t, d]), want.as_f32());
    }
    assert_same_bits(&swapped(lse4.as_f32(), [b, h, t, 1]), lse.as_f32());
}

#[test]
fn pages_anywhere_in_a_pool_give_the_bits_of_the_whole() {
    let (spec, t) = (AttentionSpec::new(4, 2, 24), 600);
    let (q, k, v) = (tensor("q", [t, 4, 24], 2.0), tensor("k", [t, 2, 24], 2.0), tensor("v", [t, 2, 24], 2.0));
    let mut out = Tensor::poisoned::<f32>([t, 4, 24]);
    let (lse, sums) =
        flash_attention(&q.view(), &k.view(), &v.view(), &[0..t], &spec, true, &mut out.view_mut()).unwrap();
    assert!(lse.as_f32().iter().chain(sums.unwrap().as_f32()).all(|x| x.is_finite()));
    // Sequence 0 is all of it, sequence 1 its first 300; their pages lie in no order.
    let mut pool = vec![KvChunk::empty(2, 24); 6];
    let tables = [vec![5, 0, 3], vec![2, 4]];
    let slot = |table: &[usize], i: usize| Some(table[i / CHUNK] * CHUNK + i % CHUNK);
    for (table, len) in tables.iter().zip([t, 300]) {
        let slots: Vec<Option<usize>> = (0..t).map(|i| slot(table, i.min(len)).filter(|_| i < len)).collect();
        reshape_and_cache(&k.view(), &v.view(), &slots, &spec, &mut pool).unwrap();
    }
    let rows = [t - 1, 299].map(|row| q.view().narrow(0, row, 1).to_f32_vec()).concat();
    let mut got = Tensor::poisoned::<f32>([2, 4, 24]);
    let q = View::of(&rows, [2, 4, 24]);
    paged_attention(&q, &pool, &tables, &[t, 300], &spec, &mut got.view_mut()).unwrap();
    let want = [t - 1, 299].map(|row| out.view().narrow(0, row, 1).to_f32_vec()).concat();
    assert_same_bits(got.as_f32(), &want);
    let said = paged_attention(&q, &pool, &[vec![6], vec![0]], &[1, 1], &spec, &mut got.view_mut()).unwrap_err();
    assert_eq!(said.to_string(), "paged_attention: `tables` should be pages below 6, but is [6]");
    let said = reshape_and_cache(&k.view(), &v.view(), &[Some(1536); 600], &spec, &mut pool).unwrap_err();
    assert_eq!(said.to_string(), "reshape_and_cache: `slots` should be below 1536, but is 1536");
}
