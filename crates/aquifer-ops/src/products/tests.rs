use super::*;
use crate::matmul::reference;
use crate::testing::{everywhere, tensor};
use aquifer_testkit::{Tolerance, assert_close, check_gradient, wide};

const CLOSE: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-5 };

/// `a · b` in `f64`.
fn product(a: &[f64], b: &[f64], [m, n, k]: [usize; 3]) -> Vec<f64> {
    let turned: Vec<f64> = (0..n * k).map(|at| b[at % k * n + at / k]).collect();
    reference(a, &turned, None, [m, n, k])
}

#[test]
fn products_answer_to_the_definition_everywhere() {
    for [m, n, k] in [[1, 1, 1], [3, 5, 7], [33, 17, 65], [0, 3, 4], [4, 3, 1]] {
        let (a, b, dy) = (tensor("a", [m, k], 1.0), tensor("b", [k, n], 1.0), tensor("dy", [m, n], 1.0));
        let all = everywhere(|| {
            let y = mm(&a.view(), &b.view(), Precision::F32).unwrap();
            let (da, db) = mm_backward(&a.view(), &b.view(), &dy.view(), Precision::F32).unwrap();
            [y.as_f32(), da.as_f32(), db.as_f32()].concat()
        });
        let [wa, wb, wdy] = [&a, &b, &dy].map(|x| wide(x.as_f32()));
        let turned = |x: &Tensor| wide(crate::movement::transpose(&x.view(), 0, 1).unwrap().as_f32());
        let want = [
            product(&wa, &wb, [m, n, k]),
            product(&wdy, &turned(&b), [m, k, n]),
            product(&turned(&a), &wdy, [k, n, m]),
        ];
        assert_close(&all, &want.concat(), CLOSE);
        let turned = crate::movement::transpose(&a.view(), 0, 1).unwrap();
        assert_eq!(mm(&turned.view().transpose(0, 1), &b.view(), Precision::F32).unwrap().as_f32(), &all[..m * n]);
    }
}

#[test]
fn batches_broadcast_and_vectors_are_rows_and_columns() {
    let shapes: [(&[usize], &[usize], &[usize]); 7] = [
        (&[5], &[5], &[]),
        (&[3, 5], &[5], &[3]),
        (&[5], &[5, 2], &[2]),
        (&[2, 3, 5], &[5, 4], &[2, 3, 4]),
        (&[2, 1, 3, 5], &[4, 5, 2], &[2, 4, 3, 2]),
        (&[5], &[2, 5, 3], &[2, 3]),
        (&[0, 3, 5], &[0, 5, 2], &[0, 3, 2]),
    ];
    for (a_shape, b_shape, shape) in shapes {
        let (a, b, dy) = (tensor("a", a_shape, 1.0), tensor("b", b_shape, 1.0), tensor("dy", shape, 1.0));
        let y = matmul(&a.view(), &b.view(), Precision::F32).unwrap();
        assert_eq!(y.shape(), shape);
        let (da, db) = matmul_backward(&a.view(), &b.view(), &dy.view(), Precision::F32).unwrap();
        assert_eq!((da.shape(), db.shape()), (a_shape, b_shape));
        // A bilinear map: ⟨y, dy⟩ = ⟨a, da⟩ = ⟨b, db⟩.
        let dot =
            |a: &Tensor, b: &Tensor| a.as_f32().iter().zip(b.as_f32()).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        assert_close(&[dot(&a, &da), dot(&b, &db)], &[dot(&y, &dy); 2], CLOSE);
    }
    let (a, b) = (tensor("a", [2, 3, 5], 1.0), tensor("b", [2, 5, 4], 1.0));
    let y = bmm(&a.view(), &b.view(), Precision::F32).unwrap();
    let second = product(&wide(&a.as_f32()[15..]), &wide(&b.as_f32()[20..]), [3, 4, 5]);
    assert_close(&y.as_f32()[12..], &second, CLOSE);
    assert_eq!(matmul(&a.view(), &b.view(), Precision::F32).unwrap().as_f32(), y.as_f32());
    assert!(mm(&tensor("a", [2, 3], 1.0).view(), &tensor("b", [2, 3], 1.0).view(), Precision::F32).is_err());
}

#[test]
fn a_batch_has_the_bits_of_its_products_on_any_threads() {
    let (a, b, dy) = (tensor("a", [19, 3, 5], 1.0), tensor("b", [19, 5, 4], 1.0), tensor("dy", [19, 3, 4], 1.0));
    let all = |n| {
        aquifer_tensor::threads::with(n, || {
            let y = bmm(&a.view(), &b.view(), Precision::F32).unwrap();
            let (da, db) = bmm_backward(&a.view(), &b.view(), &dy.view(), Precision::F32).unwrap();
            [y, da, db].map(|tensor| tensor.as_f32().to_vec())
        })
    };
    let one = all(9); // Nineteen are few for nine threads, and many for one to four.
    assert!([1, 2, 3, 4].into_iter().all(|threads| all(threads) == one));
    let wrong = tensor("b", [19, 6, 4], 1.0);
    assert!(bmm(&a.view(), &wrong.view(), Precision::F32).unwrap_err().to_string().contains("mm: `b`"));
}

#[test]
fn sums_with_products_and_their_derivatives() {
    let (c, a, b) = (tensor("c", [4], 1.0), tensor("a", [3, 5], 1.0), tensor("b", [5, 4], 1.0));
    let dy = tensor("dy", [3, 4], 1.0);
    let y = addmm(&c.view(), &a.view(), &b.view(), 0.5, 2.0, Precision::F32).unwrap();
    let (dc, da, db) = addmm_backward(&c.view(), &a.view(), &b.view(), 0.5, 2.0, &dy.view(), Precision::F32).unwrap();
    let all = [c.as_f32(), a.as_f32(), b.as_f32()].concat();
    let value = |x: &[f64]| -> Vec<f64> {
        let product = product(&x[4..19], &x[19..], [3, 4, 5]);
        product.iter().enumerate().map(|(at, p)| 0.5 * x[at % 4] + 2.0 * p).collect()
    };
    assert_close(y.as_f32(), &value(&wide(&all)), CLOSE);
    let gradient = wide(&[dc.as_f32(), da.as_f32(), db.as_f32()].concat());
    let loss = |x: &[f64]| value(x).iter().zip(wide(dy.as_f32())).map(|(y, dy)| y * dy).sum::<f64>();
    check_gradient("addmm", &wide(&all), &gradient, loss);
    let nan = Tensor::filled([4], f32::NAN);
    let without = addmm(&nan.view(), &a.view(), &b.view(), 0.0, 1.0, Precision::F32).unwrap();
    assert_eq!(without.as_f32(), mm(&a.view(), &b.view(), Precision::F32).unwrap().as_f32());
    let pages =
        baddbmm(&c.view(), &a.reshape([1, 3, 5]).view(), &b.reshape([1, 5, 4]).view(), 0.5, 2.0, Precision::F32);
    assert_eq!(pages.unwrap().as_f32(), y.as_f32());

    let x = tensor("x", [5], 1.0);
    let rows = mv(&a.view(), &x.view(), Precision::F32).unwrap();
    assert_close(rows.as_f32(), &product(&wide(a.as_f32()), &wide(x.as_f32()), [3, 1, 5]), CLOSE);
    let square = dot(&x.view(), &x.view(), Precision::F32).unwrap();
    assert_close(square.as_f32(), &[wide(x.as_f32()).iter().map(|x| x * x).sum()], CLOSE);
    let table = outer(&c.view(), &x.view()).unwrap();
    assert_eq!((table.shape(), table.as_f32()[7]), (&[4, 5][..], c.as_f32()[1] * x.as_f32()[2]));
    let (dc, _) = outer_backward(&c.view(), &x.view(), &Tensor::filled([4, 5], 1.0_f32).view()).unwrap();
    assert_close(dc.as_f32(), &[wide(x.as_f32()).iter().sum::<f64>(); 4], CLOSE);
}
