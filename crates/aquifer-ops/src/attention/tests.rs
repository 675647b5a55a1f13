use super::*;
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
    gradients: [Vec<f32>; 3],
}

fn noise(seed: u64, n: usize) -> Vec<f32> {
    let stream = Stream::new(seed, "attention.tests", "");
    (0..n as u64).map(|i| stream.uniform(0, i) * 4.0 - 2.0).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
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
        let [out, lse, dq, dk, dv] = [out, lse, dq, dk, dv].map(|x| x.as_f32().to_vec());
        Gives { out, lse, gradients: [dq, dk, dv] }
    }

    fn plain(&self) -> Gives {
        let (out, lse) = plain::forward(&self.q, &self.k, &self.v, &self.segments, &self.spec);
        let inputs = [&self.q, &self.k, &self.v, &out, &lse, &self.dout].map(|x| &x[..]);
        let gradients = plain::backward(inputs, &self.segments, &self.spec);
        Gives { out, lse, gradients }
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
                        caches[s].push(KvChunk::empty(&self.spec));
                    }
                    let chunk = caches[s].last_mut().unwrap();
                    let at = position % CHUNK * d;
                    chunk.keys.as_f32_mut()[at..at + d].copy_from_slice(&self.k[row * d..][..d]);
                    chunk.values.as_f32_mut()[at..at + d].copy_from_slice(&self.v[row * d..][..d]);
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
    fn named(&self) -> [(&'static str, &[f32]); 5] {
        let [dq, dk, dv] = &self.gradients;
        [("out", &self.out), ("lse", &self.lse), ("dq", dq), ("dk", dk), ("dv", dv)]
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

fn spec(heads: usize, kv_heads: usize, head_dim: usize, window: Option<usize>) -> AttentionSpec {
    AttentionSpec { window, ..AttentionSpec::new(heads, kv_heads, head_dim) }
}

/// Odd sizes of everything.
fn cases() -> Vec<Case> {
    let whole = |t: usize, spec| Case::new(t, &[0..t], spec);
    vec![
        whole(1, spec(1, 1, 8, None)),
        whole(2, spec(4, 1, 16, None)),
        whole(31, spec(2, 2, 24, None)),
        whole(33, spec(4, 2, 64, None)),
        whole(33, spec(3, 3, 5, Some(7))),
        whole(255, spec(2, 1, 8, None)),
        whole(256, spec(1, 1, 64, None)),
        whole(257, spec(2, 2, 16, Some(40))),
        whole(300, spec(4, 4, 24, Some(1))),
        whole(300, spec(2, 1, 80, None)),
        whole(600, spec(4, 1, 8, Some(257))),
        whole(600, spec(2, 2, 64, None)),
        whole(40, spec(2, 1, 16, Some(0))),
        Case::new(400, &[0..3, 3..4, 10..290, 300..333], spec(4, 2, 24, None)),
        Case::new(330, &[5..5, 7..40, 60..325], spec(2, 2, 16, Some(33))),
        Case::new(9, &[], spec(2, 2, 16, None)),
        Case::new(0, &[], spec(2, 1, 16, None)),
    ]
}

#[test]
fn the_references_derivative_is_its_difference_quotient() {
    let spec = spec(4, 2, 3, Some(3));
    let (t, segments) = (7, [0..4, 5..7]);
    let [q, k, v, dout] = [(1, 12), (2, 6), (3, 6), (4, 12)].map(|(seed, n)| wide(&noise(seed, t * n)));
    let loss = |q: &[f64], k: &[f64], v: &[f64]| -> f64 {
        reference(q, k, v, &segments, &spec).0.iter().zip(&dout).map(|(out, dout)| out * dout).sum()
    };
    let (dq, dk, dv) = reference_backward(&q, &k, &v, &segments, &spec, &dout);
    let inputs = [q, k, v];
    for (which, gradient) in [dq, dk, dv].iter().enumerate() {
        for at in 0..gradient.len() {
            let moved = |by: f64| {
                let mut moved = inputs.clone();
                moved[which][at] += by;
                loss(&moved[0], &moved[1], &moved[2])
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[at]).abs() < 1e-8, "input {which} at {at}: {slope} but {}", gradient[at]);
        }
    }
}

#[test]
fn agrees_with_the_reference() {
    for case in cases() {
        let (q, k, v, dout) = (wide(&case.q), wide(&case.k), wide(&case.v), wide(&case.dout));
        let (out, lse) = reference(&q, &k, &v, &case.segments, &case.spec);
        let (dq, dk, dv) = reference_backward(&q, &k, &v, &case.segments, &case.spec, &dout);
        let got = case.run();
        for ((name, got), (want, tolerance)) in
            got.named().into_iter().zip([(out, 1e-5), (lse, 1e-5), (dq, 1e-4), (dk, 1e-4), (dv, 1e-4)])
        {
            assert_close(&format!("{name} of {}", case.name()), got, &want, tolerance);
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
    for case in cases() {
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
    let case = &cases()[9];
    let whole = case.run().out;
    for &isa in isa::available() {
        assert_same(isa.name(), &isa::with(isa, || threads::with(3, || case.cached(37))), &whole);
    }
}

#[test]
fn pack_mates_change_nothing() {
    let spec = spec(4, 2, 24, Some(290));
    let packed = Case::new(700, &[1..300, 310..311, 320..650], spec);
    let all = packed.run();
    for segment in &packed.segments {
        let (n, nk) = (4 * 24, 2 * 24);
        let cut = |x: &[f32], n: usize| x[segment.start * n..segment.end * n].to_vec();
        let alone = Case {
            spec,
            segments: vec![0..segment.len()],
            t: segment.len(),
            q: cut(&packed.q, n),
            k: cut(&packed.k, nk),
            v: cut(&packed.v, nk),
            dout: cut(&packed.dout, n),
        };
        let [dq, dk, dv] = &all.gradients;
        let want =
            Gives { out: cut(&all.out, n), lse: cut(&all.lse, 4), gradients: [cut(dq, n), cut(dk, nk), cut(dv, nk)] };
        assert_all_same(&format!("{segment:?}"), &alone.run(), &want);
    }
}

#[test]
fn a_nan_stays_in_its_segment_and_in_its_future() {
    let spec = spec(2, 1, 24, None);
    let clean = Case::new(620, &[0..300, 310..600], spec);
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
    let mut case = Case::new(600, &[0..600], spec(2, 2, 16, None));
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
    let case = Case::new(70, &[0..70], spec(4, 2, 24, None));
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
    let call = |k: &Tensor, segments: &[Range<usize>], spec: AttentionSpec| {
        let (mut out, mut lse) = (Tensor::zeros::<f32>([4, 2, 8]), Tensor::zeros::<f32>([4, 2]));
        attention(&x.view(), &k.view(), &x.view(), segments, &spec, &mut out.view_mut(), &mut lse.view_mut())
            .unwrap_err()
            .to_string()
    };
    let good = AttentionSpec::new(2, 2, 8);
    let said = call(&Tensor::zeros::<f32>([4, 1, 8]), &[0..4], good);
    assert_eq!(said, "attention: `k` should be [4, 2, 8], but its shape is [4, 1, 8]");
    let said = call(&Tensor::zeros::<u32>([4, 2, 8]), &[0..4], good);
    assert_eq!(said, "attention: `k` should be f32, but holds u32");
    let said = call(&x, &[0..3, 2..4], good);
    assert_eq!(
        said,
        "attention: `segments` should be disjoint ascending ranges within 4 rows, but is 2..4 after one that ends at 3"
    );
    let said = call(&x, &[0..4], AttentionSpec { kv_heads: 0, ..good });
    assert!(said.contains("key/value heads"), "{said}");
    let cache = [KvChunk::empty(&good)];
    let queries = [CachedQueries { rows: 0..4, first_position: 254, chunks: &cache }];
    let said = attention_cached(&x.view(), &queries, &good, &mut x.clone().view_mut()).unwrap_err().to_string();
    assert!(said.contains("chunks up to position 258 (2 of 256), but is 1 chunks"), "{said}");
}
