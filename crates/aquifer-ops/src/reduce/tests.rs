//! One body for every reduction, then what only some of them have.

use super::*;
use crate::movement::{contiguous, permute};
use crate::testing::{everywhere, tensor};
use aquifer_tensor::Bf16;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, wide};

fn between(site: &str, shape: &[usize], (low, high): (f64, f64)) -> Tensor {
    let unit = tensor(site, shape, 1.0);
    let numbers: Vec<f32> =
        unit.as_f32().iter().map(|x| (low + (f64::from(*x) + 1.0) / 2.0 * (high - low)) as f32).collect();
    Tensor::from_f32(&numbers, shape)
}

#[test]
fn derivatives_are_the_definitions() {
    for row in REDUCTIONS {
        for &p in row.domain.2 {
            let p = f64::from(p);
            let x = wide(between(row.name, &[9], (row.domain.0, row.domain.1)).as_f32());
            check_gradient(row.name, &x, &(row.derivative)(&x, p), |x| (row.definition)(x, p));
        }
    }
}

/// Shapes and the axes that go away: rows in memory, columns, both ends, everything, nothing to reduce.
const CASES: [(&[usize], &[usize]); 9] = [
    (&[3, 7], &[1]),
    (&[2, 1000], &[1]),
    (&[35, 67], &[0]),
    (&[3, 5, 17], &[1]),
    (&[3, 5, 17], &[0, 2]),
    (&[4, 301], &[]),
    (&[1], &[0]),
    (&[5, 0], &[0]),
    (&[2, 3, 2, 2], &[3, 1]),
];

#[test]
fn rows_answer_to_their_definitions_everywhere() {
    for row in REDUCTIONS {
        for (shape, axes) in CASES {
            for &p in row.domain.2 {
                let x = between(row.name, shape, (row.domain.0, row.domain.1));
                let all: Vec<usize> = (0..shape.len()).collect();
                let gone: Vec<usize> = if axes.is_empty() {
                    all.clone()
                } else {
                    all.iter().copied().filter(|a| axes.contains(a)).collect()
                };
                let kept: Vec<usize> = all.iter().copied().filter(|a| !gone.contains(a)).collect();
                let result: Vec<usize> = kept.iter().map(|a| shape[*a]).collect();
                let dy = tensor("dy", &result[..], 1.0);
                let both = everywhere(|| {
                    let y = row.forward(&x.view(), axes, p, false).unwrap();
                    assert_eq!(y.shape(), result);
                    [y.as_f32(), row.backward(&x.view(), axes, p, &dy.view()).unwrap().as_f32()].concat()
                });
                // The rows, written out one after another; their gradients come back in the same order.
                let order = [&kept[..], &gone].concat();
                let rows = permute(&x.view(), &order).unwrap();
                let cols: usize = gone.iter().map(|a| shape[*a]).product();
                let (y, dx) = both.split_at(dy.numel());
                let dx = permute(&View::of(dx, shape), &order).unwrap();
                let rows =
                    rows.as_f32().chunks(cols.max(1)).zip(y).zip(dx.as_f32().chunks(cols.max(1))).zip(dy.as_f32());
                for (((x, y), dx), dy) in rows {
                    let (x, p) = (wide(x), f64::from(p));
                    let (unit, want) = (2_f64.powi(-24), (row.definition)(&x, p));
                    let allowed = row.error * unit * (row.scale)(&x, p).abs().max(1e-30);
                    assert_close(&[*y], &[want], Tolerance { absolute: allowed, relative: unit });
                    let want: Vec<f64> = (row.derivative)(&x, p).iter().map(|d| d * f64::from(*dy)).collect();
                    let largest = want.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
                    assert_close(dx, &want, Tolerance::absolute(32.0 * unit * largest.max(1e-30) * (1.0 + row.error)));
                }
            }
        }
    }
}

#[test]
fn the_layout_in_memory_changes_no_bit_and_bf16_is_rounded_once() {
    let x = tensor("x", [37, 5, 300], 1.0);
    let turned = permute(&x.view(), &[2, 0, 1]).unwrap();
    let turned = turned.view().permute(&[1, 2, 0]);
    let narrow = crate::movement::to_copy(&x.view(), DType::Bf16);
    for row in REDUCTIONS {
        let p = row.domain.2[0];
        for axes in [&[2][..], &[0], &[0, 2], &[]] {
            let plain = row.forward(&x.view(), axes, p, true).unwrap();
            let strided = row.forward(&turned, axes, p, true).unwrap();
            aquifer_testkit::assert_same_bits(plain.as_f32(), strided.as_f32());
            let rounded = row.forward(&narrow.view(), axes, p, true).unwrap();
            let want = row.forward(&narrow.to_f32().view(), axes, p, true).unwrap();
            let want: Vec<Bf16> = want.as_f32().iter().map(|x| Bf16::from_f32(*x)).collect();
            let same = |(a, b): (&Bf16, &Bf16)| a == b || (a.is_nan() && b.is_nan());
            assert!(rounded.as_slice::<Bf16>().iter().zip(&want).all(same), "{}", row.name);
        }
    }
}

#[test]
fn rows_without_elements_have_their_neutral_element_or_are_refused() {
    let empty = Tensor::zeros::<f32>([2, 0]);
    for row in REDUCTIONS {
        let got = row.forward(&empty.view(), &[1], row.domain.2[0], false);
        assert_eq!(got.is_ok(), row.empty, "{}", row.name);
    }
    let of = |y: Result<Tensor, OpError>| y.unwrap().as_f32()[0];
    assert_eq!((of(sum(&empty.view(), &[1], false)), of(prod(&empty.view(), &[1], false))), (0.0, 1.0));
    assert!(of(mean(&empty.view(), &[1], false)).is_nan());
    assert_eq!(of(logsumexp(&empty.view(), &[1], false)), f32::NEG_INFINITY);
    assert!(argmax(&empty.view(), &[1], false).is_err());
    assert!(sum(&empty.view(), &[2], false).is_err() && sum(&empty.view(), &[0, 0], false).is_err());
}

#[test]
fn extremes_take_the_first_of_equals_and_nan_above_all() {
    let nan = f32::NAN;
    let x = Tensor::from_f32(&[1.0, 3.0, 3.0, 0.0, 2.0, nan, 9.0, nan], [2, 4]);
    let (values, at) = max(&x.view(), 1, false).unwrap();
    assert_eq!((values.as_f32()[0], at.as_slice::<u32>()), (3.0, &[1, 1][..]));
    assert!(values.as_f32()[1].is_nan());
    assert_eq!(min(&x.view(), 1, false).unwrap().1.as_slice::<u32>(), [3, 1]);
    assert_eq!(argmax(&x.view(), &[], false).unwrap().as_slice::<u32>(), [5]);
    assert_eq!(argmin(&x.view(), &[0], true).unwrap().shape(), [1, 4]);
    assert!(amax(&x.view(), &[1], false).unwrap().as_f32()[1].is_nan());
    let dy = Tensor::from_f32(&[5.0, 7.0], [2]);
    let dx = max_backward(&[2, 4], 1, &at.view(), &dy.view()).unwrap();
    assert_eq!(dx.as_f32(), [0.0, 5.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0]);
    // Equal maxima share a gradient where no index chose among them.
    let dx = amax_backward(&x.view().narrow(0, 0, 1), &[1], &dy.view().narrow(0, 0, 1)).unwrap();
    assert_eq!(dx.as_f32(), [0.0, 2.5, 2.5, 0.0]);
}

#[test]
fn products_know_their_zeros() {
    let x = Tensor::from_f32(&[2.0, 0.0, 3.0, 0.0, 0.0, 3.0], [2, 3]);
    let dx = prod_backward(&x.view(), &[1], &Tensor::filled([2], 1.0_f32).view()).unwrap();
    assert_eq!(dx.as_f32(), [0.0, 6.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn running_sums_and_maxima_and_their_derivatives() {
    let x = tensor("x", [3, 40, 2], 1.0);
    let both = everywhere(|| {
        let y = cumsum(&x.view(), 1).unwrap();
        [y.as_f32(), cumsum_backward(&x.view(), 1).unwrap().as_f32()].concat()
    });
    let at = |i: usize, j: usize, k: usize| f64::from(x.as_f32()[(i * 40 + j) * 2 + k]);
    let all = |f: &dyn Fn(usize, usize, usize) -> f64| -> Vec<f64> {
        (0..240).map(|e| f(e / 80, e / 2 % 40, e % 2)).collect()
    };
    assert_close(&both[..240], &all(&|i, j, k| (0..=j).map(|j| at(i, j, k)).sum()), 1e-6);
    assert_close(&both[240..], &all(&|i, j, k| (j..40).map(|j| at(i, j, k)).sum()), 1e-6);

    let x = Tensor::from_f32(&[1.0, 0.5, 1.0, 3.0, f32::NAN, 9.0], [6, 1]);
    let (values, indices) = cummax(&x.view(), 0).unwrap();
    assert_eq!(
        (&values.as_f32()[..4], indices.as_slice::<u32>()),
        (&[1.0, 1.0, 1.0, 3.0][..], &[0, 0, 0, 3, 4, 4][..])
    );
    assert!(values.as_f32()[4..].iter().all(|x| x.is_nan()));
    let dy = Tensor::from_f32(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [6, 1]);
    let dx = cummax_backward(&indices.view(), 0, &dy.view()).unwrap();
    assert_eq!(dx.as_f32(), [7.0, 0.0, 0.0, 8.0, 48.0, 0.0]);
}

#[test]
fn truths_of_rows() {
    let x = Tensor::from_f32(&[0.0, f32::NAN, 1.0, -0.0, 0.0, 0.0], [2, 3]);
    assert_eq!(any(&x.view(), &[1], false).unwrap().as_slice::<u8>(), [1, 0]);
    assert_eq!(all(&x.view(), &[0], false).unwrap().as_slice::<u8>(), [0, 0, 0]);
    assert_eq!(all(&x.view().narrow(1, 1, 2).narrow(0, 0, 1), &[], false).unwrap().as_slice::<u8>(), [1]);
    let ids = View::of(&[u32::MAX, 1, 0, 16_777_217], [2, 2]);
    assert_eq!(all(&ids, &[1], false).unwrap().as_slice::<u8>(), [1, 0]);
    assert_eq!(all(&Tensor::zeros::<u8>([1, 0]).view(), &[1], false).unwrap().as_slice::<u8>(), [1]);
}

#[test]
fn variance_and_mean_come_together_and_norms_by_name() {
    let x = tensor("x", [4, 33], 1.0);
    let (variance, average) = var_mean(&x.view(), &[1], 1.0, false).unwrap();
    assert_eq!(variance.as_f32(), var(&x.view(), &[1], 1.0, false).unwrap().as_f32());
    assert_eq!(average.as_f32(), mean(&x.view(), &[1], false).unwrap().as_f32());
    assert_eq!(
        norm(&x.view(), &[], false).unwrap().as_f32(),
        vector_norm(&x.view(), &[], 2.0, false).unwrap().as_f32()
    );
    let zero = Tensor::zeros::<f32>([3]);
    let dx = vector_norm_backward(&zero.view(), &[], 2.0, &Tensor::filled([], 1.0_f32).view()).unwrap();
    assert_eq!(dx.as_f32(), [0.0; 3]);
    assert_eq!(sum_to(contiguous(&x.view()), &zero.view().narrow(0, 0, 1)).unwrap().shape(), [1]);
}
