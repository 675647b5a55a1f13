//! Time and arithmetic.

use super::{linear_cross_entropy_grad, reference_backward};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use crate::{Begin, Bf16Order, PackedWeight, Precision, TokenChains};
use aquifer_tensor::Tensor;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let [t, v, d] = [2048, 8192, 384];
    [Precision::Bf16(Bf16Order::native()), Precision::F32].into_iter().map(move |precision| {
        Case::new("linear_cross_entropy_grad")
            .shape([t, v, d])
            .precision(precision)
            .flops(3 * 2 * t * v * d)
            .traffic(4 * (t * d + 2 * v * d), 4 * (t * d + v * d))
            .with(move || {
                let mut step = Step::new([t, v, d], precision);
                move || step.run()
            })
            // The operands are rounded to bf16 thrice: in the logits and in both gradients.
            .error(if precision == Precision::F32 { 1e-5 } else { 5e-2 }, move || {
                let [t, v, d] = [CHECKED_ROWS, 512, 96];
                let mut step = Step::new([t, v, d], precision);
                step.run();
                let (dx, dw) = reference_backward(&wide(&step.x), &wide(&step.w), d, &step.targets, 1.0);
                deviation(step.dx.as_f32(), &dx).max(deviation(step.dw.as_f32(), &dw))
            })
    })
}

struct Step {
    x: Tensor,
    w: Tensor,
    packed: [PackedWeight; 2],
    targets: Vec<u32>,
    losses: Vec<f32>,
    dx: Tensor,
    dw: Tensor,
}

impl Step {
    fn new([t, v, d]: [usize; 3], precision: Precision) -> Self {
        let (x, w) = (input([t, d]), input([v, d]));
        let packed =
            [w.view(), w.view().transpose(0, 1)].map(|w| PackedWeight::new(&w, 256, precision).expect("a matrix"));
        let (targets, losses) = (vec![7; t], vec![0.0; t]);
        Step { packed, targets, losses, dx: Tensor::poisoned::<f32>([t, d]), dw: Tensor::poisoned::<f32>([v, d]), x, w }
    }

    fn run(&mut self) {
        let (chains, vocab) = (TokenChains::single(self.targets.len(), 256), self.w.shape()[0]);
        let [w, w_t] = &self.packed;
        linear_cross_entropy_grad(
            &self.x.view(),
            w,
            w_t,
            vocab,
            &self.targets,
            1.0,
            &chains,
            Begin::Fresh,
            w.precision(),
            &mut self.losses,
            &mut self.dx.view_mut(),
            &mut self.dw.view_mut(),
        )
        .expect("shapes fit");
    }
}
