use super::*;
use crate::order::MIN_SHARD;
use crate::testing::{everywhere, tensor};
use crate::{Precision, matmul};
use aquifer_testkit::{Tolerance, assert_close, assert_same_bits, wide};

#[test]
fn tokens_are_grouped_by_expert_in_their_order() {
    let chosen = [2_u32, 0, 2, 1, 0, 2];
    let aligned = moe_align_block_size(&View::of(&chosen, [3, 2]), 4, 2).unwrap();
    assert_eq!(aligned.slots, [1, 4, 3, EMPTY, 0, 2, 5, EMPTY]);
    assert_eq!(aligned.block_experts, [0, 1, 2, 2]);
    assert!(moe_align_block_size(&View::of(&chosen, [3, 2]), 2, 2).is_err());
    assert!(moe_align_block_size(&View::of(&chosen, [3, 2]), 4, 0).is_err());
}

#[test]
fn a_token_s_result_is_the_definition_s_and_its_own() {
    let (t, d, f, n, k) = (37, 19, 23, 5, 2);
    let weight = |name: &str, shape: [usize; 2]| tensor(name, shape, 0.5);
    let raw: Vec<(Tensor, Tensor)> =
        (0..n).map(|e| (weight(&format!("up{e}"), [2 * f, d]), weight(&format!("down{e}"), [d, f]))).collect();
    let pack = |w: &Tensor| PackedWeight::new(&w.view(), MIN_SHARD, Precision::F32).unwrap();
    let experts: Vec<Expert> = raw.iter().map(|(up, down)| Expert { gate_up: pack(up), down: pack(down) }).collect();
    let (x, scores) = (tensor("x", [t, d], 1.0), tensor("scores", [t, n], 2.0));
    let (weights, chosen) = crate::order_statistics::topk_softmax(&scores.view(), k, true).unwrap();
    let y = everywhere(|| fused_moe(&x.view(), &experts, &weights.view(), &chosen.view()).unwrap().as_f32().to_vec());
    for token in 0..t {
        let row = wide(&x.as_f32()[token * d..(token + 1) * d]);
        let mut want = vec![0.0; d];
        for slot in token * k..(token + 1) * k {
            let (up, down) = &raw[chosen.as_slice::<u32>()[slot] as usize];
            let wide_rows = matmul::reference(&row, &wide(up.as_f32()), None, [1, 2 * f, d]);
            let inner: Vec<f64> = (0..f).map(|i| crate::swiglu::reference(wide_rows[i], wide_rows[f + i])).collect();
            let term = matmul::reference(&inner, &wide(down.as_f32()), None, [1, d, f]);
            want.iter_mut().zip(term).for_each(|(sum, term)| *sum += f64::from(weights.as_f32()[slot]) * term);
        }
        assert_close(&y[token * d..(token + 1) * d], &want, Tolerance { absolute: 1e-5, relative: 1e-5 });
    }
    let alone = |view: &Tensor| crate::movement::contiguous(&view.view().narrow(0, 11, 1));
    let own = fused_moe(&alone(&x).view(), &experts, &alone(&weights).view(), &alone(&chosen).view()).unwrap();
    assert_same_bits(own.as_f32(), &y[11 * d..12 * d]);
}
