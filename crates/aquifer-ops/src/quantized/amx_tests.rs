//! The kernel of matrix tiles against the scalar model, its instructions carried out by hand where there is no AMX.

use super::*;
use crate::testing::tensor;
use crate::tiles_by_hand;
use aquifer_tensor::{Tensor, threads};
use aquifer_testkit::{assert_same_bits, noise};

/// [`linear_quantized`] as AMX computes it, with tiles from one row on.
fn tiled(x: &Tensor, w: &QuantizedWeight, bias: &[f32]) -> Vec<f32> {
    let (isa, mut out) = (Isa::Amx, Tensor::poisoned::<f32>([x.shape()[0], w.n()]));
    let left = Activations::new(&x.view(), w.shape(), Strips::Rows, isa);
    let (stride, to) = (w.n(), SendPtr(out.as_f32_mut().as_mut_ptr()));
    Product { left: &left, right: w, bias: Some(bias), isa, stride, out: to }.run();
    out.as_f32().to_vec()
}

#[test]
fn tiles_equal_the_scalar_model() {
    if !tiles_by_hand::ready() {
        return;
    }
    // Shards of three blocks leave groups of 64 and 128 shorter ones; 1, 15 to 17 and 33 rows fill tiles unevenly.
    for (shape @ [m, n, k], min_shard) in [
        ([1, 1, 1], 256),
        ([15, 33, 64], 256),
        ([16, 64, 300], 256),
        ([17, 31, 192], 64),
        ([33, 70, 768], 64),
        ([8, 40, 2047], 256),
    ] {
        let (x, w, bias) = (tensor("x", [m, k], 3.0), tensor("w", [n, k], 0.1), noise("bias", n));
        for (bits, group) in
            [QuantBits::Int8, QuantBits::Int4].into_iter().flat_map(|bits| [32, 64, 128].map(|group| (bits, group)))
        {
            let format = QuantFormat::new(bits, group).unwrap();
            let want = model::linear(x.as_f32(), w.as_f32(), Some(&bias), shape, min_shard, format);
            let weight = QuantizedWeight::new(&w.view(), min_shard, format).unwrap();
            for count in [1, 3] {
                assert_same_bits(&threads::with(count, || tiled(&x, &weight, &bias)), &want);
            }
        }
    }
}

#[test]
fn largest_integers_do_not_saturate() {
    if !tiles_by_hand::ready() {
        return;
    }
    let (x, w) = (Tensor::filled([16, 128], -1.0_f32), Tensor::filled([32, 128], 1.0_f32));
    let weight = QuantizedWeight::new(&w.view(), 256, QuantFormat::INT8).unwrap();
    let want = model::linear(x.as_f32(), w.as_f32(), None, [16, 32, 128], 256, QuantFormat::INT8);
    assert_same_bits(&tiled(&x, &weight, &[0.0; 32]), &want);
}
