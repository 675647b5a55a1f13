//! Time and bandwidth.

use super::{Lion, lion, reference};
use crate::bench::{Case, deviation, input, wide};
use aquifer_tensor::Tensor;

const UPDATE: Lion = Lion { lr: 1e-4, beta1: 0.9, beta2: 0.99, weight_decay: 0.1, grad_scale: 1.0 };

/// Parameter, gradient and momentum.
fn state(n: usize) -> [Tensor; 3] {
    [(); 3].map(|()| input([n]))
}

fn update([p, grad, m]: &mut [Tensor; 3]) {
    lion(&UPDATE, p.as_f32_mut(), grad.as_f32(), m.as_f32_mut()).expect("lengths fit");
}

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [384 * 1536, 17_000_000].into_iter().map(|n| {
        Case::new("lion")
            .shape([n])
            .traffic(3 * 4 * n, 2 * 4 * n)
            .in_place()
            .with(move || {
                let mut state = state(n);
                move || update(&mut state)
            })
            .error(1e-6, || {
                let mut state = state(4099);
                let [p, grad, m] = state.each_ref().map(wide);
                update(&mut state);
                let want: Vec<_> = (0..p.len()).map(|i| reference(&UPDATE, p[i], grad[i], m[i])).collect();
                let apart = |got: &Tensor, of: fn(&(f64, f64)) -> f64| {
                    deviation(got.as_f32(), &want.iter().map(of).collect::<Vec<_>>())
                };
                apart(&state[0], |w| w.0).max(apart(&state[2], |w| w.1))
            })
    })
}
