//! The families that are tables, row by row, and a few that return their results beside them.

use super::{CHECKED_ROWS, Case, deviation, input, wide};
use crate::pointwise::{BINARY, Binary, PREDICATES, Predicate, UNARY, Unary};
use crate::reduce::{self, REDUCTIONS, Reduction};
use crate::{Bf16Order, OpError, Precision, convolution, losses, movement, pointwise, products};
use aquifer_tensor::{Tensor, View};
use std::hint::black_box;

/// Every row of every table.
pub(crate) fn cases() -> impl Iterator<Item = Case> {
    const SHAPE: [usize; 2] = [2048, 1536];
    let one = UNARY.iter().map(|op| unary(op, SHAPE));
    let two = BINARY.iter().map(|op| binary(op, SHAPE));
    let asked = PREDICATES.iter().map(|op| predicate(op, SHAPE));
    one.chain(two).chain(asked).chain(REDUCTIONS.iter().map(|op| reduction(op, SHAPE)))
}

/// The row of this name over another shape, or the operator beside the tables.
pub(super) fn sized(name: &str, extents: &[usize]) -> Option<Case> {
    let &[t, d] = extents else { return beside_matrices(name, extents) };
    let shape = [t, d];
    let one = || UNARY.iter().find(|op| op.name == name).map(|op| unary(op, shape));
    let two = || BINARY.iter().find(|op| op.name == name).map(|op| binary(op, shape));
    let asked = || PREDICATES.iter().find(|op| op.name == name).map(|op| predicate(op, shape));
    let reduced = || REDUCTIONS.iter().find(|op| op.name == name).map(|op| reduction(op, shape));
    one().or_else(two).or_else(asked).or_else(reduced).or_else(|| beside(name, shape))
}

/// The tables' own tests hold each row's budget in units in the last place; this is what all of them keep by far.
const BUDGET: f64 = 1e-5;

/// Numbers between `low` and `high`, another list for every `which`.
fn between(low: f64, high: f64, which: usize, [t, d]: [usize; 2]) -> Tensor {
    let all = input([(which + 1) * t, d]);
    let (middle, half) = (((low + high) / 2.0) as f32, ((high - low) / 2.0) as f32);
    let numbers = all.as_f32()[which * t * d..].iter().map(|x| middle + half * x);
    Tensor::from_f32(&numbers.collect::<Vec<_>>(), [t, d])
}

fn unary(op: &'static Unary, [t, d]: [usize; 2]) -> Case {
    let (low, high, p) = op.domain;
    Case::new(op.path)
        .shape([t, d])
        .traffic(4 * t * d, 4 * t * d)
        .with(move || {
            let x = between(low, high, 0, [t, d]);
            move || _ = black_box(op.forward(&x.view(), p).expect("floats"))
        })
        .error(BUDGET, move || {
            let x = between(low, high, 0, [CHECKED_ROWS, 99]);
            let out = op.forward(&x.view(), p).expect("floats");
            let want: Vec<f64> = wide(&x).into_iter().map(|x| (op.definition)(x, p.map(f64::from))).collect();
            deviation(out.as_f32(), &want)
        })
}

fn binary(op: &'static Binary, [t, d]: [usize; 2]) -> Case {
    let operands = move |shape| {
        let [(a_low, a_high), (b_low, b_high)] = op.domain;
        (between(a_low, a_high, 0, shape), between(b_low, b_high, 1, shape))
    };
    Case::new(op.path)
        .shape([t, d])
        .traffic(2 * 4 * t * d, 4 * t * d)
        .with(move || {
            let (a, b) = operands([t, d]);
            move || _ = black_box(op.forward(&a.view(), &b.view()).expect("floats"))
        })
        .error(BUDGET, move || {
            let (a, b) = operands([CHECKED_ROWS, 99]);
            let out = op.forward(&a.view(), &b.view()).expect("floats");
            let want: Vec<f64> = wide(&a).into_iter().zip(wide(&b)).map(|(a, b)| (op.definition)(a, b)).collect();
            deviation(out.as_f32(), &want)
        })
}

/// The answer is a byte an element.
fn predicate(op: &'static Predicate, [t, d]: [usize; 2]) -> Case {
    let operands = |shape| (between(-1.0, 1.0, 0, shape), between(-1.0, 1.0, 1, shape));
    Case::new(op.path)
        .shape([t, d])
        .traffic(op.operands * 4 * t * d, t * d)
        .with(move || {
            let (a, b) = operands([t, d]);
            let b = if op.operands == 1 { a.clone() } else { b };
            move || _ = black_box(op.ask(&a.view(), &b.view()).expect("floats"))
        })
        .error(0.0, move || {
            let (a, b) = operands([CHECKED_ROWS, 99]);
            let out = op.ask(&a.view(), &b.view()).expect("floats");
            let asked = wide(&a).into_iter().zip(wide(&b)).map(|(a, b)| (op.definition)(a, b));
            let wrong = asked.zip(out.as_slice::<u8>()).filter(|(want, got)| u8::from(*want) != **got);
            wrong.count() as f64
        })
}

/// Of every row.
fn reduction(op: &'static Reduction, [t, d]: [usize; 2]) -> Case {
    let (low, high, given) = op.domain;
    let p = given.first().copied().unwrap_or(0.0);
    Case::new(op.path)
        .shape([t, d])
        .bytes(4 * t * d)
        .with(move || {
            let x = between(low, high, 0, [t, d]);
            move || _ = black_box(op.forward(&x.view(), &[1], p, false).expect("floats"))
        })
        .error(BUDGET, move || {
            let x = between(low, high, 0, [CHECKED_ROWS, 99]);
            let out = op.forward(&x.view(), &[1], p, false).expect("floats");
            let want: Vec<f64> = wide(&x).chunks(99).map(|row| (op.definition)(row, f64::from(p))).collect();
            deviation(out.as_f32(), &want)
        })
}

/// Operators that are no row of a table; their own tests hold their errors.
fn beside(name: &str, [t, d]: [usize; 2]) -> Option<Case> {
    let over = |name, run: fn(&Tensor), written: usize| {
        Case::new(name).shape([t, d]).traffic(4 * t * d, written).with(move || {
            let x = input([t, d]);
            move || run(&x)
        })
    };
    Some(match name {
        "bitwise_and" | "bitwise_or" | "bitwise_not" => return Some(bitwise(name, [t, d])),
        "all" => over("all", |x| _ = black_box(reduce::all(&x.view(), &[1], false).expect("floats")), 0),
        "argmax" => over("argmax", |x| _ = black_box(reduce::argmax(&x.view(), &[1], false).expect("floats")), 0),
        "max" => over("max", |x| _ = black_box(reduce::max(&x.view(), 1, false).expect("floats")), 0),
        "min" => over("min", |x| _ = black_box(reduce::min(&x.view(), 1, false).expect("floats")), 0),
        "log_softmax" => {
            over("log_softmax", |x| _ = black_box(losses::log_softmax(&x.view(), 1).expect("floats")), 4 * t * d)
        }
        "triu" => over("triu", |x| _ = black_box(movement::triu(&x.view(), 0).expect("a matrix")), 4 * t * d),
        "outer" => Case::new("outer").shape([t, d]).traffic(4 * (t + d), 4 * t * d).with(move || {
            let (a, b) = (input([t]), input([d]));
            move || _ = black_box(products::outer(&a.view(), &b.view()).expect("vectors"))
        }),
        _ => return None,
    })
}

/// Of 32-bit integers.
fn bitwise(name: &str, [t, d]: [usize; 2]) -> Case {
    fn joined(name: &'static str, [t, d]: [usize; 2], run: fn(&View, &View) -> Result<Tensor, OpError>) -> Case {
        Case::new(name).shape([t, d]).traffic(2 * 4 * t * d, 4 * t * d).with(move || {
            let (a, b) = (integers([t, d]), integers([t, d]));
            move || _ = black_box(run(&a.view(), &b.view()).expect("integers"))
        })
    }
    match name {
        "bitwise_and" => joined("bitwise_and", [t, d], pointwise::bitwise_and),
        "bitwise_or" => joined("bitwise_or", [t, d], pointwise::bitwise_or),
        _ => Case::new("bitwise_not").shape([t, d]).traffic(4 * t * d, 4 * t * d).with(move || {
            let x = integers([t, d]);
            move || _ = black_box(pointwise::bitwise_not(&x.view()).expect("integers"))
        }),
    }
}

fn integers([t, d]: [usize; 2]) -> Tensor {
    let number = |i: usize| (i as u32).wrapping_mul(2_654_435_761);
    Tensor::from_slice(&(0..t * d).map(number).collect::<Vec<_>>(), [t, d])
}

/// Operators over more axes than two.
fn beside_matrices(name: &str, extents: &[usize]) -> Option<Case> {
    Some(match (name, extents) {
        // Two channels a group.
        ("group_norm" | "native_group_norm", &[n, c, hw]) => {
            let shape = [n, c, hw];
            let numbers = shape.iter().product::<usize>();
            Case::new("group_norm").shape(shape).traffic(4 * numbers, 4 * numbers).with(move || {
                let (x, w) = (input(shape), input([c]));
                let groups = c / 2;
                move || {
                    let (x, w) = (&x.view(), &w.view());
                    _ = black_box(convolution::group_norm(x, groups, w, w, 1e-5).expect("shapes fit"));
                }
            })
        }
        ("bmm", &[batch, m, n, k]) => {
            let precision = Precision::Bf16(Bf16Order::native());
            let case = Case::new("bmm").shape([batch, m, n, k]).precision(precision).flops(2 * batch * m * n * k);
            case.traffic(4 * batch * (m * k + k * n), 4 * batch * m * n).with(move || {
                let (a, b) = (input([batch, m, k]), input([batch, k, n]));
                move || _ = black_box(products::bmm(&a.view(), &b.view(), precision).expect("shapes fit"))
            })
        }
        _ => return None,
    })
}
