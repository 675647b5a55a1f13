//! Time and bandwidth.

use super::{dropout, reference};
use crate::bench::{CHECKED_ROWS, Case, SHAPES, deviation, input};
use aquifer_tensor::Tensor;
use aquifer_tensor::random::Stream;

const P: f32 = 0.1;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().map(case)
}

pub(crate) fn case([t, d]: [usize; 2]) -> Case {
    let stream = || Stream::new(1, "bench", "");
    Case::new("dropout")
        .shape([t, d])
        .traffic(4 * t * d, 4 * t * d)
        .with(move || {
            let (x, mut out, stream) = (input([t, d]), input([t, d]), stream());
            move || dropout(&x.view(), P, &stream, 1, 0, &mut out.view_mut()).expect("a share below one")
        })
        .error(0.0, move || {
            let (x, mut out) = (input([CHECKED_ROWS, d]), Tensor::poisoned::<f32>([CHECKED_ROWS, d]));
            dropout(&x.view(), P, &stream(), 1, 0, &mut out.view_mut()).expect("a share below one");
            let want: Vec<f64> = reference(x.as_f32(), P, &stream(), 1, 0).into_iter().map(f64::from).collect();
            deviation(out.as_f32(), &want)
        })
}
