//! Every movement against its definition, written as index arithmetic, and every derivative against the scatter that
//! undoes it.

use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::{Bf16, DType, Tensor, View};
use aquifer_testkit::{assert_close, wide};

/// 0, 1, 2, … as `f32`.
fn count(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::from_f32(&(0..n).map(|i| i as f32).collect::<Vec<_>>(), shape)
}

fn ids(ids: &[u32]) -> Tensor {
    Tensor::from_slice(ids, [ids.len()])
}

/// ⟨forward(x), dy⟩ = ⟨x, backward(dy)⟩: what makes a linear map's derivative right.
#[track_caller]
fn adjoint(what: &str, x: &Tensor, y: &Tensor, dy: &Tensor, dx: &Tensor) {
    assert_eq!((y.shape(), x.shape()), (dy.shape(), dx.shape()), "{what}");
    let dot = |a: &Tensor, b: &Tensor| wide(a.as_f32()).iter().zip(wide(b.as_f32())).map(|(a, b)| a * b).sum::<f64>();
    let (left, right) = (dot(y, dy), dot(x, dx));
    assert!((left - right).abs() <= 1e-5 * (1.0 + left.abs()), "{what}: {left} and {right}");
}

#[test]
fn copies_reorder_every_element_type() {
    let x = count(&[2, 3, 4]);
    assert_eq!(permute(&x.view(), &[2, 0, 1]).unwrap().as_f32()[..6], [0., 4., 8., 12., 16., 20.]);
    assert_eq!(transpose(&x.view(), 1, 2).unwrap().shape(), [2, 4, 3]);
    assert_eq!(reshape(&x.view().transpose(0, 2), &[6, 4]).unwrap().as_f32()[..4], [0., 12., 4., 16.]);
    assert!(permute(&x.view(), &[0, 0, 1]).is_err() && reshape(&x.view(), &[5]).is_err());
    let bytes = Tensor::from_slice(&[1_u8, 2, 3, 4], [2, 2]);
    assert_eq!(contiguous(&bytes.view().transpose(0, 1)).as_slice::<u8>(), [1, 3, 2, 4]);
    let halves = to_copy(&x.view(), DType::Bf16);
    assert_eq!(contiguous(&halves.view().narrow(2, 3, 1)).to_f32().as_f32(), [3., 7., 11., 15., 19., 23.]);
    assert_eq!(to_copy(&View::of(&[-1.7_f32, 2.9], [2]), DType::I32).as_slice::<i32>(), [-1, 2]);
    let nan = f32::from_bits(0x7FC0_1234);
    assert_eq!(contiguous(&View::of(&[nan], [1])).as_f32()[0].to_bits(), 0x7FC0_1234);
    let mut out = Tensor::poisoned::<Bf16>([2, 3]);
    copy(&mut out, &count(&[3]).view()).unwrap();
    assert_eq!(out.to_f32().as_f32(), [0., 1., 2., 0., 1., 2.]);
}

#[test]
fn look_ups_and_their_sums() {
    let x = tensor("x", [5, 7, 3], 1.0);
    let pick = Tensor::from_slice(&(0..4 * 7 * 2).map(|i| (i * 3 % 5) as u32).collect::<Vec<_>>(), [4, 7, 2]);
    let y = gather(&x.view(), 0, &pick.view()).unwrap();
    let at = |i: usize, j: usize, k: usize| x.as_f32()[(i * 7 + j) * 3 + k];
    for e in 0..56 {
        assert_eq!(y.as_f32()[e], at(pick.as_slice::<u32>()[e] as usize, e / 2 % 7, e % 2));
    }
    let dy = tensor("dy", [4, 7, 2], 1.0);
    adjoint("gather", &x, &y, &dy, &gather_backward(&[5, 7, 3], 0, &pick.view(), &dy.view()).unwrap());

    let rows = ids(&[6, 0, 6, 3]);
    for axis in [0, 1] {
        let x = contiguous(&x.view().transpose(1, axis));
        let y = index_select(&x.view(), axis, &rows.view()).unwrap();
        let dy = tensor("dy", y.shape(), 1.0);
        adjoint(
            "index_select",
            &x,
            &y,
            &dy,
            &index_select_backward(x.shape(), axis, &rows.view(), &dy.view()).unwrap(),
        );
    }
    let y = take(&x.view(), &Tensor::from_slice(&[104_u32, 0, 104, 50], [2, 2]).view()).unwrap();
    assert_eq!(y.as_f32(), [x.as_f32()[104], x.as_f32()[0], x.as_f32()[104], x.as_f32()[50]]);
    let at = Tensor::from_slice(&[104_u32, 0, 104, 50], [2, 2]);
    let dy = tensor("dy", [2, 2], 1.0);
    adjoint("take", &x, &y, &dy, &take_backward(&[5, 7, 3], &at.view(), &dy.view()).unwrap());

    let (i, j) = (Tensor::from_slice(&[4_u32, 1], [2, 1]), ids(&[6, 0, 6]));
    let both = [i.view(), j.view()];
    let y = index(&x.view(), &both).unwrap();
    assert_eq!(y.shape(), [2, 3, 3]);
    assert_eq!(y.as_f32()[9..12], x.as_f32()[(7 + 6) * 3..][..3]);
    let dy = tensor("dy", [2, 3, 3], 1.0);
    adjoint("index", &x, &y, &dy, &index_backward(&[5, 7, 3], &both, &dy.view()).unwrap());
    assert!(
        index_select(&x.view(), 0, &rows.view()).unwrap_err().to_string().contains("below 5, but is 6 at element 0")
    );
    assert!(gather(&x.view(), 0, &ids(&[0]).view()).is_err() && take(&x.view(), &ids(&[105]).view()).is_err());
}

#[test]
fn sums_are_taken_in_the_order_of_indices_on_any_number_of_threads() {
    let (n, d) = (301, 1030);
    let pick = Tensor::from_slice(&(0..n as u32).map(|i| i * 7 % 13).collect::<Vec<_>>(), [n]);
    let source = tensor("source", [n, d], 1.0);
    let sums = everywhere(|| {
        let mut x = tensor("x", [13, d], 1.0);
        index_add(&mut x, 0, &pick.view(), &source.view()).unwrap();
        x.as_f32().to_vec()
    });
    let mut want = tensor("x", [13, d], 1.0);
    for (i, &row) in pick.as_slice::<u32>().iter().enumerate() {
        for j in 0..d {
            want.as_f32_mut()[row as usize * d + j] += source.as_f32()[i * d + j];
        }
    }
    assert_eq!(sums, want.as_f32());
    let wide_pick = contiguous(&pick.reshape([n, 1]).view().expand([n, d]).unwrap());
    let mut x = tensor("x", [13, d], 1.0);
    scatter_add(&mut x, 0, &wide_pick.view(), &source.view()).unwrap();
    assert_eq!(sums, x.as_f32());
    // bf16 sums are f32 sums, rounded once.
    let mut halves = to_copy(&tensor("x", [13, d], 1.0).view(), DType::Bf16);
    let (mut whole, narrow) = (halves.to_f32(), to_copy(&source.view(), DType::Bf16));
    index_add(&mut halves, 0, &pick.view(), &narrow.view()).unwrap();
    index_add(&mut whole, 0, &pick.view(), &narrow.to_f32().view()).unwrap();
    assert_eq!(halves.as_slice::<Bf16>(), to_copy(&whole.view(), DType::Bf16).as_slice::<Bf16>());
    let mut counts = Tensor::zeros::<u32>([3]);
    index_add(&mut counts, 0, &ids(&[2, 2, 0]).view(), &ids(&[1, 1, 1]).view()).unwrap();
    assert_eq!(counts.as_slice::<u32>(), [1, 0, 2]);
}

#[test]
fn writes_keep_the_last_and_embeddings_sum() {
    let mut x = Tensor::zeros::<f32>([2, 3]);
    scatter(&mut x, 1, &Tensor::from_slice(&[2_u32, 2], [1, 2]).view(), &count(&[1, 2]).view()).unwrap();
    assert_eq!(x.as_f32(), [0., 0., 1., 0., 0., 0.]);
    index_put(&mut x, &[ids(&[1, 1]).view()], &View::of(&[5.0_f32, 7.0], [2, 1]), false).unwrap();
    assert_eq!(x.as_f32()[3..], [7.0; 3]);
    index_put(&mut x, &[ids(&[1, 1]).view(), ids(&[0, 0]).view()], &View::of(&[0.5_f32], []), true).unwrap();
    assert_eq!(x.as_f32()[3..], [8.0, 7.0, 7.0]);
    assert!(scatter(&mut x, 1, &ids(&[0]).view(), &count(&[1]).view()).is_err());

    let (tokens, dy) = (ids(&[2, 0, 2, 1]), tensor("dy", [4, 5], 1.0));
    let table = embedding_dense_backward(&tokens.view(), &dy.view(), 4, Some(1)).unwrap();
    let mut want = crate::embedding::reference_backward(&[2, 0, 2, 1], &wide(dy.as_f32()), 5, 4);
    want[5..10].fill(0.0);
    assert_close(table.as_f32(), &want, 1e-6);
}

#[test]
fn joins_cuts_and_repeats() {
    let (a, b) = (count(&[2, 1, 3]), tensor("b", [2, 2, 3], 1.0));
    let joined = cat(&[a.view(), b.view()], 1).unwrap();
    assert_eq!((joined.shape(), &joined.as_f32()[9..12]), (&[2, 3, 3][..], &[3., 4., 5.][..]));
    let parts = cat_backward(&joined.view(), &[1, 2], 1).unwrap();
    assert_eq!((parts[0].as_f32(), parts[1].as_f32()), (a.as_f32(), b.as_f32()));
    assert!(cat(&[a.view(), b.view()], 0).is_err() && cat(&[], 0).is_err());
    let stacked = stack(&[a.view(), a.view()], 3).unwrap();
    assert_eq!((stacked.shape(), &stacked.as_f32()[..4]), (&[2, 1, 3, 2][..], &[0., 0., 1., 1.][..]));
    let lengths: Vec<usize> = chunk(&count(&[7]).view(), 3, 0).unwrap().iter().map(Tensor::numel).collect();
    assert_eq!(lengths, [3, 3, 1]);
    assert!(split(&a.view(), &[1, 1], 2).is_err());

    let x = tensor("x", [2, 3], 1.0);
    let y = repeat(&x.view(), &[2, 1, 3]).unwrap();
    assert_eq!(y.shape(), [2, 2, 9]);
    for e in 0..36 {
        assert_eq!(y.as_f32()[e], x.as_f32()[e / 9 % 2 * 3 + e % 3]);
    }
    let dy = tensor("dy", [2, 2, 9], 1.0);
    adjoint("repeat", &x, &y, &dy, &repeat_backward(&[2, 3], &[2, 1, 3], &dy.view()).unwrap());
    let y = repeat_interleave(&count(&[3]).view(), &[2, 0, 1], 0).unwrap();
    assert_eq!(y.as_f32(), [0., 0., 2.]);
    let wide = x.reshape([2, 1, 3]);
    let expanded = contiguous(&wide.view().expand([2, 4, 3]).unwrap());
    let dy = tensor("dy", [2, 4, 3], 1.0);
    adjoint("expand", &wide, &expanded, &dy, &expand_backward(&[2, 1, 3], &dy.view()).unwrap());
}

#[test]
fn windows_turns_and_triangles() {
    let x = tensor("x", [4, 6], 1.0);
    let y = slice(&x.view(), 1, 1, 6, 2).unwrap();
    assert_eq!(y.as_f32()[..3], [x.as_f32()[1], x.as_f32()[3], x.as_f32()[5]]);
    let dy = tensor("dy", [4, 3], 1.0);
    adjoint("slice", &x, &y, &dy, &slice_backward(&[4, 6], 1, 1, 6, 2, &dy.view()).unwrap());
    let y = pad(&x.view(), &[(1, 0), (0, 2)], 0.0).unwrap();
    assert_eq!((y.shape(), y.as_f32()[8], y.as_f32()[14]), (&[5, 8][..], x.as_f32()[0], 0.0));
    let dy = tensor("dy", [5, 8], 1.0);
    adjoint("pad", &x, &y, &dy, &pad_backward(&dy.view(), &[(1, 0), (0, 2)]).unwrap());
    assert_eq!(pad(&x.view(), &[(0, 0), (0, 1)], 7.0).unwrap().as_f32()[6], 7.0);
    assert_eq!(flip(&count(&[2, 3]).view(), &[0, 1]).unwrap().as_f32(), [5., 4., 3., 2., 1., 0.]);
    assert_eq!(roll(&count(&[5]).view(), 2, 0).unwrap().as_f32(), [3., 4., 0., 1., 2.]);
    assert_eq!(roll(&count(&[5]).view(), -7, 0).unwrap().as_f32(), [2., 3., 4., 0., 1.]);
    let square = Tensor::filled([3, 3], 1.0_f32);
    assert_eq!(tril(&square.view(), 0).unwrap().as_f32(), [1., 0., 0., 1., 1., 0., 1., 1., 1.]);
    assert_eq!(triu(&square.view(), 1).unwrap().as_f32(), [0., 1., 1., 0., 0., 1., 0., 0., 0.]);
    let line = count(&[3]);
    let matrix = diag(&line.view(), -1).unwrap();
    assert_eq!((matrix.shape(), &matrix.as_f32()[4..10]), (&[4, 4][..], &[0., 0., 0., 0., 0., 1.][..]));
    assert_eq!(diag(&matrix.view(), -1).unwrap().as_f32(), line.as_f32());
    let dy = tensor("dy", [4, 4], 1.0);
    adjoint("diag", &line, &matrix, &dy, &diag_backward(&[3], -1, &dy.view()).unwrap());
    let dy = tensor("dy", [4], 1.0);
    adjoint("diag", &x, &diag(&x.view(), 1).unwrap(), &dy, &diag_backward(&[4, 6], 1, &dy.view()).unwrap());
}

#[test]
fn tensors_from_nothing() {
    assert_eq!(arange(1.0, 2.0, 0.3).unwrap().as_f32(), [1.0, 1.3, 1.6, 1.9]);
    assert_eq!(arange(3.0, 0.0, -1.0).unwrap().as_f32(), [3., 2., 1.]);
    assert!(arange(0.0, 1.0, 0.0).is_err() && arange(0.0, 1.0, -1.0).is_err());
    assert_eq!(linspace(0.0, 1.0, 5).as_f32(), [0., 0.25, 0.5, 0.75, 1.]);
    assert_eq!((linspace(2.0, 9.0, 1).as_f32(), linspace(0.0, 1.0, 0).numel()), (&[2.0][..], 0));
    assert_eq!(eye(2, 3).as_f32(), [1., 0., 0., 0., 1., 0.]);
    assert_eq!(full(DType::Bf16, [2], 1.01).to_f32().as_f32(), [1.007_812_5; 2]);
    assert_eq!(ones(DType::U32, [2]).as_slice::<u32>(), [1, 1]);
    assert_eq!(one_hot(&ids(&[1, 0]).view(), 3).unwrap().as_slice::<u8>(), [0, 1, 0, 1, 0, 0]);
}

#[test]
fn lengths_that_depend_on_the_data() {
    let x = Tensor::from_f32(&[0.0, 3.0, f32::NAN, -0.0, 1.0, 0.0], [2, 3]);
    let at = nonzero(&x.view()).unwrap();
    assert_eq!((at.shape(), at.as_slice::<u32>()), (&[3, 2][..], &[0, 1, 0, 2, 1, 1][..]));
    let mask = View::of(&[1_u8, 0, 1], [3]);
    let y = masked_select(&count(&[2, 3]).view(), &mask).unwrap();
    assert_eq!(y.as_f32(), [0., 2., 3., 5.]);
    let dx = masked_select_backward(&[2, 3], &mask, &y.view()).unwrap();
    assert_eq!(dx.as_f32(), [0., 0., 2., 3., 0., 5.]);
    let (values, inverse, counts) = unique(&View::of(&[3_i32, -1, 3, 3, 0, -1], [2, 3])).unwrap();
    assert_eq!(values.as_slice::<i32>(), [-1, 0, 3]);
    assert_eq!((inverse.shape(), inverse.as_slice::<u32>()), (&[2, 3][..], &[2, 0, 2, 2, 1, 0][..]));
    assert_eq!(counts.as_slice::<u32>(), [2, 1, 3]);
    let (values, _, _) = unique(&View::of(&[f32::NAN, 1.0, f32::NAN, 1.0], [4])).unwrap();
    assert_eq!(values.numel(), 3);
    assert_eq!(nonzero(&Tensor::zeros::<f32>([0, 2]).view()).unwrap().shape(), [0, 2]);
}
