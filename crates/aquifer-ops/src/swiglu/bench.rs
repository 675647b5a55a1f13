//! Time and bandwidth.

use super::{swiglu, swiglu_backward};
use crate::bench::{Case, input};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let [t, d] = [2048, 1024];
    let halves = move || (input([t, d]), input([t, d]), input([t, d]));
    std::iter::once_with(move || {
        let (gate, up, mut out) = halves();
        Case::new("swiglu").shape([t, d]).bytes(3 * 4 * t * d).run(move || {
            swiglu(&gate.view(), &up.view(), &mut out.view_mut()).expect("shapes fit");
        })
    })
    .chain(std::iter::once_with(move || {
        let ((gate, up, dy), (mut dgate, mut dup, _)) = (halves(), halves());
        Case::new("swiglu_backward").shape([t, d]).bytes(5 * 4 * t * d).run(move || {
            let (dgate, dup) = (&mut dgate.view_mut(), &mut dup.view_mut());
            swiglu_backward(&gate.view(), &up.view(), &dy.view(), dgate, dup).expect("shapes fit");
        })
    }))
}
