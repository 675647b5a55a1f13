use super::*;
use crate::Precision;
use crate::order::MIN_SHARD;
use crate::testing::{everywhere, tensor};
use aquifer_testkit::{Tolerance, assert_close, assert_same_bits, check_gradient, noise, wide};

#[test]
fn tokens_are_grouped_by_expert_in_their_order() {
    let chosen = [2_u32, 0, 2, 1, 0, 2];
    let aligned = moe_align_block_size(&View::of(&chosen, [3, 2]), 4, 2).unwrap();
    assert_eq!(aligned.slots, [1, 4, 3, EMPTY, 0, 2, 5, EMPTY]);
    assert_eq!(aligned.block_experts, [0, 1, 2, 2]);
    assert!(moe_align_block_size(&View::of(&chosen, [3, 2]), 2, 2).is_err());
    assert!(moe_align_block_size(&View::of(&chosen, [3, 2]), 4, 0).is_err());
}

const SIZES: [usize; 3] = [19, 23, 2]; // d, f, k
const TOKENS: usize = 37;

/// Raw experts, the last of which nobody chooses, and what goes into them.
struct Mixture {
    raw: Vec<(Tensor, Tensor)>,
    x: Tensor,
    weights: Tensor,
    chosen: Tensor,
}

impl Mixture {
    fn new() -> Self {
        let ([d, f, k], n) = (SIZES, 5);
        let weight = |name: String, shape: [usize; 2]| tensor(&name, shape, 0.5);
        let raw = (0..=n).map(|e| (weight(format!("up{e}"), [2 * f, d]), weight(format!("down{e}"), [d, f]))).collect();
        let scores = tensor("scores", [TOKENS, n], 2.0);
        let (weights, chosen) = crate::order_statistics::topk_softmax(&scores.view(), k, true).unwrap();
        Mixture { raw, x: tensor("x", [TOKENS, d], 1.0), weights, chosen }
    }

    fn experts(&self, transposed: bool) -> Vec<Expert> {
        let pack = |w: &Tensor| {
            let w = if transposed { w.view().transpose(0, 1) } else { w.view() };
            PackedWeight::new(&w, MIN_SHARD, Precision::F32).unwrap()
        };
        self.raw.iter().map(|(up, down)| Expert { gate_up: pack(up), down: pack(down) }).collect()
    }

    fn wide(&self) -> Vec<Weights> {
        self.raw.iter().map(|(up, down)| (wide(up.as_f32()), wide(down.as_f32()))).collect()
    }
}

#[test]
fn a_token_s_result_is_the_definition_s_and_its_own() {
    let (mixture, d) = (Mixture::new(), SIZES[0]);
    let (experts, Mixture { x, weights, chosen, .. }) = (mixture.experts(false), &mixture);
    let y = everywhere(|| fused_moe(&x.view(), &experts, &weights.view(), &chosen.view()).unwrap().as_f32().to_vec());
    let (wide_x, wide_weights) = (wide(x.as_f32()), wide(weights.as_f32()));
    let want = reference(&wide_x, &mixture.wide(), &wide_weights, chosen.as_slice::<u32>(), SIZES);
    assert_close(&y, &want, Tolerance { absolute: 1e-5, relative: 1e-5 });
    let alone = |view: &Tensor| crate::movement::contiguous(&view.view().narrow(0, 11, 1));
    let own = fused_moe(&alone(x).view(), &experts, &alone(weights).view(), &alone(chosen).view()).unwrap();
    assert_same_bits(own.as_f32(), &y[11 * d..12 * d]);
}

#[test]
fn the_derivative_is_the_definition_s() {
    let (x, weights, dy) = (wide(&noise("x", 9)), wide(&noise("weights", 6)), wide(&noise("dy", 9)));
    let (sizes, chosen) = ([3, 2, 2], [0_u32, 2, 2, 1, 0, 2]);
    let raw = |e: usize| (wide(&noise(&format!("up{e}"), 12)), wide(&noise(&format!("down{e}"), 6)));
    let experts: Vec<Weights> = (0..3).map(raw).collect();
    let loss = |x: &[f64], experts: &[Weights], weights: &[f64]| {
        let y = reference(x, experts, weights, &chosen, sizes);
        y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>()
    };
    let (dx, dweights, dexperts) = reference_backward(&x, &experts, &weights, &chosen, &dy, sizes);
    check_gradient("dx", &x, &dx, |x| loss(x, &experts, &weights));
    check_gradient("dweights", &weights, &dweights, |weights| loss(&x, &experts, weights));
    for (e, (dup, ddown)) in dexperts.iter().enumerate() {
        let with = |change: &dyn Fn(&mut Weights)| {
            let mut changed = experts.clone();
            change(&mut changed[e]);
            loss(&x, &changed, &weights)
        };
        check_gradient("gate_up", &experts[e].0, dup, |up| with(&|expert| expert.0 = up.to_vec()));
        check_gradient("down", &experts[e].1, ddown, |down| with(&|expert| expert.1 = down.to_vec()));
    }
}

#[test]
fn gradients_answer_to_the_definition_everywhere() {
    let mixture = Mixture::new();
    let (experts, transposed, dy) =
        (mixture.experts(false), mixture.experts(true), tensor("dy", [TOKENS, SIZES[0]], 1.0));
    let Mixture { x, weights, chosen, .. } = &mixture;
    let backward =
        |dy: &View| fused_moe_backward(&x.view(), &experts, &transposed, &weights.view(), &chosen.view(), dy);
    let got = everywhere(|| {
        let all = backward(&dy.view()).unwrap();
        let own = all.experts.iter().flat_map(|own| [own.gate_up.as_f32(), own.down.as_f32()]);
        [all.x.as_f32(), all.weights.as_f32()].into_iter().chain(own).collect::<Vec<_>>().concat()
    });
    let [wide_x, wide_weights, wide_dy] = [x, weights, &dy].map(|tensor| wide(tensor.as_f32()));
    let chosen = chosen.as_slice::<u32>();
    let (dx, dweights, dexperts) = reference_backward(&wide_x, &mixture.wide(), &wide_weights, chosen, &wide_dy, SIZES);
    let own = dexperts.iter().flat_map(|(up, down)| [&up[..], &down[..]]);
    let want = [&dx[..], &dweights[..]].into_iter().chain(own).collect::<Vec<_>>().concat();
    assert_close(&got, &want, Tolerance { absolute: 2e-5, relative: 1e-5 });
    assert!(backward(&dy.view().narrow(0, 0, 3)).is_err());
    let fewer =
        fused_moe_backward(&x.view(), &experts, &transposed[1..], &weights.view(), &mixture.chosen.view(), &dy.view());
    assert!(fewer.is_err());
}
