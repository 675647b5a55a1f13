//! Time and bandwidth.

use super::{reference, reference_backward, softmax, softmax_backward};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use aquifer_tensor::Tensor;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [[2048, 256], [256, 8192]].into_iter().flat_map(|shape| [forward(shape), backward(shape)])
}

pub(crate) fn forward([t, n]: [usize; 2]) -> Case {
    Case::new("softmax")
        .shape([t, n])
        .traffic(4 * t * n, 4 * t * n)
        .with(move || {
            let (x, mut out) = (input([t, n]), input([t, n]));
            move || softmax(&x.view(), &mut out.view_mut()).expect("shapes fit")
        })
        .error(1e-5, move || {
            let (x, mut out) = (input([CHECKED_ROWS, n]), Tensor::poisoned::<f32>([CHECKED_ROWS, n]));
            softmax(&x.view(), &mut out.view_mut()).expect("shapes fit");
            let want: Vec<f64> = wide(&x).chunks(n).flat_map(reference).collect();
            deviation(out.as_f32(), &want)
        })
}

pub(crate) fn backward([t, n]: [usize; 2]) -> Case {
    Case::new("softmax_backward")
        .shape([t, n])
        .traffic(2 * 4 * t * n, 4 * t * n)
        .with(move || {
            let (y, dy, mut dx) = (input([t, n]), input([t, n]), input([t, n]));
            move || softmax_backward(&y.view(), &dy.view(), &mut dx.view_mut()).expect("shapes fit")
        })
        .error(1e-5, move || {
            let shape = [CHECKED_ROWS, n];
            let (x, dy, mut y, mut dx) = (input(shape), input(shape), input(shape), Tensor::poisoned::<f32>(shape));
            softmax(&x.view(), &mut y.view_mut()).expect("shapes fit");
            softmax_backward(&y.view(), &dy.view(), &mut dx.view_mut()).expect("shapes fit");
            let rows = wide(&x).into_iter().zip(wide(&dy)).collect::<Vec<_>>();
            let want = rows.chunks(n).flat_map(|row| {
                let (x, dy): (Vec<f64>, Vec<f64>) = row.iter().copied().unzip();
                reference_backward(&x, &dy)
            });
            deviation(dx.as_f32(), &want.collect::<Vec<_>>())
        })
}
