//! Time and bandwidth: decoding (few rows, memory decides) and reading a prompt (many, arithmetic decides).

use super::{QuantFormat, QuantizedWeight, linear_quantized};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use crate::order::MIN_SHARD;
use aquifer_tensor::Tensor;

/// Together larger than the last cache, so that no weight is still there when its turn comes.
const COPIES_BYTES: usize = 128 << 20;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let shapes = [[1, 4096, 4096], [8, 4096, 4096], [256, 4096, 4096], [1, 1536, 384]];
    shapes.into_iter().flat_map(products)
}

/// With weights of eight bits, then of four.
pub(crate) fn products(shape: [usize; 3]) -> [Case; 2] {
    // The error is that against weights and activations as they were: roundings to 8 bits, or to 4.
    [("linear int8", QuantFormat::INT8, 5e-2), ("linear int4", QuantFormat::INT4, 0.5)]
        .map(|(name, format, budget)| case(name, shape, format, budget))
}

fn pack(n: usize, k: usize, format: QuantFormat) -> QuantizedWeight {
    QuantizedWeight::new(&input([n, k]).view(), MIN_SHARD, format).expect("a matrix of floats")
}

fn case(name: &'static str, [m, n, k]: [usize; 3], format: QuantFormat, budget: f64) -> Case {
    // One row of a weight is enough to know what all of them take.
    let weight_bytes = pack(32, k, format).bytes() * n / 32;
    Case::new(name)
        .shape([m, n, k])
        .arithmetic("int8")
        .traffic(weight_bytes + 4 * m * k, 4 * m * n)
        .flops(2 * m * n * k)
        .with(move || {
            let (x, mut out) = (input([m, k]), Tensor::zeros::<f32>([m, n]));
            let copies = if m <= 8 && n * k > 1 << 23 { COPIES_BYTES / weight_bytes + 1 } else { 1 };
            // A clone shares its memory until it is written to: these must not.
            let weights: Vec<QuantizedWeight> = (0..copies).map(|_| pack(n, k, format)).collect();
            let mut turn = 0;
            move || {
                turn += 1;
                let weight = &weights[turn % weights.len()];
                linear_quantized(&x.view(), weight, None, &mut out.view_mut()).expect("shapes fit");
            }
        })
        .error(budget, move || {
            let shape @ [m, n, k] = [CHECKED_ROWS, 67, 1100];
            let (x, w, mut out) = (input([m, k]), input([n, k]), Tensor::poisoned::<f32>([m, n]));
            linear_quantized(&x.view(), &pack(n, k, format), None, &mut out.view_mut()).expect("shapes fit");
            deviation(out.as_f32(), &crate::matmul::reference(&wide(&x), &wide(&w), None, shape))
        })
}
