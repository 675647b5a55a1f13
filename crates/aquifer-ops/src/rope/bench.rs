//! Time and bandwidth.

use super::{RopeTable, rope};
use crate::bench::{Case, input};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [[2048, 6, 64], [2048, 12, 128]].into_iter().map(|[t, h, d]| {
        let (x, mut out) = (input([t, h, d]), input([t, h, d]));
        let positions: Vec<u32> = (0..t as u32).map(|i| i % 256).collect();
        let table = RopeTable::new(d, 1e4, 256).expect("an even width");
        Case::new("rope").shape([t, h, d]).bytes(2 * 4 * t * h * d).run(move || {
            rope(&x.view(), &positions, &table, &mut out.view_mut()).expect("shapes fit");
        })
    })
}
