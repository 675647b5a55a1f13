//! One body for every row of the tables, and PyTorch's word on corners.

use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::{Bf16, DType, Tensor, View};
use aquifer_testkit::{Fixture, Tolerance, assert_close, assert_same_bits, check_gradient, wide};

/// Numbers between `low` and `high`.
fn between(site: &str, shape: &[usize], (low, high): (f64, f64)) -> Tensor {
    let unit = tensor(site, shape, 1.0);
    let numbers: Vec<f32> =
        unit.as_f32().iter().map(|x| (low + (f64::from(*x) + 1.0) / 2.0 * (high - low)) as f32).collect();
    Tensor::from_f32(&numbers, shape)
}

fn narrow(x: &Tensor) -> Tensor {
    Tensor::from_slice(&x.as_f32().iter().map(|x| Bf16::from_f32(*x)).collect::<Vec<_>>(), x.shape())
}

/// Units of 2⁻²⁴ of a number, and a little for where the definition itself rounds.
fn units(n: f64) -> Tolerance {
    Tolerance { absolute: 1e-15, relative: (2.0 * n).max(1e-6) * 2_f64.powi(-24) }
}

const SHAPES: [&[usize]; 6] = [&[], &[0], &[1], &[63], &[3, 257], &[2, 0, 3]];

#[test]
fn derivatives_are_the_definitions() {
    for row in UNARY {
        let (low, high, p) = row.domain;
        let p = p.map(f64::from);
        for x in wide(between(row.name, &[40], (low, high)).as_f32()) {
            check_gradient(row.name, &[x], &[(row.derivative)(x, p)], |x| (row.definition)(x[0], p));
        }
    }
    for row in BINARY {
        let [a, b] = row.domain.map(|domain| wide(between(row.name, &[40], domain).as_f32()));
        for (&a, &b) in a.iter().zip(b.iter().rev()) {
            let (da, db) = (row.derivative)(a, b);
            check_gradient(row.name, &[a, b], &[da, db], |x| (row.definition)(x[0], x[1]));
        }
    }
}

#[test]
fn rows_of_one_operand_answer_to_their_definitions_everywhere() {
    for row in UNARY {
        let (low, high, p) = row.domain;
        for shape in SHAPES {
            let (x, dy) = (between(row.name, shape, (low, high)), tensor("dy", shape, 1.0));
            let both = everywhere(|| {
                let y = row.forward(&x.view(), p).unwrap();
                let dx = row.backward(&x.view(), &dy.view(), p).unwrap();
                assert_eq!((y.shape(), dx.shape()), (shape, shape));
                [y.as_f32(), dx.as_f32()].concat()
            });
            let (y, dx) = both.split_at(x.numel());
            let p64 = p.map(f64::from);
            let want: Vec<f64> = x.as_f32().iter().map(|x| (row.definition)(f64::from(*x), p64)).collect();
            assert_close(y, &want, units(row.ulp));
            let pairs = x.as_f32().iter().zip(dy.as_f32());
            let want: Vec<f64> = pairs.map(|(x, dy)| (row.derivative)(f64::from(*x), p64) * f64::from(*dy)).collect();
            let allowed = row.slope * 2_f64.powi(-24) + 1e-15;
            assert_close(dx, &want, Tolerance { absolute: allowed, relative: allowed });
            // bf16 is f32 on widened operands, rounded once.
            let x16 = narrow(&x);
            let y16 = row.forward(&x16.view(), p).unwrap();
            let want = narrow(&row.forward(&x16.to_f32().view(), p).unwrap());
            assert_eq!(y16.as_slice::<Bf16>(), want.as_slice::<Bf16>(), "{}", row.name);
        }
    }
}

#[test]
fn rows_of_two_operands_answer_to_their_definitions_everywhere() {
    for row in BINARY {
        for shape in SHAPES {
            let [a, b] = ["a", "b"].map(|site| (site, shape));
            let (a, b) = (between(a.0, a.1, row.domain[0]), between(b.0, b.1, row.domain[1]));
            let (dy, n) = (tensor("dy", shape, 1.0), a.numel());
            let all = everywhere(|| {
                let y = row.forward(&a.view(), &b.view()).unwrap();
                let (da, db) = row.backward(&a.view(), &b.view(), &dy.view()).unwrap();
                [y.as_f32(), da.as_f32(), db.as_f32()].concat()
            });
            let pairs: Vec<(f64, f64)> = wide(a.as_f32()).into_iter().zip(wide(b.as_f32())).collect();
            let want: Vec<f64> = pairs.iter().map(|(a, b)| (row.definition)(*a, *b)).collect();
            assert_close(&all[..n], &want, units(row.ulp));
            let slopes = pairs.iter().zip(wide(dy.as_f32())).map(|((a, b), dy)| {
                let (da, db) = (row.derivative)(*a, *b);
                (da * dy, db * dy)
            });
            let (da, db): (Vec<f64>, Vec<f64>) = slopes.unzip();
            let allowed = row.slope * 2_f64.powi(-24) + 1e-15;
            assert_close(&all[n..], &[da, db].concat(), Tolerance { absolute: allowed, relative: allowed });
        }
    }
}

#[test]
fn questions_are_answered_alike_everywhere() {
    let special = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-45, 0.0];
    let a = Tensor::from_f32(&special, [9, 1]);
    let b = Tensor::from_f32(&special, [1, 9]);
    for row in PREDICATES {
        let answers = everywhere(|| {
            let answers = match row.operands {
                1 => row.ask(&a.view(), &a.view()).unwrap(),
                _ => row.ask(&a.view(), &b.view()).unwrap(),
            };
            answers.as_slice::<u8>().iter().map(|x| f32::from(*x)).collect()
        });
        let want: Vec<f32> = match row.operands {
            1 => special.iter().map(|x| (row.definition)(f64::from(*x), 0.0)).map(|y| f32::from(u8::from(y))).collect(),
            _ => {
                let pairs = special.iter().flat_map(|a| special.iter().map(move |b| (f64::from(*a), f64::from(*b))));
                pairs.map(|(a, b)| f32::from(u8::from((row.definition)(a, b)))).collect()
            }
        };
        assert_eq!(answers, want, "{}", row.name);
    }
}

#[test]
fn integers_are_exact_and_wrap() {
    let (a, b) = (View::of(&[i32::MAX, -7, 16_777_217], [3]), View::of(&[1, -3, 16_777_216], [3]));
    assert_eq!(add(&a, &b).unwrap().as_slice::<i32>(), [i32::MIN, -10, 33_554_433]);
    assert_eq!(mul(&a, &b).unwrap().as_slice::<i32>(), [i32::MAX, 21, 16_777_216]);
    assert_eq!(eq(&a, &b).unwrap().as_slice::<u8>(), [0, 0, 0]);
    assert_eq!(gt(&a, &b).unwrap().as_slice::<u8>(), [1, 0, 1]);
    assert_eq!(clamp(&a, -5.0, 9.0).unwrap().as_slice::<i32>(), [9, -5, 9]);
    assert_eq!(relu(&a).unwrap().as_slice::<i32>(), [i32::MAX, 0, 16_777_217]);
    assert!(exp(&a).unwrap_err().to_string().contains("exp: `x` should be f32 or bf16, but holds i32"));
    assert!(add(&a, &View::of(&[1.0_f32], [1])).is_err());
}

#[test]
fn repeated_operands_collect_their_gradients() {
    let (a, b) = (tensor("a", [3, 1, 5], 1.0), tensor("b", [4, 1], 1.0));
    let dy = tensor("dy", [3, 4, 5], 1.0);
    let (da, db) = mul_backward(&a.view(), &b.view(), &dy.view()).unwrap();
    assert_eq!((da.shape(), db.shape()), (&[3, 1, 5][..], &[4, 1][..]));
    let at = |t: &Tensor, i: usize| f64::from(t.as_f32()[i]);
    let want: Vec<f64> =
        (0..15).map(|at_a| (0..4).map(|j| at(&dy, at_a / 5 * 20 + j * 5 + at_a % 5) * at(&b, j)).sum()).collect();
    assert_close(da.as_f32(), &want, 1e-6);
    let want: Vec<f64> =
        (0..4).map(|j| (0..15).map(|i| at(&dy, i / 5 * 20 + j * 5 + i % 5) * at(&a, i)).sum()).collect();
    assert_close(db.as_f32(), &want, 1e-6);
}

#[test]
fn masks_choose_and_share_the_gradient() {
    let mask = View::of(&[1_u8, 0, 7], [3]);
    let (a, b) = (Tensor::from_f32(&[1.0, f32::NAN, 3.0], [3]), Tensor::from_f32(&[10.0, 20.0], [2, 1]));
    let y = where_(&mask, &a.view(), &b.view()).unwrap();
    assert_eq!(y.as_f32(), [1.0, 10.0, 3.0, 1.0, 20.0, 3.0]);
    let dy = tensor("dy", [2, 3], 1.0);
    let (da, db) = where_backward(&mask, &a.view(), &b.view(), &dy.view()).unwrap();
    let dy = dy.as_f32();
    assert_eq!((da.as_f32(), db.as_f32()), (&[dy[0] + dy[3], 0.0, dy[2] + dy[5]][..], &[dy[1], dy[4]][..]));
    assert_eq!(masked_fill(&b.view(), &View::of(&[0_u8, 1], [2, 1]), -1.0).unwrap().as_f32(), [10.0, -1.0]);
    let ids = View::of(&[5_u32, u32::MAX], [2]);
    assert_eq!(masked_fill(&ids, &View::of(&[1_u8, 0], [2]), 9.0).unwrap().as_slice::<u32>(), [9, u32::MAX]);
    assert!(where_(&a.view(), &a.view(), &a.view()).is_err());
}

/// `tests/golden/pointwise.json`, written by `tests/golden/pointwise.py`: NaN, infinities, zeros of both signs, ties.
#[test]
fn corners_are_as_in_pytorch() {
    let golden = Fixture::golden(env!("CARGO_MANIFEST_DIR"), "pointwise.json");
    let bits = |name: &str| -> Vec<f32> { golden.numbers(name).iter().map(|b| f32::from_bits(*b as u32)).collect() };
    let mut wrong = Vec::new();
    let mut near = |got: &[f32], want: &[f32], exact: bool, what: &str| {
        assert_eq!(got.len(), want.len(), "{what}");
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            // PyTorch cancels in the tails of tanh and GELU; how near ours come is the other tests' question.
            let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
            let close = !exact && (got - want).abs() <= 2e-4 * want.abs() + 1e-37;
            // PyTorch 2.15 has NaN for gelu(∞), where the limit is ∞.
            let known = what.contains("ge") && want.is_nan() && got.is_infinite();
            if !(same || close || known) {
                wrong.push(format!("{what}[{i}]: {got:e}, where PyTorch has {want:e}"));
            }
        }
    };
    let x = bits("x");
    let x = View::of(&x, [x.len()]);
    let ones = Tensor::filled([x.numel()], 1.0_f32);
    for row in UNARY {
        let p = row.domain.2;
        near(row.forward(&x, p).unwrap().as_f32(), &bits(row.name), row.ulp == 0.0, row.name);
        let dx = row.backward(&x, &ones.view(), p).unwrap();
        near(dx.as_f32(), &bits(&format!("{}_backward", row.name)), row.slope == 0.0, row.name);
    }
    let (a, b) = (bits("a"), bits("b"));
    let (a, b) = (View::of(&a, [a.len()]), View::of(&b, [b.len()]));
    let ones = Tensor::filled([a.numel()], 1.0_f32);
    for row in BINARY {
        near(row.forward(&a, &b).unwrap().as_f32(), &bits(row.name), row.ulp == 0.0, row.name);
        let (da, db) = row.backward(&a, &b, &ones.view()).unwrap();
        near(da.as_f32(), &bits(&format!("{}_da", row.name)), row.slope == 0.0, row.name);
        near(db.as_f32(), &bits(&format!("{}_db", row.name)), row.slope == 0.0, row.name);
    }
    for row in PREDICATES {
        let (one, two) = if row.operands == 1 { (&x, &x) } else { (&a, &b) };
        let want: Vec<u8> = golden.numbers(row.name).iter().map(|x| *x as u8).collect();
        assert_eq!(row.ask(one, two).unwrap().as_slice::<u8>(), want, "{}", row.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn strided_operands_give_what_copies_give() {
    let x = tensor("x", [33, 65], 3.0);
    let turned = x.view().transpose(0, 1);
    let copy = crate::movement::contiguous(&turned);
    assert_same_bits(exp(&turned).unwrap().as_f32(), exp(&copy.view()).unwrap().as_f32());
    assert_eq!(add(&turned, &narrow(&copy).view()).unwrap().dtype(), DType::F32);
}
