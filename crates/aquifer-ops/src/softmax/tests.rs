use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};
use proptest::prelude::*;

#[test]
fn the_derivative_is_the_definition_s() {
    let (x, dy) = (wide(&noise("x", 9)), wide(&noise("dy", 9)));
    let loss = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>();
    check_gradient("dx", &x, &reference_backward(&x, &dy), |x| loss(reference(x)));
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, n) in [(1, 1), (3, 7), (9, 63), (33, 257), (3, 8193)] {
        let (x, dy) = (tensor("x", [t, n], 20.0), tensor("dy", [t, n], 1.0));
        let both = everywhere(|| {
            let (mut y, mut dx) = (Tensor::poisoned::<f32>([t, n]), Tensor::poisoned::<f32>([t, n]));
            softmax(&x.view(), &mut y.view_mut()).unwrap();
            softmax_backward(&y.view(), &dy.view(), &mut dx.view_mut()).unwrap();
            [y.as_f32(), dx.as_f32()].concat()
        });
        let (x, dy) = (wide(x.as_f32()), wide(dy.as_f32()));
        let y: Vec<f64> = x.chunks(n).flat_map(reference).collect();
        let dx: Vec<f64> = x.chunks(n).zip(dy.chunks(n)).flat_map(|(x, dy)| reference_backward(x, dy)).collect();
        assert_close(&both, &[y, dx].concat(), Tolerance::absolute(1e-6));
    }
}

#[test]
fn infinities_and_nan_propagate() {
    let inf = f32::INFINITY;
    let x = [0.0, -inf, 0.0, inf, f32::NAN, 0.0, -inf, -inf];
    let mut y = Tensor::poisoned::<f32>([4, 2]);
    softmax(&View::of(&x, [4, 2]), &mut y.view_mut()).unwrap();
    assert_eq!(y.as_f32()[..2], [1.0, 0.0]);
    assert!(y.as_f32()[3..].iter().all(|y| y.is_nan()));
}

proptest! {
    #[test]
    fn rows_sum_to_one_and_ignore_shifts(x in proptest::collection::vec(-30f32..30.0, 63)) {
        let shifted: Vec<f32> = x.iter().map(|x| x.round() + 8.0).collect();
        let rounded: Vec<f32> = x.iter().map(|x| x.round()).collect();
        let [mut y, mut z] = [Tensor::poisoned::<f32>([9, 7]), Tensor::poisoned::<f32>([9, 7])];
        softmax(&View::of(&rounded, [9, 7]), &mut y.view_mut()).unwrap();
        softmax(&View::of(&shifted, [9, 7]), &mut z.view_mut()).unwrap();
        prop_assert_eq!(y.as_f32(), z.as_f32());
        for row in y.as_f32().chunks(7) {
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
