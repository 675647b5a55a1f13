//! Time and bandwidth.

use super::{reference, reference_backward, rms_norm, rms_norm_backward};
use crate::bench::{CHECKED_ROWS, Case, SHAPES, deviation, input, wide};
use crate::order::{Begin, TokenChains};
use aquifer_tensor::Tensor;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().flat_map(|shape| [forward(shape), backward(shape)])
}

const EPS: f32 = 1e-6;

pub(crate) fn forward([t, d]: [usize; 2]) -> Case {
    Case::new("rms_norm")
        .shape([t, d])
        .traffic(4 * t * d, 4 * t * d)
        .with(move || {
            let (x, w, mut out) = (input([t, d]), input([d]), input([t, d]));
            move || rms_norm(&x.view(), w.as_f32(), EPS, &mut out.view_mut()).expect("shapes fit")
        })
        .error(1e-5, move || {
            let (x, w, mut out) = (input([CHECKED_ROWS, d]), input([d]), Tensor::poisoned::<f32>([CHECKED_ROWS, d]));
            rms_norm(&x.view(), w.as_f32(), EPS, &mut out.view_mut()).expect("shapes fit");
            deviation(out.as_f32(), &reference(&wide(&x), &wide(&w), f64::from(EPS)))
        })
}

pub(crate) fn backward([t, d]: [usize; 2]) -> Case {
    fn run(x: &Tensor, w: &Tensor, dy: &Tensor, dx: &mut Tensor, dw: &mut [f32]) {
        let (chains, dx) = (TokenChains::single(x.shape()[0], 256), &mut dx.view_mut());
        rms_norm_backward(&x.view(), w.as_f32(), EPS, &dy.view(), &chains, Begin::Fresh, dx, dw).expect("shapes fit");
    }
    Case::new("rms_norm_backward")
        .shape([t, d])
        .traffic(2 * 4 * t * d, 4 * t * d)
        .with(move || {
            let (x, w, dy, mut dx, mut dw) = (input([t, d]), input([d]), input([t, d]), input([t, d]), vec![0.0; d]);
            move || run(&x, &w, &dy, &mut dx, &mut dw)
        })
        .error(1e-5, move || {
            let (x, w, dy) = (input([CHECKED_ROWS, d]), input([d]), input([CHECKED_ROWS, d]));
            let (mut dx, mut dw) = (Tensor::poisoned::<f32>([CHECKED_ROWS, d]), vec![0.0; d]);
            run(&x, &w, &dy, &mut dx, &mut dw);
            let (want_dx, want_dw) = reference_backward(&wide(&x), &wide(&w), f64::from(EPS), &wide(&dy));
            deviation(dx.as_f32(), &want_dx).max(deviation(&dw, &want_dw))
        })
}
