use super::*;
use crate::testing::{chains, everywhere, tensor, token_sum_laws};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};
use proptest::prelude::*;

const EPS: f32 = 1e-5;

#[test]
fn the_derivative_is_the_definition_s() {
    let (x, w, b, dy) = (wide(&noise("x", 21)), wide(&noise("w", 7)), wide(&noise("b", 7)), wide(&noise("dy", 21)));
    let (dx, dw, db) = reference_backward(&x, &w, 1e-3, &dy);
    let loss = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>();
    check_gradient("dx", &x, &dx, |x| loss(reference(x, &w, &b, 1e-3)));
    check_gradient("dw", &w, &dw, |w| loss(reference(&x, w, &b, 1e-3)));
    check_gradient("db", &b, &db, |b| loss(reference(&x, &w, b, 1e-3)));
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, d) in [(1, 2), (3, 7), (9, 63), (33, 257), (5, 1536), (2, 8193)] {
        let (x, dy) = (tensor("x", [t, d], 3.0), tensor("dy", [t, d], 1.0));
        let (w, b) = (tensor("w", [d], 2.0), tensor("b", [d], 1.0));
        let y = everywhere(|| {
            let mut out = Tensor::poisoned::<f32>([t, d]);
            layer_norm(&x.view(), w.as_f32(), b.as_f32(), EPS, &mut out.view_mut()).unwrap();
            out.as_f32().to_vec()
        });
        let want = reference(&wide(x.as_f32()), &wide(w.as_f32()), &wide(b.as_f32()), EPS.into());
        assert_close(&y, &want, Tolerance { absolute: 2e-6, relative: 1e-6 });

        let all = everywhere(|| {
            let (mut dx, mut dw, mut db) = (Tensor::poisoned::<f32>([t, d]), vec![f32::NAN; d], vec![f32::NAN; d]);
            let (x, dy, dx_view) = (x.view(), dy.view(), &mut dx.view_mut());
            let chains = chains(t, 2, 1);
            layer_norm_backward(&x, w.as_f32(), EPS, &dy, &chains, Begin::Fresh, dx_view, &mut dw, &mut db).unwrap();
            [dx.as_f32(), &dw, &db].concat()
        });
        let (dx, dw, db) = reference_backward(&wide(x.as_f32()), &wide(w.as_f32()), EPS.into(), &wide(dy.as_f32()));
        assert_close(&all, &[dx, dw, db].concat(), Tolerance { absolute: 1e-5, relative: 1e-5 });
    }
}

#[test]
fn weights_are_summed_over_tokens_by_the_rule() {
    let (t, d, grain) = (35, 67, 5);
    let (x, w, dy) = (tensor("x", [t, d], 3.0), tensor("w", [d], 2.0), tensor("dy", [t, d], 1.0));
    token_sum_laws(t, grain, 2 * d, |part, chains, begin, out| {
        let mut dx = Tensor::poisoned::<f32>([part.len(), d]);
        let (dw, db) = out.split_at_mut(d);
        let (x, dy) = (x.view().narrow(0, part.start, part.len()), dy.view().narrow(0, part.start, part.len()));
        layer_norm_backward(&x, w.as_f32(), EPS, &dy, chains, begin, &mut dx.view_mut(), dw, db).unwrap();
    });
}

proptest! {
    #[test]
    fn a_shift_of_the_row_changes_nothing(x in proptest::collection::vec(-9f32..9.0, 63), shift in -50f32..50.0) {
        prop_assume!(x.chunks(7).all(|row| row.iter().any(|x| (x - row[0]).abs() > 1.0)));
        let moved: Vec<f32> = x.iter().map(|x| x + shift).collect();
        let [mut y, mut z] = [Tensor::poisoned::<f32>([9, 7]), Tensor::poisoned::<f32>([9, 7])];
        layer_norm(&View::of(&x, [9, 7]), &[1.0; 7], &[0.0; 7], EPS, &mut y.view_mut()).unwrap();
        layer_norm(&View::of(&moved, [9, 7]), &[1.0; 7], &[0.0; 7], EPS, &mut z.view_mut()).unwrap();
        assert_close(z.as_f32(), &wide(y.as_f32()), 2e-4);
    }
}
