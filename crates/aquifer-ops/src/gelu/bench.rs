//! Time and bandwidth.

use super::{Gelu, gelu, gelu_backward};
use crate::bench::{Case, input};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let [t, d] = [2048, 1536];
    let kinds = [("gelu", "gelu_backward", Gelu::Erf), ("gelu tanh", "gelu_backward tanh", Gelu::Tanh)];
    kinds.into_iter().flat_map(move |(forward, backward, kind)| {
        let (x, mut out) = (input([t, d]), input([t, d]));
        let forward = Case::new(forward).shape([t, d]).bytes(2 * 4 * t * d).run(move || {
            gelu(&x.view(), kind, &mut out.view_mut()).expect("shapes fit");
        });
        let (x, dy, mut dx) = (input([t, d]), input([t, d]), input([t, d]));
        let backward = Case::new(backward).shape([t, d]).bytes(3 * 4 * t * d).run(move || {
            gelu_backward(&x.view(), kind, &dy.view(), &mut dx.view_mut()).expect("shapes fit");
        });
        [forward, backward]
    })
}
