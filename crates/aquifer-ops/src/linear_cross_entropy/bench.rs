//! Time and arithmetic.

use super::linear_cross_entropy_grad;
use crate::bench::{Case, input};
use crate::{Begin, Bf16Order, PackedWeight, Precision, TokenChains};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let [t, v, d] = [2048, 8192, 384];
    let rungs = [("linear_cross_entropy_grad f32", Precision::F32)];
    let native = ("linear_cross_entropy_grad bf16", Precision::Bf16(Bf16Order::native()));
    rungs.into_iter().chain([native]).map(move |(name, precision)| {
        let (x, w, mut dx, mut dw) = (input([t, d]), input([v, d]), input([t, d]), input([v, d]));
        let (targets, mut losses, chains) = (vec![7; t], vec![0.0; t], TokenChains::single(t, 256));
        let pack = |w| PackedWeight::new(w, 256, precision).expect("a matrix");
        let (p, p_t) = (pack(&w.view()), pack(&w.view().transpose(0, 1)));
        Case::new(name).shape([t, v, d]).flops(3 * 2 * t * v * d).run(move || {
            let (x, dx, dw) = (&x.view(), &mut dx.view_mut(), &mut dw.view_mut());
            linear_cross_entropy_grad(
                x,
                &p,
                &p_t,
                v,
                &targets,
                1.0,
                &chains,
                Begin::Fresh,
                precision,
                &mut losses,
                dx,
                dw,
            )
            .expect("shapes fit");
        })
    })
}
