//! A fused product has the bits of the operators it stands for.

use super::exact::{round_bf16, widen};
use super::*;
use crate::gelu::{self, Gelu, gelu as gelu_op, gelu_backward};
use crate::testing::{everywhere, tensor};
use crate::{pointwise, swiglu};
use aquifer_tensor::{Bf16, Tensor};
use aquifer_testkit::{Tolerance, assert_close, assert_same_bits, wide};

const ACTIVATIONS: [Activation; 4] =
    [Activation::Gelu(Gelu::Erf), Activation::Gelu(Gelu::Tanh), Activation::Silu, Activation::Relu];

/// Rows, outputs, inputs and the shortest shard: one to eight shards, edges on every side, few rows and many.
const SHAPES: [([usize; 3], usize); 6] = [
    ([1, 1, 1], 256),
    ([5, 33, 70], 256),
    ([13, 64, 192], 64),
    ([1, 97, 1024], 256),
    ([130, 41, 512], 64),
    ([201, 70, 33], 256),
];

/// Which steps an epilogue has.
#[derive(Clone, Copy, Debug)]
struct Steps {
    bias: bool,
    activation: Option<Activation>,
    slope: Option<Activation>,
    times: bool,
    plus: bool,
    onto: bool,
}

/// Every step alone and together with others.
fn all_steps() -> Vec<Steps> {
    let none = Steps { bias: false, activation: None, slope: None, times: false, plus: false, onto: false };
    let activations = ACTIVATIONS.map(|f| Steps { activation: Some(f), bias: true, ..none });
    let slopes = ACTIVATIONS.map(|f| Steps { slope: Some(f), ..none });
    let others = [
        Steps { times: true, ..none },
        Steps { plus: true, bias: true, ..none },
        Steps { onto: true, ..none },
        Steps { activation: Some(Activation::Silu), times: true, plus: true, ..none },
        Steps { slope: Some(Activation::Relu), bias: true, plus: true, onto: true, ..none },
    ];
    [&activations[..], &slopes, &others].concat()
}

/// What an epilogue reads.
struct Operands {
    bias: Tensor,
    at: Tensor,
    times: Tensor,
    plus: Tensor,
    before: Tensor,
}

impl Operands {
    fn new(m: usize, n: usize) -> Self {
        let named = |name: &str| tensor(name, [m, n], 2.0);
        let bias = tensor("bias", [n], 1.0);
        Operands { bias, at: named("at"), times: named("times"), plus: named("plus"), before: named("before") }
    }

    fn epilogue<'a>(&'a self, steps: Steps, keep: &'a mut Tensor) -> Epilogue<'a> {
        Epilogue {
            bias: steps.bias.then(|| self.bias.as_f32()),
            keep: Some(keep.view_mut()),
            activation: steps.activation,
            slope: steps.slope.map(|f| (f, self.at.view())),
            times: steps.times.then(|| self.times.view()),
            plus: steps.plus.then(|| self.plus.view()),
            onto: steps.onto,
            operand: false,
        }
    }

    /// The same by one operator after the other, from a plain product: what is kept, and the result.
    fn unfused(&self, steps: Steps, sums: Tensor) -> [Tensor; 2] {
        let mut y = sums;
        if steps.bias {
            y = pointwise::add(&y.view(), &self.bias.view()).unwrap();
        }
        let kept = y.clone();
        if let Some(f) = steps.activation {
            y = activated(f, &y);
        }
        if let Some(f) = steps.slope {
            y = sloped(f, &self.at, &y);
        }
        if steps.times {
            y = pointwise::mul(&y.view(), &self.times.view()).unwrap();
        }
        for (on, other) in [(steps.plus, &self.plus), (steps.onto, &self.before)] {
            if on {
                crate::add_assign(&mut y.view_mut(), &other.view()).unwrap();
            }
        }
        [kept, y]
    }
}

fn activated(f: Activation, x: &Tensor) -> Tensor {
    let mut y = Tensor::poisoned::<f32>(x.shape());
    match f {
        Activation::Gelu(kind) => gelu_op(&x.view(), kind, &mut y.view_mut()).unwrap(),
        Activation::Silu => y = pointwise::silu(&x.view()).unwrap(),
        Activation::Relu => y = pointwise::relu(&x.view()).unwrap(),
    }
    y
}

fn sloped(f: Activation, at: &Tensor, dy: &Tensor) -> Tensor {
    let mut dx = Tensor::poisoned::<f32>(at.shape());
    match f {
        Activation::Gelu(kind) => gelu_backward(&at.view(), kind, &dy.view(), &mut dx.view_mut()).unwrap(),
        Activation::Silu => dx = pointwise::silu_backward(&at.view(), &dy.view()).unwrap(),
        Activation::Relu => dx = pointwise::relu_backward(&at.view(), &dy.view()).unwrap(),
    }
    dx
}

fn pack(w: &Tensor, min_shard: usize, precision: Precision) -> PackedWeight {
    PackedWeight::new(&w.view(), min_shard, precision).unwrap()
}

fn plain(x: &Tensor, w: &PackedWeight) -> Tensor {
    let mut out = Tensor::poisoned::<f32>([x.shape()[0], w.n()]);
    linear(&x.view(), w, None, &mut out.view_mut()).unwrap();
    out
}

#[test]
fn an_epilogue_has_the_bits_of_its_operators() {
    for ([m, n, k], min_shard) in SHAPES {
        let (x, w, operands) = (tensor("x", [m, k], 1.0), tensor("w", [n, k], 0.5), Operands::new(m, n));
        for precision in Precision::ALL {
            let packed = pack(&w, min_shard, precision);
            let sums = plain(&x, &packed);
            // Every combination of steps in one precision and at two shapes, some of them everywhere.
            let every = precision == Precision::F32 && k % 64 == 0 && m > 1;
            for steps in all_steps().into_iter().enumerate().filter(|(i, _)| every || i % 4 == 0).map(|(_, s)| s) {
                let want = operands.unfused(steps, sums.clone());
                let want = [want[0].as_f32(), want[1].as_f32()].concat();
                let got = everywhere(|| {
                    let mut keep = Tensor::poisoned::<f32>([m, n]);
                    let mut out = if steps.onto { operands.before.clone() } else { Tensor::poisoned::<f32>([m, n]) };
                    linear_with(&x.view(), &packed, operands.epilogue(steps, &mut keep), &mut out.view_mut()).unwrap();
                    [keep.as_f32(), out.as_f32()].concat()
                });
                assert_eq!(got.len(), want.len());
                let differ = got.iter().zip(&want).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
                assert_eq!(differ, 0, "{m}×{n}×{k} {precision} {steps:?}");
            }
        }
    }
}

#[test]
fn an_output_of_bf16_is_the_f32_one_rounded_once() {
    let [m, n, k] = [37, 41, 600];
    let (x, w, operands) = (tensor("x", [m, k], 1.0), tensor("w", [n, k], 0.5), Operands::new(m, n));
    for precision in Precision::ALL {
        let packed = pack(&w, 64, precision);
        for steps in all_steps().into_iter().filter(|steps| !steps.onto) {
            let [_, want] = operands.unfused(steps, plain(&x, &packed));
            let want: Vec<f32> = want.as_f32().iter().map(|&y| Bf16::from_f32(y).to_f32()).collect();
            let got = everywhere(|| {
                let mut keep = Tensor::poisoned::<f32>([m, n]);
                let mut out = Tensor::poisoned::<Bf16>([m, n + 3]);
                let epilogue = operands.epilogue(steps, &mut keep);
                linear_with(&x.view(), &packed, epilogue, &mut out.view_mut().narrow(1, 2, n)).unwrap();
                let out = out.to_f32();
                let rows = out.as_f32().chunks(n + 3);
                assert!(rows.clone().all(|row| row[0].is_nan() && row[1].is_nan() && row[n + 2].is_nan()));
                rows.flat_map(|row| row[2..n + 2].to_vec()).collect()
            });
            assert_same_bits(&got, &want);
        }
    }
}

/// Every kind of number that rounding and flushing could tell apart, most of them near the least normal one.
fn edges(len: usize) -> Vec<f32> {
    let around =
        [0x007F_7FFF, 0x007F_8000, 0x007F_8001, 0x007F_FFFF, 0x0080_0000, 0x0080_8000, 0x0000_0001, 0, 0x3F80_8000];
    let signed = |bits: u32| [f32::from_bits(bits), -f32::from_bits(bits)];
    around.into_iter().flat_map(signed).cycle().take(len).collect()
}

#[test]
fn an_operand_of_bf16_is_read_as_the_f32_it_was() {
    let [m, n, k, n2] = [38, 75, 64, 33];
    // Every other row of sums is zero, so that `times` comes through as it is.
    let mut x = tensor("x", [m, k], 1.0);
    x.as_f32_mut().chunks_mut(k).step_by(2).for_each(|row| row.fill(0.0));
    let (ones, mut times) = (vec![1.0; n], edges(m * n));
    let (nan, infinite) = (2 * n + 70, 4 * n + 3);
    (times[nan], times[infinite], times[infinite + 2 * n]) = (f32::NAN, f32::INFINITY, f32::MAX);
    let (times, w) = (Tensor::from_f32(&times, [m, n]), tensor("w", [n, k], 0.5));
    // Large enough that the least normal number would be seen.
    let reader = tensor("reader", [n2, n], 1e36);
    for precision in Precision::ALL.into_iter().filter(|precision| precision.passes().len() == 1) {
        let [packed, reader] = [&w, &reader].map(|w| pack(w, 64, precision));
        for activation in [None].into_iter().chain(ACTIVATIONS.map(Some)) {
            let product = |operand: bool, mut y: Tensor| {
                let epilogue = Epilogue {
                    bias: Some(&ones),
                    activation,
                    times: Some(times.view()),
                    operand,
                    ..Epilogue::default()
                };
                linear_with(&x.view(), &packed, epilogue, &mut y.view_mut()).unwrap();
                let mut out = Tensor::poisoned::<f32>([m, n2]);
                linear(&y.view(), &reader, None, &mut out.view_mut()).unwrap();
                [y.view().to_f32_vec(), out.as_f32().to_vec()]
            };
            let want = everywhere(|| product(true, Tensor::poisoned::<f32>([m, n])).concat());
            let (y, out) = want.split_at(m * n);
            let rounded: Vec<f32> = y.iter().map(|&y| widen(round_bf16(y))).collect();
            let got = everywhere(|| product(true, Tensor::poisoned::<Bf16>([m, n])).concat());
            assert_same_bits(&got[..m * n], &rounded);
            if precision != Precision::F32 {
                assert_same_bits(&got[m * n..], out);
                let stored = product(false, Tensor::poisoned::<Bf16>([m, n]));
                assert!(activation.is_some() || stored[1] != out, "{precision}: nothing here is at the edge");
            }
        }
    }
}

/// The same epilogue on sums that somebody else finished.
#[test]
fn steps_apply_to_sums_finished_elsewhere() {
    for [m, n] in [[1, 1], [3, 31], [40, 100], [0, 5]] {
        let (sums, operands) = (tensor("sums", [m, n], 3.0), Operands::new(m, n));
        for steps in all_steps().into_iter().filter(|steps| !steps.onto) {
            let [kept, want] = operands.unfused(steps, sums.clone());
            everywhere(|| {
                let (mut keep, mut y) = (Tensor::poisoned::<f32>([m, n]), sums.clone());
                operands.epilogue(steps, &mut keep).apply(&mut y.view_mut()).unwrap();
                assert_same_bits(keep.as_f32(), kept.as_f32());
                assert_same_bits(y.as_f32(), want.as_f32());
                Vec::new()
            });
        }
    }
}

#[test]
fn several_weights_in_one_call_equal_as_many_calls() {
    for ([m, n, k], min_shard) in SHAPES {
        let x = tensor("x", [m, k], 1.0);
        let widths = [n, 3 * n + 1, 5];
        for precision in [Precision::F32, Precision::Bf16(crate::Bf16Order::native())] {
            let packed = widths.map(|n| pack(&tensor(&format!("w{n}"), [n, k], 0.5), min_shard, precision));
            let bias = tensor("bias", [n], 1.0);
            let want: Vec<f32> = packed
                .iter()
                .zip([Some(bias.as_f32()), None, None])
                .flat_map(|(w, bias)| {
                    let mut out = Tensor::poisoned::<f32>([m, w.n()]);
                    linear(&x.view(), w, bias, &mut out.view_mut()).unwrap();
                    out.as_f32().to_vec()
                })
                .collect();
            let got = everywhere(|| {
                let mut outs = widths.map(|n| Tensor::poisoned::<f32>([m, n]));
                let biases = [Some(bias.as_f32()), None, None];
                let each = packed.iter().zip(outs.iter_mut()).zip(biases).map(|((w, out), bias)| Projection {
                    w,
                    epilogue: Epilogue { bias, ..Epilogue::default() },
                    out: out.view_mut(),
                });
                linear_many(&x.view(), &mut each.collect::<Vec<_>>()).unwrap();
                outs.iter().flat_map(|out| out.as_f32().to_vec()).collect()
            });
            assert_same_bits(&got, &want);
        }
    }
}

#[test]
fn a_gated_unit_equals_two_products_and_swiglu() {
    for ([m, n, k], min_shard) in SHAPES {
        let x = tensor("x", [m, k], 1.0);
        for precision in Precision::ALL {
            let [gate_w, up_w] = ["gate", "up"].map(|name| pack(&tensor(name, [n, k], 0.5), min_shard, precision));
            let (gate, up) = (plain(&x, &gate_w), plain(&x, &up_w));
            let mut want = Tensor::poisoned::<f32>([m, n]);
            crate::swiglu(&gate.view(), &up.view(), &mut want.view_mut()).unwrap();
            let got = everywhere(|| {
                let [mut kept_gate, mut kept_up, mut out] = [(); 3].map(|()| Tensor::poisoned::<f32>([m, n]));
                let up = Projection { w: &up_w, epilogue: Epilogue::default(), out: kept_up.view_mut() };
                let epilogue = Epilogue {
                    keep: Some(kept_gate.view_mut()),
                    activation: Some(Activation::Silu),
                    ..Epilogue::default()
                };
                linear_gated(&x.view(), up, Projection { w: &gate_w, epilogue, out: out.view_mut() }).unwrap();
                [kept_gate.as_f32(), kept_up.as_f32(), out.as_f32()].concat()
            });
            assert_same_bits(&got, &[gate.as_f32(), up.as_f32(), want.as_f32()].concat());
        }
    }
}

#[test]
fn a_fused_product_answers_to_the_definition() {
    let shape @ [m, n, k] = [19, 35, 300];
    let (x, w, operands) = (tensor("x", [m, k], 1.0), tensor("w", [n, k], 0.2), Operands::new(m, n));
    let packed = pack(&w, 64, Precision::F32);
    let sums = reference(&wide(x.as_f32()), &wide(w.as_f32()), Some(&wide(operands.bias.as_f32())), shape);
    for f in ACTIVATIONS {
        let of = |x: f64| match f {
            Activation::Gelu(kind) => gelu::reference(x, kind),
            Activation::Silu => swiglu::reference(x, 1.0),
            Activation::Relu => x.max(0.0),
        };
        let (times, plus) = (wide(operands.times.as_f32()), wide(operands.plus.as_f32()));
        let want: Vec<f64> = (0..m * n).map(|i| of(sums[i]) * times[i] + plus[i]).collect();
        let steps = Steps { bias: true, activation: Some(f), slope: None, times: true, plus: true, onto: false };
        let (mut keep, mut out) = (Tensor::poisoned::<f32>([m, n]), Tensor::poisoned::<f32>([m, n]));
        linear_with(&x.view(), &packed, operands.epilogue(steps, &mut keep), &mut out.view_mut()).unwrap();
        assert_close(out.as_f32(), &want, Tolerance { absolute: 1e-4, relative: 1e-5 });
        assert_close(keep.as_f32(), &sums, Tolerance { absolute: 1e-4, relative: 1e-5 });
    }
}

#[test]
fn misfits_of_an_epilogue_are_refused_by_name() {
    let (x, w, wrong) = (Tensor::zeros::<f32>([4, 6]), Tensor::zeros::<f32>([5, 6]), Tensor::zeros::<f32>([4, 6]));
    let packed = pack(&w, 256, Precision::F32);
    let try_with = |epilogue: Epilogue| {
        let mut out = Tensor::poisoned::<f32>([4, 5]);
        linear_with(&x.view(), &packed, epilogue, &mut out.view_mut()).unwrap_err().to_string()
    };
    let error = try_with(Epilogue { plus: Some(wrong.view()), ..Epilogue::default() });
    assert_eq!(error, "linear: `plus` should be [4, 5], but its shape is [4, 6]");
    assert!(try_with(Epilogue { bias: Some(&[1.0]), ..Epilogue::default() }).contains("`bias`"));
    let mut half = Tensor::zeros::<Bf16>([4, 5]);
    let epilogue = Epilogue { onto: true, ..Epilogue::default() };
    assert!(linear_with(&x.view(), &packed, epilogue, &mut half.view_mut()).unwrap_err().to_string().contains("`out`"));
    let deep = pack(&Tensor::zeros::<f32>([5, 7]), 256, Precision::F32);
    let (mut a, mut b) = (Tensor::zeros::<f32>([4, 5]), Tensor::zeros::<f32>([4, 5]));
    fn of<'a>(w: &'a PackedWeight, out: &'a mut Tensor) -> Projection<'a> {
        Projection { w, epilogue: Epilogue::default(), out: out.view_mut() }
    }
    let error = linear_many(&x.view(), &mut [of(&packed, &mut a), of(&deep, &mut b)]).unwrap_err();
    assert_eq!(error.to_string(), "linear_many: `w` should be k 6, 1 shards, f32, but is k 7, 1 shards, f32");
    let thin = pack(&Tensor::zeros::<f32>([3, 6]), 256, Precision::F32);
    let error = linear_gated(&x.view(), of(&thin, &mut a), of(&packed, &mut b)).unwrap_err();
    assert!(error.to_string().contains("`up` should be [5, 6], as `gate`"), "{error}");
}
