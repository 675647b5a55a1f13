//! Time and bandwidth.

use super::{AdamW, adamw, reference};
use crate::bench::{Case, deviation, input, wide};
use aquifer_tensor::Tensor;

const UPDATE: AdamW =
    AdamW { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, step: 10, grad_scale: 1.0 };

/// Parameter, gradient, first and second moment.
fn state(n: usize) -> [Tensor; 4] {
    let [p, grad, m, mut v] = [(); 4].map(|()| input([n]));
    v.as_f32_mut().iter_mut().for_each(|v| *v = v.abs());
    [p, grad, m, v]
}

fn update([p, grad, m, v]: &mut [Tensor; 4]) {
    adamw(&UPDATE, p.as_f32_mut(), grad.as_f32(), m.as_f32_mut(), v.as_f32_mut()).expect("lengths fit");
}

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    // One projection, which the caches hold, and a whole small model, which they do not.
    [384 * 1536, 17_000_000].into_iter().map(case)
}

pub(crate) fn case(n: usize) -> Case {
    Case::new("adamw")
        .shape([n])
        .traffic(4 * 4 * n, 3 * 4 * n)
        .in_place()
        .with(move || {
            let mut state = state(n);
            move || update(&mut state)
        })
        .error(1e-6, || {
            let mut state = state(4099);
            let [p, grad, m, v] = state.each_ref().map(wide);
            update(&mut state);
            let want: Vec<_> = (0..p.len()).map(|i| reference(&UPDATE, p[i], grad[i], m[i], v[i])).collect();
            let apart = |got: &Tensor, of: fn(&(f64, f64, f64)) -> f64| {
                deviation(got.as_f32(), &want.iter().map(of).collect::<Vec<_>>())
            };
            apart(&state[0], |w| w.0).max(apart(&state[2], |w| w.1)).max(apart(&state[3], |w| w.2))
        })
}
