//! Time and bandwidth.

use super::{AdamW, adamw};
use crate::bench::{Case, input};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    // One projection, which the caches hold, and a whole small model, which they do not.
    [384 * 1536, 17_000_000].into_iter().map(|n| {
        let [mut p, grad, mut m, mut v] = [(); 4].map(|()| input([n]));
        v.as_f32_mut().iter_mut().for_each(|v| *v = v.abs());
        let cfg = AdamW { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, step: 10, grad_scale: 1.0 };
        Case::new("adamw").shape([n]).bytes(7 * 4 * n).run(move || {
            adamw(&cfg, p.as_f32_mut(), grad.as_f32(), m.as_f32_mut(), v.as_f32_mut()).expect("lengths fit");
        })
    })
}
