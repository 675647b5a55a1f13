use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::Tensor;
use aquifer_testkit::assert_same_bits;

fn run(x: &Tensor, p: f32, step: u64, first: u64) -> Vec<f32> {
    let mut out = Tensor::poisoned::<f32>(x.shape_of());
    let stream = Stream::new(7, "layers.0.attn.dropout", "");
    dropout(&x.view(), p, &stream, step, first, &mut out.view_mut()).unwrap();
    out.as_f32().to_vec()
}

#[test]
fn the_kernel_is_the_definition_everywhere() {
    let stream = Stream::new(7, "layers.0.attn.dropout", "");
    for (n, first) in [(1, 0), (63, 5), (1001, 2), (20_011, 8_191)] {
        let x = tensor("x", [n], 1.0);
        for p in [0.0, 0.1, 0.5, 0.999] {
            let got = everywhere(|| run(&x, p, 3, first));
            assert_same_bits(&got, &reference(x.as_f32(), p, &stream, 3, first));
        }
    }
}

#[test]
fn parts_are_the_parts_of_the_whole() {
    let x = tensor("x", [10_001], 1.0);
    let whole = run(&x, 0.3, 1, 0);
    for cut in [1, 2, 3, 4, 5000, 9_999] {
        let (a, b) = x.as_f32().split_at(cut);
        let parts = [
            run(&Tensor::from_f32(a, [cut]), 0.3, 1, 0),
            run(&Tensor::from_f32(b, [10_001 - cut]), 0.3, 1, cut as u64),
        ];
        assert_same_bits(&parts.concat(), &whole);
    }
}

#[test]
fn the_share_dropped_is_p_and_steps_differ() {
    let x = Tensor::filled([40_000], 1.0_f32);
    let y = run(&x, 0.25, 0, 0);
    let dropped = y.iter().filter(|y| **y == 0.0).count();
    assert!((9_600..10_400).contains(&dropped), "{dropped}");
    assert!(y.iter().all(|&y| y == 0.0 || y == 1.0 / 0.75));
    assert_ne!(y, run(&x, 0.25, 1, 0));
    assert_eq!(run(&x, 0.0, 0, 0), x.as_f32());
}

#[test]
fn a_share_of_one_is_refused() {
    let x = tensor("x", [3], 1.0);
    let mut out = Tensor::poisoned::<f32>([3]);
    let stream = Stream::new(1, "", "");
    for p in [1.0, -0.1, f32::NAN] {
        assert!(dropout(&x.view(), p, &stream, 0, 0, &mut out.view_mut()).is_err());
    }
}
