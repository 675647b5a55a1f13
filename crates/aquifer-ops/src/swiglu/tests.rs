use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};

#[test]
fn the_derivative_is_the_definition_s() {
    for pair in wide(&noise("pairs", 40)).chunks(2) {
        let (gate, up) = (8.0 * pair[0], pair[1]);
        let (dgate, dup) = reference_backward(gate, up);
        check_gradient("swiglu", &[gate, up], &[dgate, dup], |x| reference(x[0], x[1]));
    }
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, d) in [(1, 1), (3, 7), (9, 63), (33, 513)] {
        let (gate, up, dy) = (tensor("gate", [t, d], 12.0), tensor("up", [t, d], 2.0), tensor("dy", [t, d], 1.0));
        let all = everywhere(|| {
            let [mut y, mut dgate, mut dup] = [(); 3].map(|()| Tensor::poisoned::<f32>([t, d]));
            swiglu(&gate.view(), &up.view(), &mut y.view_mut()).unwrap();
            let (dgate_view, dup_view) = (&mut dgate.view_mut(), &mut dup.view_mut());
            swiglu_backward(&gate.view(), &up.view(), &dy.view(), dgate_view, dup_view).unwrap();
            [y.as_f32(), dgate.as_f32(), dup.as_f32()].concat()
        });
        let elements = || gate.as_f32().iter().zip(up.as_f32()).map(|(&g, &u)| (f64::from(g), f64::from(u)));
        let y: Vec<f64> = elements().map(|(g, u)| reference(g, u)).collect();
        assert_close(&all[..t * d], &y, Tolerance::relative(4e-7));
        let slopes = || elements().zip(wide(dy.as_f32())).map(|((g, u), dy)| (reference_backward(g, u), dy));
        let dgate: Vec<f64> = slopes().map(|(s, dy)| s.0 * dy).collect();
        let dup: Vec<f64> = slopes().map(|(s, dy)| s.1 * dy).collect();
        assert_close(&all[t * d..], &[dgate, dup].concat(), Tolerance { absolute: 1e-6, relative: 1e-6 });
    }
}

#[test]
fn halves_of_a_fused_projection_need_no_copy() {
    let fused = tensor("fused", [5, 66], 3.0);
    let (gate, up) = (fused.view().narrow(1, 0, 33), fused.view().narrow(1, 33, 33));
    let mut strided = Tensor::poisoned::<f32>([5, 33]);
    swiglu(&gate, &up, &mut strided.view_mut()).unwrap();
    let (gate, up) = (gate.to_f32_vec(), up.to_f32_vec());
    let mut dense = Tensor::poisoned::<f32>([5, 33]);
    swiglu(&View::of(&gate, [5, 33]), &View::of(&up, [5, 33]), &mut dense.view_mut()).unwrap();
    assert_eq!(strided.as_f32(), dense.as_f32());
    // And so may the gradients be halves of one.
    let dy = tensor("dy", [5, 33], 1.0);
    let mut both = Tensor::poisoned::<f32>([5, 66]);
    let (left, right) = both.as_f32_mut().split_at_mut(5 * 33);
    let (mut dgate, mut dup) = (ViewMut::of(left, [5, 33]), ViewMut::of(right, [5, 33]));
    swiglu_backward(&View::of(&gate, [5, 33]), &View::of(&up, [5, 33]), &dy.view(), &mut dgate, &mut dup).unwrap();
    assert!(both.as_f32().iter().all(|x| x.is_finite()));
}
