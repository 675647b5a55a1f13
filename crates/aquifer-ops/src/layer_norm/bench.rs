//! Time and bandwidth.

use super::{layer_norm, layer_norm_backward};
use crate::bench::{Case, SHAPES, input};
use crate::order::{Begin, TokenChains};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().flat_map(|[t, d]| {
        let (x, w, mut out) = (input([t, d]), input([d]), input([t, d]));
        let forward = Case::new("layer_norm").shape([t, d]).bytes(2 * 4 * t * d).run(move || {
            layer_norm(&x.view(), w.as_f32(), w.as_f32(), 1e-5, &mut out.view_mut()).expect("shapes fit");
        });
        let (x, w, dy, mut dx) = (input([t, d]), input([d]), input([t, d]), input([t, d]));
        let (mut dw, mut db) = (vec![0.0; d], vec![0.0; d]);
        let backward = Case::new("layer_norm_backward").shape([t, d]).bytes(3 * 4 * t * d).run(move || {
            let (chains, begin, dx) = (TokenChains::single(t, 256), Begin::Fresh, &mut dx.view_mut());
            layer_norm_backward(&x.view(), w.as_f32(), 1e-5, &dy.view(), &chains, begin, dx, &mut dw, &mut db)
                .expect("shapes fit");
        });
        [forward, backward]
    })
}
