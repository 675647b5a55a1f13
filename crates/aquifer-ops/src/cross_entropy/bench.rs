//! Time and bandwidth.

use super::{cpu, cross_entropy, reference, reference_backward};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use crate::rows::RowsMut;
use aquifer_tensor::Tensor;

const V: usize = 8192;
const TARGET: u32 = 7;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [losses([512, V]), losses_and_gradients(512)].into_iter()
}

pub(crate) fn losses([t, v]: [usize; 2]) -> Case {
    fn run(logits: &Tensor, targets: &[u32], losses: &mut [f32]) {
        cross_entropy(&logits.view(), logits.shape()[1], targets, losses).expect("shapes fit");
    }
    Case::new("cross_entropy")
        .shape([t, v])
        .bytes(4 * t * v)
        .with(move || {
            let (logits, targets, mut losses) = (input([t, v]), vec![TARGET; t], vec![0.0; t]);
            move || run(&logits, &targets, &mut losses)
        })
        .error(1e-6, || {
            let (logits, mut losses) = (input([CHECKED_ROWS, V]), vec![f32::NAN; CHECKED_ROWS]);
            run(&logits, &[TARGET; CHECKED_ROWS], &mut losses);
            let want: Vec<f64> = wide(&logits).chunks(V).map(|row| reference(row, TARGET)).collect();
            deviation(&losses, &want)
        })
}

fn losses_and_gradients(t: usize) -> Case {
    fn run(logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
        let t = targets.len();
        let mut view = logits.view_mut();
        let rows = RowsMut::like("bench", "logits", &mut view, "itself", &[t, V]).expect("shapes fit");
        cpu::losses_and_gradients(&rows, t, V, targets, 1.0, losses);
    }
    Case::new("cross_entropy and gradient")
        .shape([t, V])
        .traffic(4 * t * V, 4 * t * V)
        .in_place()
        .with(move || {
            let (mut logits, targets, mut losses) = (input([t, V]), vec![TARGET; t], vec![0.0; t]);
            move || run(&mut logits, &targets, &mut losses)
        })
        .error(1e-5, || {
            let (mut logits, mut losses) = (input([CHECKED_ROWS, V]), vec![f32::NAN; CHECKED_ROWS]);
            let want: Vec<f64> = wide(&logits).chunks(V).flat_map(|row| reference_backward(row, TARGET)).collect();
            run(&mut logits, &[TARGET; CHECKED_ROWS], &mut losses);
            deviation(logits.as_f32(), &want)
        })
}
