//! Time and arithmetic: the products of small and medium models, the gradients of their weights, decoding and packing.

use super::{PackedWeight, linear, linear_weight_grad, reference, reference_backward};
use crate::bench::{CHECKED_ROWS, Case, deviation, input, wide};
use crate::{Begin, Bf16Order, Precision, TokenChains};
use aquifer_tensor::Tensor;

/// Rows, outputs, inputs: squares, the projections of d 384, the vocabulary, and those of d 768 and 1024.
const PRODUCTS: [[usize; 3]; 9] = [
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [2048, 384, 384],
    [2048, 1536, 384],
    [2048, 384, 1536],
    [2048, 8192, 384],
    [2048, 3072, 768],
    [2048, 768, 3072],
    [4096, 1024, 4096],
];

/// Outputs, inputs, tokens and lanes.
const GRADIENTS: [[usize; 4]; 3] = [[1536, 384, 2048, 2], [8192, 384, 2048, 2], [3072, 768, 2048, 2]];

/// Outputs and inputs of products with one row, whose time is that of reading the weight; the largest is beyond every
/// cache.
const ROWS: [[usize; 2]; 3] = [[1536, 384], [4096, 4096], [16384, 4096]];

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let order = Bf16Order::native();
    let split = [Precision::Bf16x3(order), Precision::Bf16x6(order)].into_iter().flat_map(|precision| {
        let some = PRODUCTS.into_iter().filter(|[m, n, _]| m.max(n) <= &2048 && m.min(n) >= &1024);
        some.map(move |shape| product("linear", shape, precision))
    });
    let whole = [Precision::Bf16(order), Precision::F32].into_iter().flat_map(|precision| {
        let products = PRODUCTS.into_iter().map(move |shape| product("linear", shape, precision));
        let gradients = GRADIENTS.into_iter().map(move |shape| gradient(shape, precision));
        let rows = ROWS.into_iter().map(move |[n, k]| product("linear, one row", [1, n, k], precision));
        let packs = [[1536, 384], [4096, 4096]].into_iter().map(move |[n, k]| packing([n, k], precision));
        products.chain(gradients).chain(rows).chain(packs)
    });
    whole.chain(split)
}

fn pack(w: &Tensor, precision: Precision) -> PackedWeight {
    PackedWeight::new(&w.view(), 256, precision).expect("a matrix")
}

/// The largest error of a rung, over the root mean square of the outputs: mostly that of rounding the operands.
fn budget(precision: Precision) -> f64 {
    match precision {
        Precision::F32 | Precision::Bf16x6(_) => 1e-5,
        Precision::Bf16x3(_) => 1e-4,
        Precision::Bf16(_) => 2e-2,
    }
}

pub(crate) fn product(name: &'static str, [m, n, k]: [usize; 3], precision: Precision) -> Case {
    let case = Case::new(name).shape([m, n, k]).precision(precision).flops(2 * m * n * k);
    case.traffic(4 * m * k + precision.packed_bytes() * n * k, 4 * m * n)
        .with(move || {
            let (x, w, mut out) = (input([m, k]), pack(&input([n, k]), precision), input([m, n]));
            move || linear(&x.view(), &w, None, &mut out.view_mut()).expect("shapes fit")
        })
        .error(budget(precision), move || product_error(precision))
}

fn product_error(precision: Precision) -> f64 {
    let shape @ [m, n, k] = [CHECKED_ROWS, 67, 1100];
    let (x, w) = (input([m, k]), input([n, k]));
    let mut out = Tensor::poisoned::<f32>([m, n]);
    linear(&x.view(), &pack(&w, precision), None, &mut out.view_mut()).expect("shapes fit");
    deviation(out.as_f32(), &reference(&wide(&x), &wide(&w), None, shape))
}

fn gradient([n, k, t, lanes]: [usize; 4], precision: Precision) -> Case {
    let case = Case::new("linear_weight_grad").shape([n, k, t]).precision(precision).flops(2 * n * k * t);
    case.traffic(4 * t * (n + k), 4 * n * k)
        .with(move || {
            let (dy, x, mut dw) = (input([t, n]), input([t, k]), input([n, k]));
            let cut = t / lanes;
            let chains = TokenChains { grain: 256, lanes: (0..lanes).map(|l| l * cut..(l + 1) * cut).collect() };
            move || {
                let dw = &mut dw.view_mut();
                linear_weight_grad(&dy.view(), &x.view(), &chains, Begin::Fresh, precision, dw).expect("shapes fit");
            }
        })
        .error(budget(precision), move || {
            let [t, n, k] = [1100, CHECKED_ROWS, 67];
            let (dy, x, mut dw) = (input([t, n]), input([t, k]), Tensor::poisoned::<f32>([n, k]));
            let chains = TokenChains::single(t, 256);
            linear_weight_grad(&dy.view(), &x.view(), &chains, Begin::Fresh, precision, &mut dw.view_mut())
                .expect("shapes fit");
            let (_, want, _) = reference_backward(&wide(&x), &vec![0.0; n * k], &wide(&dy), [t, n, k]);
            deviation(dw.as_f32(), &want)
        })
}

fn packing([n, k]: [usize; 2], precision: Precision) -> Case {
    let case = Case::new("pack weight").shape([n, k]).precision(precision);
    case.traffic(4 * n * k, precision.packed_bytes() * n * k)
        .with(move || {
            let w = input([n, k]);
            let mut packed = pack(&w, precision);
            move || packed.repack(&w.view()).expect("same shape")
        })
        .error(budget(precision), move || product_error(precision))
}
