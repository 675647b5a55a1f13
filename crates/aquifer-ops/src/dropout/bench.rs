//! Time and bandwidth.

use super::dropout;
use crate::bench::{Case, SHAPES, input};
use aquifer_tensor::random::Stream;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SHAPES.into_iter().map(|[t, d]| {
        let (x, mut out, stream) = (input([t, d]), input([t, d]), Stream::new(1, "bench", ""));
        Case::new("dropout").shape([t, d]).bytes(2 * 4 * t * d).run(move || {
            dropout(&x.view(), 0.1, &stream, 1, 0, &mut out.view_mut()).expect("a share below one");
        })
    })
}
