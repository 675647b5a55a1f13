//! Time and bandwidth.

use super::{embedding, embedding_grad};
use crate::bench::{Case, input};
use crate::order::{Begin, TokenChains};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let [t, v, d] = [2048, 8192, 384];
    let ids = move || (0..t as u32).map(|i| i.wrapping_mul(2_654_435_761) >> 19).collect::<Vec<_>>();
    std::iter::once_with(move || {
        let (ids, table, mut out) = (ids(), input([v, d]), input([t, d]));
        Case::new("embedding").shape([t, v, d]).bytes(2 * 4 * t * d).run(move || {
            embedding(&ids, &table.view(), &mut out.view_mut()).expect("ids fit");
        })
    })
    .chain(std::iter::once_with(move || {
        let (ids, dy, mut dtable) = (ids(), input([t, d]), input([v, d]));
        Case::new("embedding_grad").shape([t, v, d]).bytes(3 * 4 * t * d).run(move || {
            let (chains, dtable) = (TokenChains::single(t, 256), &mut dtable.view_mut());
            embedding_grad(&ids, &dy.view(), &chains, Begin::Continue, dtable).expect("ids fit");
        })
    }))
}
