use super::*;
use aquifer_tensor::random::Stream;

fn noise(seed: u64, n: usize) -> Vec<f32> {
    let stream = Stream::new(seed, "attention.tests", "");
    (0..n as u64).map(|i| stream.uniform(0, i) * 4.0 - 2.0).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn assert_close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
        let same = f64::from(got) == want || (f64::from(got) - want).abs() <= tolerance * want.abs().max(1.0);
        assert!(same, "{what}[{at}] is {got}, should be {want}");
    }
}

#[test]
fn the_references_derivative_is_its_difference_quotient() {
    let spec = AttentionSpec { window: Some(3), ..AttentionSpec::new(4, 2, 3) };
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
    for (t, spec) in [(5, AttentionSpec::new(4, 2, 3)), (300, AttentionSpec::new(2, 2, 8))] {
        let segments = [0..t / 2, t / 2 + 1..t];
        let (n, nk) = (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim);
        let (q, k, v, dout) = (noise(1, t * n), noise(2, t * nk), noise(3, t * nk), noise(4, t * n));
        let (qs, ks) = ([t, spec.heads, spec.head_dim], [t, spec.kv_heads, spec.head_dim]);
        let (mut out, mut lse) = (Tensor::poisoned::<f32>(qs), Tensor::poisoned::<f32>([t, spec.heads]));
        let (vq, vk, vv) = (View::of(&q, qs), View::of(&k, ks), View::of(&v, ks));
        attention(&vq, &vk, &vv, &segments, &spec, &mut out.view_mut(), &mut lse.view_mut()).unwrap();
        let (want, want_lse) = reference(&wide(&q), &wide(&k), &wide(&v), &segments, &spec);
        assert_close("out", out.as_f32(), &want, 2e-5);
        assert_close("lse", lse.as_f32(), &want_lse, 2e-5);
        let (mut dq, mut dk, mut dv) =
            (Tensor::poisoned::<f32>(qs), Tensor::poisoned::<f32>(ks), Tensor::poisoned::<f32>(ks));
        attention_backward(
            &vq,
            &vk,
            &vv,
            &out.view(),
            &lse.view(),
            &View::of(&dout, qs),
            &segments,
            &spec,
            &mut dq.view_mut(),
            &mut dk.view_mut(),
            &mut dv.view_mut(),
        )
        .unwrap();
        let want = reference_backward(&wide(&q), &wide(&k), &wide(&v), &segments, &spec, &wide(&dout));
        assert_close("dq", dq.as_f32(), &want.0, 1e-4);
        assert_close("dk", dk.as_f32(), &want.1, 1e-4);
        assert_close("dv", dv.as_f32(), &want.2, 1e-4);
    }
}
