//! Time and bandwidth.

use super::{RopeTable, reference, rope};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use aquifer_tensor::Tensor;

const THETA: f64 = 1e4;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [[2048, 6, 64], [2048, 12, 128]].into_iter().map(case)
}

pub(crate) fn case([t, h, d]: [usize; 3]) -> Case {
    Case::new("rope")
        .shape([t, h, d])
        .traffic(4 * t * h * d, 4 * t * h * d)
        .with(move || {
            let (x, mut out) = (input([t, h, d]), input([t, h, d]));
            let positions: Vec<u32> = (0..t as u32).map(|i| i % 256).collect();
            let table = RopeTable::new(d, THETA, 256).expect("an even width");
            move || rope(&x.view(), &positions, &table, &mut out.view_mut()).expect("shapes fit")
        })
        .error(1e-6, move || {
            let shape = [CHECKED_ROWS, h, d];
            let (x, mut out) = (input(shape), Tensor::poisoned::<f32>(shape));
            let positions: Vec<u32> = (0..CHECKED_ROWS as u32).map(|i| i * 50).collect();
            let table = RopeTable::new(d, THETA, CHECKED_ROWS * 50).expect("an even width");
            rope(&x.view(), &positions, &table, &mut out.view_mut()).expect("shapes fit");
            let place = |head: usize| f64::from(positions[head / h]);
            let heads = wide(&x);
            let want = heads.chunks(d).enumerate().flat_map(|(i, x)| reference(x, place(i), THETA));
            deviation(out.as_f32(), &want.collect::<Vec<_>>())
        })
}
