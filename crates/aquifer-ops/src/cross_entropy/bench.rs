//! Time and bandwidth.

use super::{cpu, cross_entropy};
use crate::bench::{Case, input};
use crate::rows::RowsMut;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let [t, v] = [512, 8192];
    std::iter::once_with(move || {
        let (logits, targets, mut losses) = (input([t, v]), vec![7; t], vec![0.0; t]);
        Case::new("cross_entropy").shape([t, v]).bytes(4 * t * v).run(move || {
            cross_entropy(&logits.view(), v, &targets, &mut losses).expect("shapes fit");
        })
    })
    .chain(std::iter::once_with(move || {
        let (mut logits, targets, mut losses) = (input([t, v]), vec![7; t], vec![0.0; t]);
        Case::new("cross_entropy and gradient").shape([t, v]).bytes(2 * 4 * t * v).run(move || {
            let mut view = logits.view_mut();
            let rows = RowsMut::like("bench", "logits", &mut view, "itself", &[t, v]).expect("shapes fit");
            cpu::losses_and_gradients(&rows, t, v, &targets, 1.0, &mut losses);
        })
    }))
}
