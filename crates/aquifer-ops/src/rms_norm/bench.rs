//! Time and bandwidth.

use super::{rms_norm, rms_norm_backward};
use crate::bench::{Case, SHAPES, input};
use crate::order::{Begin, TokenChains};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().flat_map(|[t, d]| {
        let (x, w, mut out) = (input([t, d]), input([d]), input([t, d]));
        let forward = Case::new("rms_norm").shape([t, d]).bytes(2 * 4 * t * d).run(move || {
            rms_norm(&x.view(), w.as_f32(), 1e-6, &mut out.view_mut()).expect("shapes fit");
        });
        let (x, w, dy, mut dx, mut dw) = (input([t, d]), input([d]), input([t, d]), input([t, d]), vec![0.0; d]);
        let backward = Case::new("rms_norm_backward").shape([t, d]).bytes(3 * 4 * t * d).run(move || {
            let (chains, begin, dx) = (TokenChains::single(t, 256), Begin::Fresh, &mut dx.view_mut());
            rms_norm_backward(&x.view(), w.as_f32(), 1e-6, &dy.view(), &chains, begin, dx, &mut dw)
                .expect("shapes fit");
        });
        [forward, backward]
    })
}
