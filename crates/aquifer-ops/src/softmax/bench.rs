//! Time and bandwidth.

use super::{softmax, softmax_backward};
use crate::bench::{Case, input};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [[2048, 256], [256, 8192]].into_iter().flat_map(|[t, n]| {
        let (x, mut out) = (input([t, n]), input([t, n]));
        let forward = Case::new("softmax").shape([t, n]).bytes(2 * 4 * t * n).run(move || {
            softmax(&x.view(), &mut out.view_mut()).expect("shapes fit");
        });
        let (y, dy, mut dx) = (input([t, n]), input([t, n]), input([t, n]));
        let backward = Case::new("softmax_backward").shape([t, n]).bytes(3 * 4 * t * n).run(move || {
            softmax_backward(&y.view(), &dy.view(), &mut dx.view_mut()).expect("shapes fit");
        });
        [forward, backward]
    })
}
