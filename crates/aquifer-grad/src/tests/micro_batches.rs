//! A step cut anyhow gives the bits of the step in one piece.

use super::{numbers, params};
use crate::{Gradients, MicroBatch, ParamId, Params, StepLanes, Tape};
use aquifer_ops::{Bf16Order, Gelu, Precision};
use aquifer_tensor::Tensor;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::Arc;

const VOCAB: usize = 13;
const D: usize = 10;

fn model(precision: Precision) -> (Params, Vec<ParamId>) {
    let shapes: [(&str, &[usize]); 5] =
        [("table", &[VOCAB, D]), ("norm", &[D]), ("bias", &[D]), ("w", &[D, D]), ("wb", &[D])];
    params(precision, &shapes)
}

/// One step over `grains`, in these pieces; every gradient, flat.
fn gradients(precision: Precision, step: StepLanes, pieces: &[Range<usize>]) -> Vec<f32> {
    let (params, id) = model(precision);
    let rows = step.grains * step.grain_len;
    let ids: Vec<u32> = numbers("ids", rows).iter().map(|x| ((x + 0.5) * VOCAB as f32) as u32).collect();
    let mut grads = Gradients::new(&params);
    grads.begin_step(step).unwrap();
    for piece in pieces {
        grads.begin_micro_batch(MicroBatch { first_grain: piece.start, grains: piece.len() }).unwrap();
        let rows = piece.start * step.grain_len..piece.end * step.grain_len;
        let ids: Arc<[u32]> = ids[rows.clone()].into();
        let mut tape = Tape::new(&params);
        let x = tape.embedding(&ids, id[0]).unwrap();
        let n = tape.layer_norm(&x, id[1], id[2], 1e-5).unwrap();
        let y = tape.linear(&n, id[3], Some(id[4])).unwrap();
        let y = tape.gelu(&y, Gelu::Erf).unwrap();
        let y = tape.add(&x, &y).unwrap();
        let y = tape.rms_norm(&y, id[1], 1e-5).unwrap();
        tape.backward_cross_entropy(y, id[0], VOCAB, &ids, 1.0 / 77.0, &mut grads).unwrap();
    }
    grads.finish().unwrap();
    params.ids().flat_map(|id| grads.get(id).as_f32().to_vec()).collect()
}

/// Cuts 0..n after each index whose bit is set.
fn pieces(n: usize, cuts: u64) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    for end in 1..=n {
        if end == n || cuts >> end & 1 == 1 {
            out.push(start..end);
            start = end;
        }
    }
    out
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn micro_batches_change_no_bit(
        grains in 1_usize..20,
        grain_len in prop::sample::select(vec![1_usize, 5, 33]),
        lanes_log in 0_u32..4,
        cuts in any::<u64>(),
        bf16 in any::<bool>(),
    ) {
        let lanes = (1_usize << lanes_log).min(1 << grains.ilog2());
        let step = StepLanes { grains, grain_len, lanes };
        let precision = if bf16 { Precision::Bf16(Bf16Order::native()) } else { Precision::F32 };
        let whole = gradients(precision, step, &[0..grains]);
        let cut = gradients(precision, step, &pieces(grains, cuts));
        prop_assert!(whole.iter().all(|x| x.is_finite()));
        prop_assert_eq!(bits(&whole), bits(&cut));
    }
}

#[test]
fn lanes_are_summed_as_the_tree_says() {
    // One weight, one column: the gradient of each lane by itself, joined by hand.
    let (params, id) = params(Precision::F32, &[("w", &[1, 1])]);
    let (x, step) = (numbers("x", 8), StepLanes { grains: 8, grain_len: 1, lanes: 4 });
    let run = |step: StepLanes, x: &[f32]| {
        let mut grads = Gradients::new(&params);
        grads.begin_step(step).unwrap();
        grads.begin_micro_batch(MicroBatch { first_grain: 0, grains: step.grains }).unwrap();
        let mut tape = Tape::new(&params);
        let input = tape.input(Tensor::from_f32(x, [x.len(), 1]));
        let y = tape.linear(&input, id[0], None).unwrap();
        tape.backward(&y, Tensor::filled([x.len(), 1], 1.0_f32), &mut grads).unwrap();
        grads.finish().unwrap();
        grads.get(id[0]).as_f32()[0]
    };
    let lane = |i: usize| run(StepLanes { grains: 2, grain_len: 1, lanes: 1 }, &x[2 * i..2 * i + 2]);
    assert_eq!(run(step, &x), (lane(0) + lane(1)) + (lane(2) + lane(3)));
}
