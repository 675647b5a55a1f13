//! Time and bandwidth.

use super::{embedding, embedding_grad, reference, reference_backward};
use crate::bench::{Case, deviation, input, wide};
use crate::order::{Begin, TokenChains};
use aquifer_tensor::Tensor;

const T: usize = 2048;
const V: usize = 8192;
const D: usize = 384;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    [forward(), backward()].into_iter()
}

fn ids() -> Vec<u32> {
    (0..T as u32).map(|i| i.wrapping_mul(2_654_435_761) >> 19).collect()
}

fn forward() -> Case {
    fn run(ids: &[u32], table: &Tensor, out: &mut Tensor) {
        embedding(ids, &table.view(), &mut out.view_mut()).expect("ids fit");
    }
    Case::new("embedding")
        .shape([T, V, D])
        .traffic(4 * T * D, 4 * T * D)
        .with(|| {
            let (ids, table, mut out) = (ids(), input([V, D]), input([T, D]));
            move || run(&ids, &table, &mut out)
        })
        .error(0.0, || {
            let (ids, table, mut out) = (ids(), input([V, D]), Tensor::poisoned::<f32>([T, D]));
            run(&ids, &table, &mut out);
            deviation(out.as_f32(), &reference(&ids, &wide(&table), D))
        })
}

fn backward() -> Case {
    fn run(ids: &[u32], dy: &Tensor, begin: Begin, dtable: &mut Tensor) {
        let (chains, dtable) = (TokenChains::single(T, 256), &mut dtable.view_mut());
        embedding_grad(ids, &dy.view(), &chains, begin, dtable).expect("ids fit");
    }
    Case::new("embedding_grad")
        .shape([T, V, D])
        .traffic(2 * 4 * T * D, 4 * T * D)
        .with(|| {
            let (ids, dy, mut dtable) = (ids(), input([T, D]), input([V, D]));
            move || run(&ids, &dy, Begin::Continue, &mut dtable)
        })
        .error(1e-6, || {
            let (ids, dy, mut dtable) = (ids(), input([T, D]), Tensor::poisoned::<f32>([V, D]));
            run(&ids, &dy, Begin::Fresh, &mut dtable);
            deviation(dtable.as_f32(), &reference_backward(&ids, &wide(&dy), D, V))
        })
}
