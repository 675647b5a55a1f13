use super::*;
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Bf16, Tensor, isa, threads};
use proptest::prelude::*;

/// What the numbers are like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Near one.
    Plain,
    /// From 2⁻⁷⁰ to 2⁻⁵⁶, so that products straddle the smallest normal f32, with subnormals among them.
    Tiny,
    /// Any bits at all: infinities, NaN, subnormals.
    Wild,
}

pub(super) fn noise(site: &str, shape: [usize; 2], kind: Kind) -> Tensor {
    let stream = Stream::new(3, "matmul", site);
    let element = |i: u64| {
        let word = stream.word(0, i);
        match kind {
            Kind::Plain => stream.uniform(0, i) * 2.0 - 1.0,
            Kind::Tiny if word.is_multiple_of(31) => f32::from_bits(word & 0x807F_FFFF),
            Kind::Tiny => f32::from_bits(word & 0x807F_FFFF | (127 - 70 + (word >> 23 & 15)) << 23),
            Kind::Wild if word % 7 < 5 => f32::from_bits(word & 0xBFFF_FFFF | 0x3000_0000),
            Kind::Wild => f32::from_bits(word),
        }
    };
    Tensor::from_f32(&(0..(shape[0] * shape[1]) as u64).map(element).collect::<Vec<_>>(), shape)
}

/// Equal bits, any NaN equal to any NaN.
#[track_caller]
pub(super) fn assert_same(got: &[f32], want: &[f32], what: impl std::fmt::Display) {
    assert_eq!(got.len(), want.len(), "{what}");
    let differs = |(g, w): (&f32, &f32)| g.to_bits() != w.to_bits() && !(g.is_nan() && w.is_nan());
    let wrong = got.iter().zip(want).filter(|&pair| differs(pair)).count();
    if let Some(at) = got.iter().zip(want).position(differs) {
        panic!("{what}: {wrong} of {} differ, the first at {at}: {:e}, not {:e}", got.len(), got[at], want[at]);
    }
}

fn product(x: &Tensor, w: &Tensor, bias: Option<&[f32]>, min_shard: usize, precision: Precision) -> Vec<f32> {
    let packed = PackedWeight::new(&w.view(), min_shard, precision).unwrap();
    let mut out = Tensor::poisoned::<f32>([x.shape()[0], packed.n()]);
    linear(&x.view(), &packed, bias, &mut out.view_mut()).unwrap();
    out.as_f32().to_vec()
}

/// Runs `check` under every instruction set of this machine, on one thread and on three.
pub(super) fn everywhere(check: impl Fn(&str)) {
    for &isa in isa::available() {
        for n in [1, 3] {
            isa::with(isa, || threads::with(n, || check(&format!("{isa}, {n} threads"))));
        }
    }
}

#[test]
fn products_equal_the_scalar_model_everywhere() {
    let shapes = [
        ([1, 1, 1], 256),
        ([7, 31, 33], 256),
        ([31, 33, 63], 256),
        ([13, 65, 257], 256),
        ([63, 7, 384], 256),
        ([33, 65, 513], 256),
        ([5, 33, 1000], 256),
        ([12, 64, 512], 256),
        ([25, 100, 192], 64),
        ([1, 97, 2048], 256),
        ([3, 300, 256], 64),
        ([130, 40, 96], 256),
    ];
    for (shape, min_shard) in shapes {
        for kind in [Kind::Plain, Kind::Tiny, Kind::Wild] {
            let [m, n, k] = shape;
            let (x, w, bias) = (noise("x", [m, k], kind), noise("w", [n, k], kind), noise("b", [1, n], kind));
            for precision in Precision::ALL {
                let bias = (m % 2 == 1).then_some(bias.as_f32());
                let want = model::linear(x.as_f32(), w.as_f32(), bias, shape, min_shard, precision);
                everywhere(|how| {
                    let got = product(&x, &w, bias, min_shard, precision);
                    assert_same(&got, &want, format!("{shape:?} {kind:?} {precision} {how}"));
                });
            }
        }
    }
}

#[test]
fn weight_gradients_equal_the_scalar_model_everywhere() {
    // grain, grains of each lane, n, k
    let cases: [(usize, &[usize], usize, usize); 8] = [
        (64, &[2], 33, 65),
        (7, &[3], 5, 31),
        (33, &[1, 2], 13, 100),
        (32, &[1, 1, 1, 1], 65, 7),
        (100, &[2, 1, 1], 12, 32),
        (40, &[1, 1, 1, 1, 1], 26, 63),
        (16, &[4, 4, 4, 4, 4, 4, 4, 4], 97, 33),
        (1100, &[1], 12, 32),
    ];
    for (grain, lanes, n, k) in cases {
        let mut start = 0;
        let lanes = lanes.iter().map(|grains| {
            let lane = start..start + grains * grain;
            start = lane.end;
            lane
        });
        let chains = TokenChains { grain, lanes: lanes.collect() };
        let t = chains.rows().end;
        for kind in [Kind::Plain, Kind::Tiny, Kind::Wild] {
            let (dy, x, before) = (noise("dy", [t, n], kind), noise("x", [t, k], kind), noise("dw", [n, k], kind));
            for precision in Precision::ALL {
                let begins: &[Begin] =
                    if chains.lanes.len() == 1 { &[Begin::Fresh, Begin::Continue] } else { &[Begin::Fresh] };
                for &begin in begins {
                    let mut want = before.as_f32().to_vec();
                    model::weight_grad(dy.as_f32(), x.as_f32(), [n, k], &chains, begin, precision, &mut want);
                    everywhere(|how| {
                        let mut dw =
                            if begin == Begin::Fresh { Tensor::poisoned::<f32>([n, k]) } else { before.clone() };
                        linear_weight_grad(&dy.view(), &x.view(), &chains, begin, precision, &mut dw.view_mut())
                            .unwrap();
                        let what =
                            format!("{grain} × {:?}, {n}×{k} {kind:?} {precision} {begin:?} {how}", chains.lanes);
                        assert_same(dw.as_f32(), &want, what);
                    });
                }
            }
        }
    }
}

#[test]
fn a_row_alone_equals_the_row_in_a_batch() {
    let (m, n, k) = (63, 200, 1536);
    let (x, w) = (noise("x", [m, k], Kind::Plain), noise("w", [n, k], Kind::Plain));
    for precision in Precision::ALL {
        let packed = PackedWeight::new(&w.view(), 256, precision).unwrap();
        let together = product(&x, &w, None, 256, precision);
        for i in [0, 1, 12, 40, 62] {
            let mut out = Tensor::poisoned::<f32>([1, n]);
            linear(&x.view().narrow(0, i, 1), &packed, None, &mut out.view_mut()).unwrap();
            assert_same(out.as_f32(), &together[i * n..(i + 1) * n], format!("row {i} {precision}"));
        }
    }
}

#[test]
fn a_lane_in_micro_batches_equals_one_call() {
    let (grain, grains, n, k) = (50, 6, 40, 70);
    let (dy, x) = (noise("dy", [grain * grains, n], Kind::Plain), noise("x", [grain * grains, k], Kind::Plain));
    for precision in Precision::ALL {
        let sum = |pieces: &[usize]| {
            let mut dw = Tensor::poisoned::<f32>([n, k]);
            let mut done = 0;
            for &piece in pieces {
                let part = |t: &Tensor| (done * grain, piece * grain, t.clone());
                let (start, rows, _) = part(&dy);
                let begin = if done == 0 { Begin::Fresh } else { Begin::Continue };
                let chains = TokenChains::single(rows, grain);
                let (dy, x) = (dy.view().narrow(0, start, rows), x.view().narrow(0, start, rows));
                linear_weight_grad(&dy, &x, &chains, begin, precision, &mut dw.view_mut()).unwrap();
                done += piece;
            }
            dw.as_f32().to_vec()
        };
        let whole = sum(&[grains]);
        for pieces in [&[1, 1, 1, 1, 1, 1][..], &[2, 4], &[5, 1], &[3, 1, 2]] {
            assert_same(&sum(pieces), &whole, format!("{pieces:?} {precision}"));
        }
    }
}

#[test]
fn transposes_bf16_and_windows_pack_alike() {
    for kind in [Kind::Plain, Kind::Tiny, Kind::Wild] {
        packs_alike(kind);
    }
}

fn packs_alike(kind: Kind) {
    let (m, n, k) = (20, 50, 90);
    let (x, w) = (noise("x", [m, k], kind), noise("w", [n, k], kind));
    let turned: Vec<f32> = (0..k * n).map(|i| w.as_f32()[i % n * k + i / n]).collect();
    let turned = Tensor::from_f32(&turned, [k, n]);
    let half = |t: &Tensor| {
        let data: Vec<Bf16> = t.as_f32().iter().map(|&x| Bf16::from_f32(x)).collect();
        Tensor::from_slice(&data, t.shape())
    };
    let (x_half, w_half) = (half(&x), half(&w));
    let wide = noise("wide", [m, 2 * k + 1], kind);
    let window: Vec<f32> = wide.as_f32().chunks(2 * k + 1).flat_map(|row| row[3..3 + k].to_vec()).collect();
    let window = Tensor::from_f32(&window, [m, k]);
    everywhere(|how| {
        for precision in Precision::ALL {
            let plain = product(&x, &w, None, 256, precision);
            let run = |x: View, w: View| {
                let packed = PackedWeight::new(&w, 256, precision).unwrap();
                let mut out = Tensor::poisoned::<f32>([m, n + 5]);
                linear(&x, &packed, None, &mut out.view_mut().narrow(1, 2, n)).unwrap();
                let rows = out.as_f32().chunks(n + 5);
                assert!(
                    rows.clone()
                        .all(|row| row[0].is_nan() && row[1].is_nan() && row[n + 2..].iter().all(|x| x.is_nan()))
                );
                rows.flat_map(|row| row[2..2 + n].to_vec()).collect::<Vec<f32>>()
            };
            assert_same(&run(x.view(), turned.view().transpose(0, 1)), &plain, how);
            let want = product(&x_half.to_f32(), &w_half.to_f32(), None, 256, precision);
            assert_same(&run(x_half.view(), w_half.view()), &want, how);
            let want = product(&window, &w, None, 256, precision);
            assert_same(&run(wide.view().narrow(1, 3, k), w.view()), &want, how);
        }
    });
}

#[test]
fn bf16_outputs_are_the_f32_ones_rounded_once() {
    for (m, n, k, kind) in [(14, 40, 300, Kind::Wild), (25, 97, 1024, Kind::Tiny), (1, 33, 512, Kind::Plain)] {
        let (x, w, bias) = (noise("x", [m, k], kind), noise("w", [n, k], kind), noise("b", [1, n], kind));
        for precision in Precision::ALL {
            let packed = PackedWeight::new(&w.view(), 256, precision).unwrap();
            for bias in [None, Some(bias.as_f32())] {
                let want: Vec<f32> =
                    product(&x, &w, bias, 256, precision).iter().map(|&y| Bf16::from_f32(y).to_f32()).collect();
                everywhere(|how| {
                    let mut out = Tensor::poisoned::<Bf16>([m, n + 3]);
                    linear(&x.view(), &packed, bias, &mut out.view_mut().narrow(1, 1, n)).unwrap();
                    let out = out.to_f32();
                    let rows = out.as_f32().chunks(n + 3);
                    assert!(rows.clone().all(|row| row[0].is_nan() && row[n + 1].is_nan() && row[n + 2].is_nan()));
                    let got: Vec<f32> = rows.flat_map(|row| row[1..=n].to_vec()).collect();
                    assert_same(&got, &want, format!("{m}×{n}×{k} {precision} {how}"));
                });
            }
        }
    }
}

#[test]
fn nan_and_infinity_spread_to_their_row_and_column_only() {
    let (m, n, k) = (14, 40, 300);
    for precision in Precision::ALL {
        let (mut x, mut w) = (noise("x", [m, k], Kind::Plain), noise("w", [n, k], Kind::Plain));
        x.as_f32_mut()[3 * k + 299] = f32::NAN;
        w.as_f32_mut()[7 * k + 5] = f32::INFINITY;
        x.as_f32_mut()[9 * k + 17] = f32::MAX;
        everywhere(|how| {
            let out = product(&x, &w, None, 256, precision);
            for (at, &y) in out.iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let clamped = i == 9 && matches!(precision, Precision::Bf16(_));
                // An infinity leaves no second piece: where f32 gives one, the split rungs give NaN.
                let split = precision.passes().len() > 1 && j == 7;
                assert_eq!(
                    y.is_nan(),
                    i == 3 || split || (clamped && j == 7 && y.is_nan()),
                    "{i} {j} {precision} {how}"
                );
                assert_eq!(y.is_finite(), i != 3 && j != 7 && !clamped, "{i} {j} {precision} {how}");
            }
        });
    }
}

#[test]
fn the_reference_derivative_is_that_of_the_reference() {
    let shape @ [m, n, k] = [3, 4, 5];
    let wide = |t: Tensor| t.as_f32().iter().map(|&x| x as f64).collect::<Vec<f64>>();
    let (x, w) = (wide(noise("x", [m, k], Kind::Plain)), wide(noise("w", [n, k], Kind::Plain)));
    let (dy, bias) = (wide(noise("dy", [m, n], Kind::Plain)), vec![0.5; n]);
    let loss = |x: &[f64], w: &[f64], bias: &[f64]| -> f64 {
        reference(x, w, Some(bias), shape).iter().zip(&dy).map(|(y, d)| y * d).sum()
    };
    let (dx, dw, dbias) = reference_backward(&x, &w, &dy, shape);
    let h = 1e-6;
    let central = |values: &[f64], f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
        let at = |i: usize, by: f64| {
            let mut moved = values.to_vec();
            moved[i] += by;
            f(&moved)
        };
        (0..values.len()).map(|i| (at(i, h) - at(i, -h)) / (2.0 * h)).collect()
    };
    let close = |a: &[f64], b: &[f64]| assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
    close(&dx, &central(&x, &|x| loss(x, &w, &bias)));
    close(&dw, &central(&w, &|w| loss(&x, w, &bias)));
    close(&dbias, &central(&bias, &|b| loss(&x, &w, b)));
}

#[test]
fn misfits_are_refused_by_name() {
    let (x, w) = (Tensor::zeros::<f32>([4, 6]), Tensor::zeros::<f32>([5, 7]));
    let packed = PackedWeight::new(&w.view(), 256, Precision::F32).unwrap();
    let mut out = Tensor::poisoned::<f32>([4, 5]);
    let error = linear(&x.view(), &packed, None, &mut out.view_mut()).unwrap_err();
    assert_eq!(error.to_string(), "linear: `x` should be [any, 7], but its shape is [4, 6]");
    let ids = Tensor::zeros::<u32>([4, 7]);
    let error = linear(&ids.view(), &packed, None, &mut out.view_mut()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "linear: `x` should be f32 or bf16, but holds u32, for which there is no kernel on the CPU"
    );
    let chains = TokenChains { grain: 2, lanes: vec![0..2, 2..4] };
    let mut dw = Tensor::zeros::<f32>([6, 6]);
    let error = linear_weight_grad(&x.view(), &x.view(), &chains, Begin::Continue, Precision::F32, &mut dw.view_mut());
    assert!(error.unwrap_err().to_string().contains("a single lane"));
}

#[test]
fn empty_sides_are_no_trouble() {
    for precision in Precision::ALL {
        let none = Tensor::zeros::<f32>([0, 8]);
        let w = noise("w", [3, 8], Kind::Plain);
        assert!(product(&none, &w, None, 256, precision).is_empty());
        let empty = Tensor::zeros::<f32>([2, 0]);
        let got = product(&empty, &Tensor::zeros::<f32>([3, 0]), Some(&[1.0, 2.0, 3.0]), 256, precision);
        assert_eq!(got, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        let mut dw = Tensor::poisoned::<f32>([8, 8]);
        let chains = TokenChains::single(0, 4);
        linear_weight_grad(&none.view(), &none.view(), &chains, Begin::Fresh, precision, &mut dw.view_mut()).unwrap();
        assert_eq!(dw.as_f32(), [0.0; 64]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_shape_equals_the_model(m in 1_usize..40, n in 1_usize..80, k in 1_usize..700, lanes in 1_usize..6) {
        let (x, w) = (noise("x", [m, k], Kind::Plain), noise("w", [n, k], Kind::Tiny));
        for precision in Precision::ALL {
            let want = model::linear(x.as_f32(), w.as_f32(), None, [m, n, k], 64, precision);
            assert_same(&product(&x, &w, None, 64, precision), &want, precision);
            let t = m * lanes;
            let (dy, x) = (noise("dy", [t, n], Kind::Plain), noise("xt", [t, 37], Kind::Plain));
            let chains = TokenChains { grain: m, lanes: (0..lanes).map(|l| l * m..(l + 1) * m).collect() };
            let (mut want, mut got) = (vec![0.0; n * 37], Tensor::poisoned::<f32>([n, 37]));
            model::weight_grad(dy.as_f32(), x.as_f32(), [n, 37], &chains, Begin::Fresh, precision, &mut want);
            linear_weight_grad(&dy.view(), &x.view(), &chains, Begin::Fresh, precision, &mut got.view_mut()).unwrap();
            assert_same(got.as_f32(), &want, precision);
        }
    }
}
