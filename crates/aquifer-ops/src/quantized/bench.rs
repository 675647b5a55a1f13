//! Time and bandwidth: decoding (few rows, memory decides) and reading a prompt (many, arithmetic decides).

use super::{QuantFormat, QuantizedWeight, linear_quantized};
use crate::bench::{Case, input};
use crate::order::MIN_SHARD;
use aquifer_tensor::Tensor;

/// Together larger than the last cache, so that no weight is still there when its turn comes.
const COPIES_BYTES: usize = 128 << 20;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let shapes = [[1, 4096, 4096], [8, 4096, 4096], [256, 4096, 4096], [1, 1536, 384]];
    shapes.into_iter().flat_map(|shape| {
        [("linear int8", QuantFormat::INT8), ("linear int4", QuantFormat::INT4)]
            .map(|(name, format)| case(name, shape, format))
    })
}

fn case(name: &'static str, [m, n, k]: [usize; 3], format: QuantFormat) -> Case {
    let (x, mut out) = (input([m, k]), Tensor::zeros::<f32>([m, n]));
    let weight = QuantizedWeight::new(&input([n, k]).view(), MIN_SHARD, format).expect("a matrix of floats");
    let bytes = weight.bytes() + 4 * m * (n + k);
    let copies = if m <= 8 && n * k > 1 << 23 { COPIES_BYTES / weight.bytes() + 1 } else { 1 };
    // A clone shares its memory until it is written to: these must not.
    let mut weights = vec![weight];
    while weights.len() < copies {
        weights.push(QuantizedWeight::new(&input([n, k]).view(), MIN_SHARD, format).expect("a matrix of floats"));
    }
    let mut turn = 0;
    Case::new(name).shape([m, n, k]).bytes(bytes).flops(2 * m * n * k).run(move || {
        turn += 1;
        linear_quantized(&x.view(), &weights[turn % weights.len()], None, &mut out.view_mut()).expect("shapes fit");
    })
}
