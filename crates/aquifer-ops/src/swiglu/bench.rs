//! Time and bandwidth.

use super::{reference, reference_backward, swiglu, swiglu_backward};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use aquifer_tensor::Tensor;

const D: usize = 1024;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [forward([2048, D]), backward([2048, D])].into_iter()
}

/// Gate and up, different numbers.
fn inputs([t, d]: [usize; 2]) -> [Tensor; 2] {
    let both = input([2 * t, d]);
    [0, t].map(|at| Tensor::from_f32(&both.as_f32()[at * d..(at + t) * d], [t, d]))
}

pub(crate) fn forward([t, d]: [usize; 2]) -> Case {
    Case::new("swiglu")
        .shape([t, d])
        .traffic(2 * 4 * t * d, 4 * t * d)
        .with(move || {
            let ([gate, up], mut out) = (inputs([t, d]), input([t, d]));
            move || swiglu(&gate.view(), &up.view(), &mut out.view_mut()).expect("shapes fit")
        })
        .error(1e-6, || {
            let ([gate, up], mut out) = (inputs([CHECKED_ROWS, D]), Tensor::poisoned::<f32>([CHECKED_ROWS, D]));
            swiglu(&gate.view(), &up.view(), &mut out.view_mut()).expect("shapes fit");
            let want: Vec<f64> = wide(&gate).into_iter().zip(wide(&up)).map(|(g, u)| reference(g, u)).collect();
            deviation(out.as_f32(), &want)
        })
}

pub(crate) fn backward([t, d]: [usize; 2]) -> Case {
    fn run([gate, up]: &[Tensor; 2], dy: &Tensor, [dgate, dup]: &mut [Tensor; 2]) {
        let (dgate, dup) = (&mut dgate.view_mut(), &mut dup.view_mut());
        swiglu_backward(&gate.view(), &up.view(), &dy.view(), dgate, dup).expect("shapes fit");
    }
    Case::new("swiglu_backward")
        .shape([t, d])
        .traffic(3 * 4 * t * d, 2 * 4 * t * d)
        .with(move || {
            let (x, dy, mut dx) = (inputs([t, d]), input([t, d]), inputs([t, d]));
            move || run(&x, &dy, &mut dx)
        })
        .error(1e-6, || {
            let (x, dy) = (inputs([CHECKED_ROWS, D]), input([CHECKED_ROWS, D]));
            let mut dx = [(); 2].map(|()| Tensor::poisoned::<f32>([CHECKED_ROWS, D]));
            run(&x, &dy, &mut dx);
            let [gate, up] = x.each_ref().map(wide);
            let slopes = gate.into_iter().zip(up).map(|(g, u)| reference_backward(g, u));
            let (dgate, dup): (Vec<f64>, Vec<f64>) = slopes.zip(wide(&dy)).map(|((g, u), dy)| (g * dy, u * dy)).unzip();
            deviation(dx[0].as_f32(), &dgate).max(deviation(dx[1].as_f32(), &dup))
        })
}
