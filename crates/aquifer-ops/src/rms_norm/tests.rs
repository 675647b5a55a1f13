use super::*;
use crate::testing::{chains, everywhere, tensor, token_sum_laws};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};
use proptest::prelude::*;

const EPS: f32 = 1e-5;

#[test]
fn the_derivative_is_the_definition_s() {
    let (x, w, dy) = (wide(&noise("x", 21)), wide(&noise("w", 7)), wide(&noise("dy", 21)));
    let (dx, dw) = reference_backward(&x, &w, 1e-3, &dy);
    let loss = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>();
    check_gradient("dx", &x, &dx, |x| loss(reference(x, &w, 1e-3)));
    check_gradient("dw", &w, &dw, |w| loss(reference(&x, w, 1e-3)));
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, d) in [(1, 1), (3, 7), (9, 63), (33, 257), (5, 1536), (2, 8193)] {
        let (x, w, dy) = (tensor("x", [t, d], 3.0), tensor("w", [d], 2.0), tensor("dy", [t, d], 1.0));
        let y = everywhere(|| {
            let mut out = Tensor::poisoned::<f32>([t, d]);
            rms_norm(&x.view(), w.as_f32(), EPS, &mut out.view_mut()).unwrap();
            out.as_f32().to_vec()
        });
        let want = reference(&wide(x.as_f32()), &wide(w.as_f32()), EPS.into());
        assert_close(&y, &want, Tolerance { absolute: 1e-7, relative: 1e-6 });

        let both = everywhere(|| {
            let (mut dx, mut dw) = (Tensor::poisoned::<f32>([t, d]), vec![f32::NAN; d]);
            let (chains, dx_view) = (chains(t, 2, 1), &mut dx.view_mut());
            rms_norm_backward(&x.view(), w.as_f32(), EPS, &dy.view(), &chains, Begin::Fresh, dx_view, &mut dw).unwrap();
            [dx.as_f32(), &dw].concat()
        });
        let (dx, dw) = reference_backward(&wide(x.as_f32()), &wide(w.as_f32()), EPS.into(), &wide(dy.as_f32()));
        assert_close(&both, &[dx, dw].concat(), Tolerance { absolute: 3e-6, relative: 1e-5 });
    }
}

#[test]
fn weights_are_summed_over_tokens_by_the_rule() {
    let (t, d, grain) = (35, 67, 5);
    let (x, w, dy) = (tensor("x", [t, d], 3.0), tensor("w", [d], 2.0), tensor("dy", [t, d], 1.0));
    token_sum_laws(t, grain, d, |part, chains, begin, dw| {
        let mut dx = Tensor::poisoned::<f32>([part.len(), d]);
        let (x, dy) = (x.view().narrow(0, part.start, part.len()), dy.view().narrow(0, part.start, part.len()));
        rms_norm_backward(&x, w.as_f32(), EPS, &dy, chains, begin, &mut dx.view_mut(), dw).unwrap();
    });
}

#[test]
fn rows_may_be_strided_and_do_not_see_each_other() {
    let (wide_x, w) = (tensor("x", [5, 40], 1.0), tensor("w", [33], 1.0));
    let part = wide_x.view().narrow(1, 4, 33);
    let mut out = Tensor::poisoned::<f32>([5, 33]);
    rms_norm(&part, w.as_f32(), EPS, &mut out.view_mut()).unwrap();
    let copy = Tensor::from_f32(&part.narrow(0, 3, 1).to_f32_vec(), [1, 33]);
    let mut alone = Tensor::poisoned::<f32>([1, 33]);
    rms_norm(&copy.view(), w.as_f32(), EPS, &mut alone.view_mut()).unwrap();
    assert_eq!(&out.as_f32()[3 * 33..4 * 33], alone.as_f32());
}

#[test]
fn misfits_are_refused_by_name() {
    let x = tensor("x", [2, 3], 1.0);
    let mut out = Tensor::poisoned::<f32>([2, 3]);
    let refused = rms_norm(&x.view(), &[1.0; 4], EPS, &mut out.view_mut()).unwrap_err();
    assert_eq!(refused.to_string(), "rms_norm: `w` should be [3], one for every column of `x`, but its shape is [4]");
    let columns = x.view().transpose(0, 1);
    let refused = rms_norm(&columns, &[1.0; 2], EPS, &mut out.view_mut()).unwrap_err();
    assert!(matches!(refused, OpError::Layout { arg: "x", .. }), "{refused}");
}

proptest! {
    #[test]
    fn rows_come_out_with_unit_size(x in proptest::collection::vec(-9f32..9.0, 63)) {
        prop_assume!(x.chunks(7).all(|row| row.iter().any(|x| x.abs() > 0.1)));
        let mut out = Tensor::poisoned::<f32>([9, 7]);
        rms_norm(&View::of(&x, [9, 7]), &[1.0; 7], 0.0, &mut out.view_mut()).unwrap();
        for row in out.as_f32().chunks(7) {
            let mean_square = row.iter().map(|y| y * y).sum::<f32>() / 7.0;
            prop_assert!((mean_square - 1.0).abs() < 1e-5, "{mean_square}");
        }
    }
}
