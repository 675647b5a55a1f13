use super::plain::Call;
use super::reference::{Definition, Real};
use super::*;
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;
use aquifer_tensor::{isa, threads};

/// A call: inputs, and everything that forward and backward give.
struct Case {
    spec: AttentionSpec,
    segments: Vec<Range<usize>>,
    t: usize,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dout: Vec<f32>,
}

struct Gives {
    out: Vec<f32>,
    lse: Vec<f32>,
    sums: Vec<f32>,
    gradients: [Vec<f32>; 3],
}

fn noise(seed: u64, n: usize) -> Vec<f32> {
    let stream = Stream::new(seed, "attention.tests", "");
    (0..n as u64).map(|i| stream.uniform(0, i) * 4.0 - 2.0).collect()
}

fn cast<T: Real>(x: &[f32]) -> Vec<T> {
    x.iter().map(|&x| T::of(x.into())).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    cast(x)
}

impl Case {
    fn new(t: usize, segments: &[Range<usize>], spec: AttentionSpec) -> Self {
        let (n, nk) = (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim);
        let [q, k, v, dout] = [(1, n), (2, nk), (3, nk), (4, n)].map(|(seed, n)| noise(seed, t * n));
        Case { spec, segments: segments.to_vec(), t, q, k, v, dout }
    }

    fn shapes(&self) -> ([usize; 3], [usize; 3]) {
        let AttentionSpec { heads, kv_heads, head_dim, .. } = self.spec;
        ([self.t, heads, head_dim], [self.t, kv_heads, head_dim])
    }

    fn run(&self) -> Gives {
        let (qs, ks) = self.shapes();
        let (q, k, v) = (View::of(&self.q, qs), View::of(&self.k, ks), View::of(&self.v, ks));
        let (mut out, mut lse) = (Tensor::poisoned::<f32>(qs), Tensor::poisoned::<f32>([self.t, self.spec.heads]));
        let (spec, segments) = (&self.spec, &self.segments);
        attention(&q, &k, &v, segments, spec, &mut out.view_mut(), &mut lse.view_mut()).unwrap();
        let [mut dq, mut dk, mut dv] = [qs, ks, ks].map(Tensor::poisoned::<f32>);
        let (o, l, dout) = (out.view(), lse.view(), View::of(&self.dout, qs));
        let (dq_to, dk_to, dv_to) = (&mut dq.view_mut(), &mut dk.view_mut(), &mut dv.view_mut());
        attention_backward(&q, &k, &v, &o, &l, &dout, segments, spec, dq_to, dk_to, dv_to).unwrap();
        let mut sums = Tensor::poisoned::<f32>([self.t, self.spec.heads]);
        attention_column_sums(&q, &k, &l, segments, spec, &mut sums.view_mut()).unwrap();
        let [out, lse, sums, dq, dk, dv] = [out, lse, sums, dq, dk, dv].map(|x| x.as_f32().to_vec());
        Gives { out, lse, sums, gradients: [dq, dk, dv] }
    }

    fn plain(&self) -> Gives {
        let pieces = &[(&self.q[..], &self.k[..])];
        let call = Call { pieces, v: &self.v, threshold: usize::MAX, segments: &self.segments, spec: &self.spec };
        let (out, lse) = call.forward();
        let (mut pieces, dv) = call.backward(&out, &lse, &self.dout);
        let [dq, dk] = pieces.remove(0);
        Gives { sums: call.column_sums(&lse), out, lse, gradients: [dq, dk, dv] }
    }

    /// The definition in any precision: what [`Gives::named`] names.
    fn defined<T: Real>(&self) -> [Vec<T>; 6] {
        let [q, k, v, dout] = [&self.q, &self.k, &self.v, &self.dout].map(|x| cast::<T>(x));
        let (pieces, spec) = (&[(&q[..], &k[..])], &self.spec);
        let definition = Definition { pieces, v: &v, threshold: usize::MAX, segments: &self.segments, spec };
        let ((out, lse), (mut pieces, dv)) = (definition.forward(), definition.backward(&dout));
        let (dq, dk) = pieces.remove(0);
        [out, lse, definition.column_sums(), dq, dk, dv]
    }

    /// The outputs of every query when read from a cache, `pieces` queries at a time.
    fn cached(&self, pieces: usize) -> Vec<f32> {
        let (n, d) = (self.spec.heads * self.spec.head_dim, self.spec.kv_heads * self.spec.head_dim);
        let mut out = vec![f32::NAN; self.q.len()];
        let longest = self.segments.iter().map(|s| s.len()).max().unwrap_or(0);
        let mut caches: Vec<Vec<KvChunk>> = vec![vec![]; self.segments.len()];
        for first in (0..longest).step_by(pieces) {
            // All sequences that still have queries advance in one call, with an idle row between them.
            let mut q = vec![];
            let mut parts = vec![];
            for (s, segment) in self.segments.iter().enumerate() {
                let part = segment.start + first.min(segment.len())..segment.end.min(segment.start + first + pieces);
                for row in part.clone() {
                    let position = row - segment.start;
                    if position % CHUNK == 0 {
                        caches[s].push(KvChunk::empty(self.spec.kv_heads, self.spec.head_dim));
                    }
                    let chunk = caches[s].last_mut().unwrap();
                    chunk.write(position % CHUNK, &self.k[row * d..][..d], &self.v[row * d..][..d]);
                }
                let start = q.len() / n;
                q.extend_from_slice(&self.q[part.start * n..part.end * n]);
                q.extend(vec![f32::NAN; n]);
                parts.push((start..start + part.len(), part));
            }
            let sequences: Vec<CachedQueries> = parts
                .iter()
                .zip(&caches)
                .filter(|((rows, _), _)| !rows.is_empty())
                .map(|((rows, _), chunks)| CachedQueries { rows: rows.clone(), first_position: first, chunks })
                .collect();
            let shape = [q.len() / n, self.spec.heads, self.spec.head_dim];
            let mut some = Tensor::poisoned::<f32>(shape);
            attention_cached(&View::of(&q, shape), &sequences, &self.spec, &mut some.view_mut()).unwrap();
            for (rows, part) in parts {
                assert!(some.as_f32()[rows.end * n..][..n].iter().all(|&x| x == 0.0), "an idle row is not zero");
                out[part.start * n..part.end * n].copy_from_slice(&some.as_f32()[rows.start * n..rows.end * n]);
            }
        }
        out
    }

    fn name(&self) -> String {
        format!("{} rows {:?} {:?}", self.t, self.segments, self.spec)
    }
}

impl Gives {
    fn named(&self) -> [(&'static str, &[f32]); 6] {
        let [dq, dk, dv] = &self.gradients;
        [("out", &self.out), ("lse", &self.lse), ("sums", &self.sums), ("dq", dq), ("dk", dk), ("dv", dv)]
    }
}

/// Equal bits, any NaN equal to any NaN.
fn assert_same(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
        assert!(same, "{what}, element {at}: {got:e}, not {want:e}");
    }
}

fn assert_all_same(what: &str, got: &Gives, want: &Gives) {
    for ((name, got), (_, want)) in got.named().into_iter().zip(want.named()) {
        assert_same(&format!("{name} of {what}"), got, want);
    }
}

fn assert_close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
        let same = f64::from(got) == want || (f64::from(got) - want).abs() <= tolerance * want.abs().max(1.0);
        assert!(same, "{what}, element {at}: {got}, not {want}");
    }
}

fn spec(heads: usize, kv_heads: usize, head_dim: usize) -> AttentionSpec {
    AttentionSpec::new(heads, kv_heads, head_dim)
}

fn dropout(p: f32) -> AttentionDropout {
    let dropout = AttentionDropout::new(p, Stream::new(7, "layers.3.attn.dropout", ""), 11);
    AttentionDropout { first_row: 5, first_head: 2, ..dropout }
}

/// Odd sizes of everything, one way only: what a cache can give too.
fn causal_cases() -> Vec<Case> {
    let whole = |t: usize, spec| Case::new(t, &[0..t], spec);
    vec![
        whole(1, spec(1, 1, 8)),
        whole(2, spec(4, 1, 16)),
        whole(31, spec(2, 2, 24)),
        whole(33, spec(4, 2, 64)),
        whole(33, spec(3, 3, 5).within(6, 0)),
        whole(255, spec(2, 1, 8)),
        whole(256, spec(1, 1, 64)),
        whole(257, spec(2, 2, 16).within(39, 0)),
        whole(300, spec(4, 4, 24).within(0, 0)),
        whole(300, spec(2, 1, 80)),
        whole(600, spec(4, 1, 8).within(256, 0)),
        whole(600, spec(2, 2, 64)),
        whole(290, spec(2, 1, 16).soft_cap(1.5)),
        whole(530, spec(3, 3, 8).alibi(alibi_slopes(3)).within(300, 0)),
        Case::new(400, &[0..3, 3..4, 10..290, 300..333], spec(4, 2, 24)),
        Case::new(330, &[5..5, 7..40, 60..325], spec(2, 2, 16).within(32, 0).soft_cap(3.0).alibi([0.5, 0.01])),
        Case::new(9, &[], spec(2, 2, 16)),
        Case::new(0, &[], spec(2, 1, 16)),
    ]
}

/// And those that look ahead or forget.
fn cases() -> Vec<Case> {
    let whole = |t: usize, spec| Case::new(t, &[0..t], spec);
    let mut cases = causal_cases();
    cases.extend([
        whole(1, spec(1, 1, 8).both_ways()),
        whole(270, spec(4, 2, 24).both_ways()),
        whole(600, spec(2, 1, 16).within(33, 70)),
        whole(530, spec(2, 2, 8).within(0, 300).alibi([0.1, 0.02]).soft_cap(2.0)),
        whole(300, spec(2, 2, 16).dropout(dropout(0.25))),
        Case::new(330, &[5..7, 7..40, 60..325], spec(4, 2, 8).both_ways().dropout(dropout(0.6)).soft_cap(4.0)),
        Case::new(320, &[1..290, 300..315], spec(2, 1, 24).both_ways().alibi(alibi_slopes(2)).dropout(dropout(0.0))),
    ]);
    cases
}

#[test]
fn the_references_derivative_is_its_difference_quotient() {
    let plain = spec(4, 2, 3);
    let specs = [
        plain.clone().within(2, 0),
        plain.clone().both_ways().soft_cap(1.0),
        plain.clone().within(1, 2).alibi([0.5, 0.25, 0.1, 0.0]),
        plain.both_ways().soft_cap(2.0).dropout(dropout(0.3)),
    ];
    let (t, segments) = (7, [0..4, 5..7]);
    let inputs = [(1, 12), (2, 6), (5, 12), (6, 6), (3, 6)].map(|(seed, n)| wide(&noise(seed, t * n)));
    let dout = wide(&noise(4, t * 12));
    for (spec, threshold) in specs.iter().flat_map(|spec| [(spec, usize::MAX), (spec, 1), (spec, 2)]) {
        let loss = |x: &[Vec<f64>; 5]| -> f64 {
            let pieces = [(&x[0][..], &x[1][..]), (&x[2][..], &x[3][..])];
            let (out, _) = reference_piecewise(pieces, &x[4], threshold, &segments, spec);
            out.iter().zip(&dout).map(|(out, dout)| out * dout).sum()
        };
        let pieces = [(&inputs[0][..], &inputs[1][..]), (&inputs[2][..], &inputs[3][..])];
        let (gradients, dv) = reference_piecewise_backward(pieces, &inputs[4], threshold, &segments, spec, &dout);
        let gradients = gradients.into_iter().flat_map(|(dq, dk)| [dq, dk]).chain([dv]);
        for (which, gradient) in gradients.enumerate() {
            for at in 0..gradient.len() {
                let moved = |by: f64| {
                    let mut moved = inputs.clone();
                    moved[which][at] += by;
                    loss(&moved)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let what = format!("input {which} at {at} of {spec:?}, threshold {threshold}");
                assert!((slope - gradient[at]).abs() < 1e-8, "{what}: {slope} but {}", gradient[at]);
            }
        }
    }
}

/// Holds `got` to the rule: at most twice as far from the truth as the definition computed in f32. Outputs are held by
/// their worst element, gradients by the root mean square; the worst element of a gradient may be three times as far,
/// since `p` and `D` are remade from the rounded `lse` and `out`, where the direct computation has both at hand.
#[track_caller]
pub(super) fn assert_within_twice(what: &str, got: &[f32], direct: &[f32], truth: &[f64]) {
    let worst = |errors: &[f64]| errors.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let mean = |errors: &[f64]| (errors.iter().map(|x| x * x).sum::<f64>() / errors.len().max(1) as f64).sqrt();
    let finite = || truth.iter().zip(0_usize..).filter(|(truth, _)| truth.is_finite());
    let errors = |x: &[f32]| finite().map(|(truth, at)| f64::from(x[at]) - truth).collect::<Vec<f64>>();
    // Nothing is nearer than the truth rounded, but by luck.
    let rounded: Vec<f64> = finite().map(|(truth, _)| truth * f64::from(f32::EPSILON)).collect();
    let hold = |size: &dyn Fn(&[f64]) -> f64, times: f64| {
        let (ours, theirs) = (size(&errors(got)), size(&errors(direct)).max(size(&rounded)));
        assert!(ours <= times * theirs, "{what}: {ours:e} is more than {times} times {theirs:e}");
    };
    if what.starts_with('d') {
        hold(&mean, 2.0);
        hold(&worst, 3.0);
    } else {
        hold(&worst, 2.0);
    }
}

#[test]
fn is_at_most_twice_as_far_from_the_reference_as_the_definition_in_f32() {
    for case in cases() {
        let (truth, direct, got) = (case.defined::<f64>(), case.defined::<f32>(), case.run());
        // Of one or two keys the direct computation is exact by luck.
        let few = case.segments.iter().all(|s| case.spec.visible(s.len(), s.len() + 1).len() < 8);
        for (((name, got), want), direct) in got.named().into_iter().zip(&truth).zip(&direct) {
            let what = format!("{name} of {}", case.name());
            assert_close(&what, got, want, 1e-4);
            if !few {
                assert_within_twice(&what, got, direct, want);
            }
        }
    }
}

#[test]
fn every_instruction_set_and_number_of_threads_keeps_the_written_order() {
    for case in cases() {
        let plain = case.plain();
        for &isa in isa::available() {
            // The portable path calls a library for every FMA.
            for threads in if isa == isa::Isa::Portable { vec![2] } else { vec![1, 2, 3, 16] } {
                let got = isa::with(isa, || threads::with(threads, || case.run()));
                assert_all_same(&format!("{} with {isa} on {threads} threads", case.name()), &got, &plain);
            }
        }
    }
}

#[test]
fn a_cache_read_in_pieces_of_any_size_gives_the_bits_of_the_whole() {
    for case in causal_cases() {
        let whole = case.run().out;
        for pieces in [1, 5, 33, 256, 1000] {
            let cached = case.cached(pieces);
            for segment in &case.segments {
                let n = case.spec.heads * case.spec.head_dim;
                let (got, want) =
                    (&cached[segment.start * n..segment.end * n], &whole[segment.start * n..segment.end * n]);
                assert_same(&format!("{} in pieces of {pieces}", case.name()), got, want);
            }
        }
    }
    for case in &causal_cases()[9..12] {
        let whole = case.run().out;
        for &isa in isa::available() {
            for (threads, pieces) in [(3, 37), (16, 7)] {
                assert_same(isa.name(), &isa::with(isa, || threads::with(threads, || case.cached(pieces))), &whole);
            }
        }
    }
}

#[test]
fn pack_mates_change_nothing() {
    let spec = spec(4, 2, 24).within(289, 0).dropout(dropout(0.2));
    let packed = Case::new(700, &[1..300, 310..311, 320..650], spec.clone());
    let all = packed.run();
    for segment in &packed.segments {
        let (n, nk) = (4 * 24, 2 * 24);
        let cut = |x: &[f32], n: usize| x[segment.start * n..segment.end * n].to_vec();
        let alone = Case {
            spec: spec.clone().dropout(AttentionDropout { first_row: 5 + segment.start as u64, ..dropout(0.2) }),
            segments: vec![0..segment.len()],
            t: segment.len(),
            q: cut(&packed.q, n),
            k: cut(&packed.k, nk),
            v: cut(&packed.v, nk),
            dout: cut(&packed.dout, n),
        };
        let [dq, dk, dv] = &all.gradients;
        let want = Gives {
            out: cut(&all.out, n),
            lse: cut(&all.lse, 4),
            sums: cut(&all.sums, 4),
            gradients: [cut(dq, n), cut(dk, nk), cut(dv, nk)],
        };
        assert_all_same(&format!("{segment:?}"), &alone.run(), &want);
    }
}

#[test]
fn a_rank_with_some_of_the_heads_gives_their_bits() {
    let all = AttentionDropout { first_head: 0, ..dropout(0.2) };
    let case = Case::new(70, &[0..70], spec(4, 2, 24).alibi(alibi_slopes(4)).dropout(all));
    let want = case.run();
    let (q, k, v) = (View::of(&case.q, [70, 4, 24]), View::of(&case.k, [70, 2, 24]), View::of(&case.v, [70, 2, 24]));
    for group in 0..2 {
        let (q, k, v) = (q.narrow(1, 2 * group, 2), k.narrow(1, group, 1), v.narrow(1, group, 1));
        let its = AttentionDropout { first_head: 2 * group as u64, ..all };
        let part = spec(2, 1, 24).alibi(&alibi_slopes(4)[2 * group..][..2]).dropout(its);
        let (mut out, mut lse) = (Tensor::poisoned::<f32>([70, 2, 24]), Tensor::poisoned::<f32>([70, 2]));
        attention(&q, &k, &v, &case.segments, &part, &mut out.view_mut(), &mut lse.view_mut()).unwrap();
        let want = View::of(&want.out, [70, 4, 24]).narrow(1, 2 * group, 2).to_f32_vec();
        assert_same(&format!("group {group}"), out.as_f32(), &want);
    }
}

#[test]
fn a_nan_stays_in_its_segment_and_in_its_future() {
    let spec = spec(2, 1, 24);
    let clean = Case::new(620, &[0..300, 310..600], spec.clone());
    let want = clean.run();
    let mut case = Case::new(620, &[0..300, 310..600], spec);
    // Rows in no segment are never read; row 280 of the first one is seen by 20 queries, itself included.
    for row in [280, 305, 610] {
        case.k[row * 24..][..24].fill(f32::NAN);
        case.v[row * 24..][..24].fill(f32::NAN);
    }
    for (row, at) in [(305, 0), (305, 1), (610, 0), (610, 1)] {
        case.q[(row * 2 + at) * 24..][..24].fill(f32::NAN);
        case.dout[(row * 2 + at) * 24..][..24].fill(f32::NAN);
    }
    for &isa in isa::available() {
        let got = isa::with(isa, || case.run());
        for ((name, got), (_, want)) in got.named().into_iter().zip(want.named()) {
            let n = got.len() / 620;
            let what = format!("{name} with {isa}");
            assert_same(&what, &got[300 * n..], &want[300 * n..]);
            if ["out", "lse", "dq"].contains(&name) {
                assert_same(&what, &got[..280 * n], &want[..280 * n]);
                assert!(got[280 * n..300 * n].iter().all(|x| x.is_nan()), "{what} hides a NaN");
            }
        }
        assert_same("cached", &isa::with(isa, || case.cached(100))[..280 * 48], &want.out[..280 * 48]);
    }
}

#[test]
fn large_scores_neither_overflow_nor_lose_the_largest() {
    let mut case = Case::new(600, &[0..600], spec(2, 2, 16));
    case.q.iter_mut().for_each(|x| *x *= 3e4);
    case.k.iter_mut().for_each(|x| *x *= 3e4);
    let got = case.run();
    assert!(got.named().iter().all(|(_, x)| x.iter().all(|x| x.is_finite())));
    assert_all_same("large scores", &got, &case.plain());
    let (want, _) = reference(&wide(&case.q), &wide(&case.k), &wide(&case.v), &case.segments, &case.spec);
    assert_close("large scores", &got.out, &want, 1e-5);
    // Scores that overflow to -inf count nothing; where none is left there is no softmax.
    case.k.iter_mut().for_each(|x| *x = f32::MIN);
    case.q.iter_mut().for_each(|x| *x = x.abs());
    case.k[..32].fill(0.0);
    let got = case.run();
    assert_all_same("overflowing scores", &got, &case.plain());
    assert!(got.out.chunks(16).zip(case.v.chunks(16).take(2).cycle()).all(|(out, v)| out == v));
}

#[test]
fn strided_views_of_a_fused_projection_are_read_and_written_in_place() {
    let case = Case::new(70, &[0..70], spec(4, 2, 24));
    let (width, n, nk) = (8 * 24, 4 * 24, 2 * 24);
    let mut fused = vec![0.0_f32; 70 * width];
    for row in 0..70 {
        fused[row * width..][..n].copy_from_slice(&case.q[row * n..][..n]);
        fused[row * width + n..][..nk].copy_from_slice(&case.k[row * nk..][..nk]);
        fused[row * width + n + nk..][..nk].copy_from_slice(&case.v[row * nk..][..nk]);
    }
    let qkv = View::of(&fused, [70, 8, 24]);
    let (q, k, v) = (qkv.narrow(1, 0, 4), qkv.narrow(1, 4, 2), qkv.narrow(1, 6, 2));
    let (mut out, mut lse) = (Tensor::poisoned::<f32>([70, 6, 24]), Tensor::poisoned::<f32>([70, 4]));
    let to = &mut out.view_mut().narrow(1, 1, 4);
    attention(&q, &k, &v, &case.segments, &case.spec, to, &mut lse.view_mut()).unwrap();
    let want = case.run();
    assert_same("out", &out.view().narrow(1, 1, 4).to_f32_vec(), &want.out);
    assert!(out.view().narrow(1, 0, 1).to_f32_vec().iter().all(|x| x.is_nan()), "written beyond the view");
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let x = Tensor::zeros::<f32>([4, 2, 8]);
    let call = |k: &Tensor, segments: &[Range<usize>], spec: &AttentionSpec| {
        let (mut out, mut lse) = (Tensor::zeros::<f32>([4, 2, 8]), Tensor::zeros::<f32>([4, 2]));
        attention(&x.view(), &k.view(), &x.view(), segments, spec, &mut out.view_mut(), &mut lse.view_mut())
            .unwrap_err()
            .to_string()
    };
    let good = AttentionSpec::new(2, 2, 8);
    let said = call(&Tensor::zeros::<f32>([4, 1, 8]), &[0..4], &good);
    assert_eq!(said, "attention: `k` should be [4, 2, 8], but its shape is [4, 1, 8]");
    let said = call(&Tensor::zeros::<u32>([4, 2, 8]), &[0..4], &good);
    assert_eq!(said, "attention: `k` should be f32, but holds u32, for which there is no kernel on the CPU");
    let said = call(&x, &[0..3, 2..4], &good);
    assert_eq!(
        said,
        "attention: `segments` should be disjoint ascending ranges within 4 rows, but is 2..4 after one that ends at 3"
    );
    let said = call(&x, &[0..4], &AttentionSpec { kv_heads: 0, ..good.clone() });
    assert!(said.contains("key/value heads"), "{said}");
    let said = call(&x, &[0..4], &good.clone().soft_cap(0.0));
    assert_eq!(said, "attention: `spec` should be a positive, finite soft_cap, but is 0");
    let said = call(&x, &[0..4], &good.clone().alibi([1.0]));
    assert_eq!(said, "attention: `spec` should be 2 slopes, one a head, but is 1");
    let said = call(&x, &[0..4], &good.clone().dropout(dropout(1.0)));
    assert_eq!(said, "attention: `spec.dropout.p` should be in 0..1, but is 1");
    let cache = [KvChunk::empty(2, 8)];
    let queries = [CachedQueries { rows: 0..4, first_position: 254, chunks: &cache }];
    let said = attention_cached(&x.view(), &queries, &good, &mut x.clone().view_mut()).unwrap_err().to_string();
    assert!(said.contains("chunks up to position 258 (2 of 256), but is 1 chunks"), "{said}");
}
