use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::{Bf16, Tensor};
use aquifer_testkit::{Tolerance, assert_close, assert_same_bits, noise, wide};
use proptest::prelude::*;

fn formats() -> impl Iterator<Item = QuantFormat> {
    let formats = [QuantBits::Int8, QuantBits::Int4].into_iter().flat_map(|bits| [32, 64, 128].map(|g| (bits, g)));
    formats.map(|(bits, group)| QuantFormat::new(bits, group).unwrap())
}

fn product(x: &Tensor, w: &Tensor, bias: Option<&[f32]>, min_shard: usize, format: QuantFormat) -> Vec<f32> {
    let weight = QuantizedWeight::new(&w.view(), min_shard, format).unwrap();
    let mut out = Tensor::poisoned::<f32>([x.shape()[0], w.shape()[0]]);
    linear_quantized(&x.view(), &weight, bias, &mut out.view_mut()).unwrap();
    out.as_f32().to_vec()
}

#[test]
fn products_equal_the_scalar_model_everywhere() {
    for (shape @ [m, n, k], min_shard) in [
        ([1, 1, 1], 256),
        ([7, 31, 33], 256),
        ([5, 33, 300], 256),
        ([13, 65, 513], 256),
        ([6, 97, 384], 64),
        ([2, 40, 2048], 256),
        ([130, 70, 160], 64),
        ([0, 3, 64], 256),
        ([4, 0, 64], 256),
    ] {
        let (x, w, bias) = (tensor("x", [m, k], 3.0), tensor("w", [n, k], 0.1), noise("bias", n));
        for format in formats() {
            let bias = (m % 2 == 1).then_some(&bias[..]);
            let want = model::linear(x.as_f32(), w.as_f32(), bias, shape, min_shard, format);
            let got = everywhere(|| product(&x, &w, bias, min_shard, format));
            assert_same_bits(&got, &want);
        }
    }
}

#[test]
fn an_empty_depth_leaves_the_bias() {
    let (x, w) = (Tensor::zeros::<f32>([2, 0]), Tensor::zeros::<f32>([3, 0]));
    assert_eq!(product(&x, &w, Some(&[1.0, 2.0, 3.0]), 256, QuantFormat::INT8), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
}

/// A row has the same bits alone, among others, as part of a wider tensor, and in bf16 where it is exact.
#[test]
fn batch_companions_and_layout_change_no_bit() {
    let (m, n, k) = (29, 70, 640);
    let (x, w) = (tensor("x", [m, k], 2.0), tensor("w", [n, k], 1.0));
    for format in [QuantFormat::INT8, QuantFormat::INT4] {
        let together = product(&x, &w, None, 256, format);
        let weight = QuantizedWeight::new(&w.view(), 256, format).unwrap();
        let turned: Vec<f32> = w.view().transpose(0, 1).to_f32_vec();
        let turned = Tensor::from_f32(&turned, [k, n]);
        let other = QuantizedWeight::new(&turned.view().transpose(0, 1), 256, format).unwrap();
        for row in 0..m {
            let mut alone = Tensor::poisoned::<f32>([1, n]);
            linear_quantized(&x.view().narrow(0, row, 1), &weight, None, &mut alone.view_mut()).unwrap();
            assert_same_bits(alone.as_f32(), &together[row * n..(row + 1) * n]);
        }
        let rounded: Vec<Bf16> = x.as_f32().iter().map(|&x| Bf16::from_f32(x)).collect();
        let (half, exact) = (Tensor::from_slice(&rounded, [m, k]), Tensor::from_slice(&rounded, [m, k]).to_f32());
        let (mut a, mut b) = (Tensor::poisoned::<f32>([m, n + 3]), Tensor::poisoned::<f32>([m, n]));
        linear_quantized(&half.view(), &weight, None, &mut a.view_mut().narrow(1, 1, n)).unwrap();
        linear_quantized(&exact.view(), &other, None, &mut b.view_mut()).unwrap();
        assert_same_bits(&a.view().narrow(1, 1, n).to_f32_vec(), b.as_f32());
        assert!(a.as_f32()[0].is_nan() && a.as_f32()[n + 1].is_nan(), "wrote beside its window");
    }
}

/// What the kernels compute is the definition; what they lose besides is far below a level.
#[test]
fn kernels_answer_to_the_definition() {
    for shape @ [m, n, k] in [[3, 37, 500], [9, 64, 2048]] {
        let (x, w) = (tensor("x", [m, k], 1.0), tensor("w", [n, k], 1.0));
        for format in formats() {
            let weight = QuantizedWeight::new(&w.view(), 256, format).unwrap();
            let want = reference(&wide(x.as_f32()), &wide(weight.dequantized().as_f32()), None, shape, 256, format);
            // An activation that is nearly a tie may take the other level: a 127th of a weight's share.
            assert_close(&product(&x, &w, None, 256, format), &want, Tolerance::absolute(0.02));
        }
    }
}

/// Error over the root mean square of the outputs.
fn error(x: &[f32], w: &[f32], shape @ [m, n, k]: [usize; 3], format: QuantFormat) -> f64 {
    let got = product(&Tensor::from_f32(x, [m, k]), &Tensor::from_f32(w, [n, k]), None, 256, format);
    let want = crate::matmul::reference(&wide(x), &wide(w), None, shape);
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    (square(&mut got.iter().zip(&want).map(|(&g, w)| f64::from(g) - w)) / square(&mut want.iter().copied())).sqrt()
}

fn gaussian(site: &str, n: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = (0..12).map(|i| noise(&format!("{site}{i}"), n)).collect();
    (0..n).map(|i| parts.iter().map(|part| part[i]).sum::<f32>() / 2.0).collect()
}

#[test]
fn errors_stay_within_their_budget() {
    let shape @ [m, n, k] = [8, 96, 2048];
    let (x, w) = (gaussian("x", m * k), gaussian("w", n * k));
    // An activation of a hundred times the usual in every row, a weight of ten times in every row.
    let (mut spiked, mut rough) = (x.clone(), w.clone());
    spiked.iter_mut().skip(77).step_by(k).for_each(|x| *x = 100.0);
    rough.iter_mut().skip(500).step_by(k).for_each(|w| *w = 30.0);
    for (format, plain, outliers) in [
        ("int8/32", 0.0082, 0.0132),
        ("int8/64", 0.009, 0.0182),
        ("int8/128", 0.0095, 0.0245),
        ("int4/32", 0.0855, 0.0995),
        ("int4/64", 0.09, 0.115),
        ("int4/128", 0.099, 0.13),
    ] {
        let format = QuantFormat::from_name(format).unwrap();
        let errors = [error(&x, &w, shape, format), error(&spiked, &rough, shape, format)];
        assert!(errors[0] < plain && errors[1] < outliers, "{format}: {errors:?}");
    }
}

#[test]
fn what_is_not_finite_spreads_to_its_row_and_column_only() {
    let (m, n, k) = (8, 40, 300);
    let (mut x, mut w) = (tensor("x", [m, k], 1.0), tensor("w", [n, k], 1.0));
    x.as_f32_mut()[3 * k + 299] = f32::NAN;
    x.as_f32_mut()[5 * k] = f32::NEG_INFINITY;
    w.as_f32_mut()[7 * k + 5] = f32::INFINITY;
    x.as_f32_mut()[k..2 * k].fill(1e-42);
    for format in [QuantFormat::INT8, QuantFormat::INT4] {
        let out = everywhere(|| product(&x, &w, None, 256, format));
        for (at, y) in out.iter().enumerate() {
            let (i, j) = (at / n, at % n);
            assert_eq!(y.is_nan(), i == 3 || i == 5 || j == 7, "{i} {j}");
            assert!(i != 1 || j == 7 || *y == 0.0);
        }
    }
}

#[test]
fn formats_have_names_and_sizes() {
    for format in formats() {
        assert_eq!(QuantFormat::from_name(format.name()), Some(format));
    }
    assert_eq!(QuantFormat::from_name("int8"), Some(QuantFormat::INT8));
    assert_eq!(QuantFormat::from_name("int5"), None);
    assert!(QuantFormat::new(QuantBits::Int8, 48).is_err());
    let w = tensor("w", [64, 1024], 1.0);
    let bits = |format| QuantizedWeight::new(&w.view(), 256, format).unwrap().bytes() as f64 * 8.0 / w.numel() as f64;
    assert_eq!((bits(QuantFormat::INT8), bits(QuantFormat::INT4)), (8.25, 4.5));
}

#[test]
fn misfits_are_refused_by_name() {
    let w = QuantizedWeight::new(&tensor("w", [5, 7], 1.0).view(), 256, QuantFormat::INT8).unwrap();
    let (x, mut out) = (Tensor::zeros::<f32>([4, 6]), Tensor::poisoned::<f32>([4, 5]));
    let refused = linear_quantized(&x.view(), &w, None, &mut out.view_mut()).unwrap_err();
    assert_eq!(refused.to_string(), "linear_quantized: `x` should be [any, 7], but its shape is [4, 6]");
    let x = Tensor::zeros::<f32>([4, 7]);
    assert!(linear_quantized(&x.view(), &w, Some(&[0.0]), &mut out.view_mut()).is_err());
    assert!(QuantizedWeight::new(&Tensor::zeros::<u32>([4, 7]).view(), 256, QuantFormat::INT8).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_shape_equals_the_model(m in 1_usize..20, n in 1_usize..80, k in 1_usize..700, which in 0_usize..6) {
        let (x, w) = (tensor("px", [m, k], 1e3), tensor("pw", [n, k], 1e-3));
        let format = formats().nth(which).unwrap();
        let want = model::linear(x.as_f32(), w.as_f32(), None, [m, n, k], 64, format);
        assert_same_bits(&product(&x, &w, None, 64, format), &want);
    }
}

mod names {
    use super::*;

    const SHAPE: [usize; 3] = [5, 9, 70];

    fn levels(site: &str, n: usize) -> Vec<i8> {
        noise(site, n).iter().map(|x| (x * 127.0) as i8).collect()
    }

    fn widen(q: &[i8]) -> Vec<f64> {
        q.iter().map(|&q| f64::from(q)).collect()
    }

    #[test]
    fn activations_are_quantised_by_the_definition() {
        let x = tensor("x", [3, 100], 4.0);
        let (mut q, mut scales) = (vec![99; 300], vec![f32::NAN; 12]);
        act_quant(&x.view(), 32, &mut q, &mut scales).unwrap();
        for row in 0..3 {
            for (group, values) in x.as_f32()[row * 100..(row + 1) * 100].chunks(32).enumerate() {
                let (want, scale) = act_quant_reference(&wide(values));
                assert_close(&[scales[row * 4 + group]], &[scale], Tolerance::relative(1e-6));
                let at = row * 100 + group * 32;
                // A near tie may go either way.
                assert_close(&widen(&q[at..at + values.len()]), &want, Tolerance::absolute(1.0));
            }
        }
        assert!(act_quant(&x.view(), 0, &mut q, &mut scales).is_err());
        assert!(act_quant(&x.view(), 32, &mut q, &mut scales[1..]).is_err());
    }

    #[test]
    fn scaled_products_of_bytes_answer_to_the_definition() {
        let [m, n, k] = SHAPE;
        let (a, b) = (levels("a", m * k), levels("b", n * k));
        let (scale_a, scale_b, bias) = (noise("sa", m), noise("sb", n), noise("bias", n));
        let got = everywhere(|| {
            let mut out = Tensor::poisoned::<f32>([m, n]);
            scaled_mm(&a, &b, SHAPE, &scale_a, &scale_b, Some(&bias), &mut out.view_mut()).unwrap();
            out.as_f32().to_vec()
        });
        let mut want = scaled_mm_reference(&widen(&a), &widen(&b), SHAPE, &wide(&scale_a), &wide(&scale_b));
        want.iter_mut().enumerate().for_each(|(at, x)| *x += f64::from(bias[at % n]));
        assert_close(&got, &want, 1e-5);
        let mut out = Tensor::poisoned::<f32>([m, n]);
        scaled_mm(&a, &b, SHAPE, &[0.5], &[2.0], None, &mut out.view_mut()).unwrap();
        let plain = crate::matmul::reference(&widen(&a), &widen(&b), None, SHAPE);
        assert_close(out.as_f32(), &plain, 0.0);
        assert!(scaled_mm(&a, &b, SHAPE, &[0.5, 1.0], &[2.0], None, &mut out.view_mut()).is_err());
    }

    #[test]
    fn weight_only_products_answer_to_their_definitions() {
        let [m, n, k] = SHAPE;
        let (x, q, scales) = (tensor("x", [m, k], 1.0), levels("q", n * k), noise("s", n));
        let mut out = Tensor::poisoned::<f32>([m, n]);
        weight_int8pack_mm(&x.view(), &q, &scales, &mut out.view_mut()).unwrap();
        let want = weight_int8pack_mm_reference(&wide(x.as_f32()), &widen(&q), &wide(&scales), SHAPE);
        assert_close(out.as_f32(), &want, 2e-3);

        let four: Vec<u8> = levels("q4", n * k).iter().map(|&q| q as u8 & 15).collect();
        let packed: Vec<u8> = four.as_chunks::<2>().0.iter().map(|[low, high]| low | high << 4).collect();
        let scales_and_zeros = noise("sz", 3 * n * 2);
        weight_int4pack_mm(&x.view(), &packed, 32, &scales_and_zeros, &mut out.view_mut()).unwrap();
        let q: Vec<f64> = four.iter().map(|&q| f64::from(q)).collect();
        let want = weight_int4pack_mm_reference(&wide(x.as_f32()), &q, 32, &wide(&scales_and_zeros), SHAPE);
        assert_close(out.as_f32(), &want, 1e-4);
        assert!(weight_int4pack_mm(&x.view(), &packed, 0, &scales_and_zeros, &mut out.view_mut()).is_err());
    }
}
