use super::*;
use crate::testing::{chains, everywhere, tensor, token_sum_laws};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};

fn some_ids(n: usize, vocab: u32) -> Vec<u32> {
    noise("ids", n).iter().map(|x| (x.abs() * vocab as f32) as u32 % vocab).collect()
}

#[test]
fn the_derivative_is_the_definition_s() {
    let (ids, table, dy) = ([2, 0, 2, 1], wide(&noise("table", 12)), wide(&noise("dy", 12)));
    let loss = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>();
    check_gradient("dtable", &table, &reference_backward(&ids, &dy, 3, 4), |table| loss(reference(&ids, table, 3)));
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for (t, v, d) in [(1, 1, 1), (7, 3, 5), (301, 23, 67), (64, 1000, 129)] {
        let (ids, table, dy) = (some_ids(t, v as u32), tensor("table", [v, d], 1.0), tensor("dy", [t, d], 1.0));
        let both = everywhere(|| {
            let (mut out, mut dtable) = (Tensor::poisoned::<f32>([t, d]), Tensor::poisoned::<f32>([v, d]));
            embedding(&ids, &table.view(), &mut out.view_mut()).unwrap();
            embedding_grad(&ids, &dy.view(), &chains(t, 4, 1), Begin::Fresh, &mut dtable.view_mut()).unwrap();
            [out.as_f32(), dtable.as_f32()].concat()
        });
        let (table, dy) = (wide(table.as_f32()), wide(dy.as_f32()));
        let want = [reference(&ids, &table, d), reference_backward(&ids, &dy, d, v)].concat();
        assert_close(&both, &want, Tolerance { absolute: 1e-6, relative: 2e-6 });
    }
}

#[test]
fn rows_are_summed_over_tokens_by_the_rule() {
    let (t, v, d, grain) = (35, 6, 19, 5);
    let (ids, dy) = (some_ids(t, v as u32), tensor("dy", [t, d], 1.0));
    token_sum_laws(t, grain, v * d, |part, chains, begin, out| {
        let dy = dy.view().narrow(0, part.start, part.len());
        embedding_grad(&ids[part], &dy, chains, begin, &mut ViewMut::of(out, [v, d])).unwrap();
    });
}

#[test]
fn ids_beyond_the_table_are_refused() {
    let table = tensor("table", [4, 2], 1.0);
    let mut out = Tensor::poisoned::<f32>([3, 2]);
    let refused = embedding(&[0, 4, 1], &table.view(), &mut out.view_mut()).unwrap_err();
    assert_eq!(refused.to_string(), "embedding: `ids` should be below the table's 4 rows, but is 4 at index 1");
}
