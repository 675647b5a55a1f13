//! Time and bandwidth.

use super::{Lion, lion};
use crate::bench::{Case, input};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [384 * 1536, 17_000_000].into_iter().map(|n| {
        let [mut p, grad, mut m] = [(); 3].map(|()| input([n]));
        let cfg = Lion { lr: 1e-4, beta1: 0.9, beta2: 0.99, weight_decay: 0.1, grad_scale: 1.0 };
        Case::new("lion").shape([n]).bytes(5 * 4 * n).run(move || {
            lion(&cfg, p.as_f32_mut(), grad.as_f32(), m.as_f32_mut()).expect("lengths fit");
        })
    })
}
