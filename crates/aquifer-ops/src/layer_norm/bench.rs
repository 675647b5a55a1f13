//! Time and bandwidth.

use super::{layer_norm, layer_norm_backward, reference, reference_backward};
use crate::bench::{CHECKED_ROWS, CHECKED_WIDTH, Case, SHAPES, deviation, input, wide};
use crate::order::{Begin, TokenChains};
use aquifer_tensor::Tensor;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().flat_map(|shape| [forward(shape), backward(shape)])
}

const EPS: f32 = 1e-5;

pub(crate) fn forward([t, d]: [usize; 2]) -> Case {
    Case::new("layer_norm")
        .shape([t, d])
        .traffic(4 * t * d, 4 * t * d)
        .with(move || {
            let (x, w, mut out) = (input([t, d]), input([d]), input([t, d]));
            move || layer_norm(&x.view(), w.as_f32(), w.as_f32(), EPS, &mut out.view_mut()).expect("shapes fit")
        })
        .error(1e-5, move || {
            let d = d.min(CHECKED_WIDTH);
            let (x, w, mut out) = (input([CHECKED_ROWS, d]), input([d]), Tensor::poisoned::<f32>([CHECKED_ROWS, d]));
            layer_norm(&x.view(), w.as_f32(), w.as_f32(), EPS, &mut out.view_mut()).expect("shapes fit");
            deviation(out.as_f32(), &reference(&wide(&x), &wide(&w), &wide(&w), f64::from(EPS)))
        })
}

pub(crate) fn backward([t, d]: [usize; 2]) -> Case {
    fn run(x: &Tensor, w: &Tensor, dy: &Tensor, dx: &mut Tensor, [dw, db]: [&mut [f32]; 2]) {
        let (chains, dx) = (TokenChains::single(x.shape()[0], 256), &mut dx.view_mut());
        layer_norm_backward(&x.view(), w.as_f32(), EPS, &dy.view(), &chains, Begin::Fresh, dx, dw, db)
            .expect("shapes fit");
    }
    Case::new("layer_norm_backward")
        .shape([t, d])
        .traffic(2 * 4 * t * d, 4 * t * d)
        .with(move || {
            let (x, w, dy, mut dx) = (input([t, d]), input([d]), input([t, d]), input([t, d]));
            let (mut dw, mut db) = (vec![0.0; d], vec![0.0; d]);
            move || run(&x, &w, &dy, &mut dx, [&mut dw, &mut db])
        })
        .error(1e-5, move || {
            let (x, w, dy) = (input([CHECKED_ROWS, d]), input([d]), input([CHECKED_ROWS, d]));
            let (mut dx, mut dw, mut db) = (Tensor::poisoned::<f32>([CHECKED_ROWS, d]), vec![0.0; d], vec![0.0; d]);
            run(&x, &w, &dy, &mut dx, [&mut dw, &mut db]);
            let want = reference_backward(&wide(&x), &wide(&w), f64::from(EPS), &wide(&dy));
            deviation(dx.as_f32(), &want.0).max(deviation(&dw, &want.1)).max(deviation(&db, &want.2))
        })
}
