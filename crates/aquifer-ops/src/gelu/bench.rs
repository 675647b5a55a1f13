//! Time and bandwidth.

use super::{Gelu, gelu, gelu_backward, reference, reference_backward};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use aquifer_tensor::Tensor;

const D: usize = 1536;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let kinds = [("gelu", "gelu_backward", Gelu::Erf), ("gelu, tanh", "gelu_backward, tanh", Gelu::Tanh)];
    kinds.into_iter().flat_map(|(ahead, back, kind)| [forward(ahead, [2048, D], kind), backward(back, [2048, D], kind)])
}

pub(crate) fn forward(name: &'static str, [t, d]: [usize; 2], kind: Gelu) -> Case {
    Case::new(name)
        .shape([t, d])
        .traffic(4 * t * d, 4 * t * d)
        .with(move || {
            let (x, mut out) = (input([t, d]), input([t, d]));
            move || gelu(&x.view(), kind, &mut out.view_mut()).expect("shapes fit")
        })
        .error(1e-6, move || {
            let (x, mut out) = (input([CHECKED_ROWS, D]), Tensor::poisoned::<f32>([CHECKED_ROWS, D]));
            gelu(&x.view(), kind, &mut out.view_mut()).expect("shapes fit");
            let want: Vec<f64> = wide(&x).into_iter().map(|x| reference(x, kind)).collect();
            deviation(out.as_f32(), &want)
        })
}

pub(crate) fn backward(name: &'static str, [t, d]: [usize; 2], kind: Gelu) -> Case {
    Case::new(name)
        .shape([t, d])
        .traffic(2 * 4 * t * d, 4 * t * d)
        .with(move || {
            let (x, dy, mut dx) = (input([t, d]), input([t, d]), input([t, d]));
            move || gelu_backward(&x.view(), kind, &dy.view(), &mut dx.view_mut()).expect("shapes fit")
        })
        .error(1e-6, move || {
            let shape = [CHECKED_ROWS, D];
            let (x, dy, mut dx) = (input(shape), input(shape), Tensor::poisoned::<f32>(shape));
            gelu_backward(&x.view(), kind, &dy.view(), &mut dx.view_mut()).expect("shapes fit");
            let want = wide(&x).into_iter().zip(wide(&dy)).map(|(x, dy)| dy * reference_backward(x, kind));
            deviation(dx.as_f32(), &want.collect::<Vec<_>>())
        })
}
