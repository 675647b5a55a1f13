use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Tensor, View};
use aquifer_testkit::assert_close;

#[test]
fn orders_are_stable_whichever_way_they_go() {
    let nan = f32::NAN;
    let x = [2.0, nan, 0.0, -0.0, 2.0, -1.0];
    let x = View::of(&x, [6]);
    let (values, at) = sort(&x, 0, false).unwrap();
    assert_eq!(
        (&values.as_f32()[..5], at.as_slice::<u32>()),
        (&[-1.0, 0.0, 0.0, 2.0, 2.0][..], &[5, 2, 3, 0, 4, 1][..])
    );
    assert_eq!(argsort(&x, 0, true).unwrap().as_slice::<u32>(), [1, 0, 4, 2, 3, 5]);
    for (k, largest, want) in
        [(3, true, &[1, 0, 4][..]), (2, false, &[5, 2]), (0, true, &[]), (6, false, &[5, 2, 3, 0, 4, 1])]
    {
        assert_eq!(topk(&x, k, 0, largest).unwrap().1.as_slice::<u32>(), want);
    }
    assert!(topk(&x, 7, 0, true).is_err() && sort(&x, 1, false).is_err());
    let whole = View::of(&[16_777_217_i32, 16_777_216, i32::MIN], [3]);
    assert_eq!(argsort(&whole, 0, true).unwrap().as_slice::<u32>(), [0, 1, 2]);
}

#[test]
fn every_axis_is_sorted_like_the_last_and_on_any_number_of_threads() {
    let x = tensor("x", [7, 63, 5], 1.0);
    let sorted = everywhere(|| {
        let (values, at) = sort(&x.view(), 1, true).unwrap();
        [values.as_f32(), &at.as_slice::<u32>().iter().map(|i| *i as f32).collect::<Vec<_>>()[..]].concat()
    });
    for (i, k) in (0..7).flat_map(|i| (0..5).map(move |k| (i, k))) {
        let mut column: Vec<f32> = (0..63).map(|j| x.as_f32()[(i * 63 + j) * 5 + k]).collect();
        column.sort_by(|a, b| b.total_cmp(a));
        let got: Vec<f32> = (0..63).map(|j| sorted[(i * 63 + j) * 5 + k]).collect();
        assert_eq!(got, column);
    }
    let (values, at) = topk(&x.view(), 9, 1, true).unwrap();
    assert_eq!(values.as_f32()[..5], sorted[..5]);
    let dx = topk_backward(x.shape(), 1, &at.view(), &values.view()).unwrap();
    let kept = dx.as_f32().iter().zip(x.as_f32()).filter(|(dx, _)| **dx != 0.0).all(|(dx, x)| dx == x);
    assert!(kept && dx.as_f32().iter().filter(|dx| **dx != 0.0).count() == 7 * 5 * 9);
    let (values, at) = sort(&x.view(), 2, false).unwrap();
    assert_eq!(sort_backward(x.shape(), 2, &at.view(), &values.view()).unwrap().as_f32(), x.as_f32());
}

#[test]
fn draws_follow_their_weights_and_their_stream() {
    let weights = Tensor::from_f32(&[1.0, 0.0, 3.0, 0.0, 1.0, 1.0], [2, 3]);
    let stream = Stream::new(7, "draws", "");
    let drawn = multinomial(&weights.view(), 20_000, true, &stream, 0).unwrap();
    assert_eq!(
        drawn.as_slice::<u32>(),
        multinomial(&weights.view(), 20_000, true, &stream, 0).unwrap().as_slice::<u32>()
    );
    let share = |row: usize, class: u32| {
        let row = &drawn.as_slice::<u32>()[row * 20_000..(row + 1) * 20_000];
        row.iter().filter(|c| **c == class).count() as f64 / 20_000.0
    };
    let shares = [share(0, 0), share(0, 1), share(0, 2), share(1, 0), share(1, 1), share(1, 2)];
    assert_close(&shares, &[0.25, 0.0, 0.75, 0.0, 0.5, 0.5], 0.01);
    for step in 0..50 {
        let two = multinomial(&weights.view(), 2, false, &stream, step).unwrap();
        let mut classes = two.as_slice::<u32>().to_vec();
        classes[..2].sort_unstable();
        classes[2..].sort_unstable();
        assert_eq!(classes, [0, 2, 1, 2]);
    }
    assert!(multinomial(&weights.view(), 3, false, &stream, 0).is_err());
    assert!(multinomial(&View::of(&[1.0, -1.0], [2]), 1, true, &stream, 0).is_err());
}

#[test]
fn experts_are_chosen_by_weight_and_by_group() {
    let scores = tensor("scores", [33, 8], 3.0);
    let (weights, experts) = topk_softmax(&scores.view(), 3, true).unwrap();
    for (row, (weights, experts)) in weights.as_f32().chunks(3).zip(experts.as_slice::<u32>().chunks(3)).enumerate() {
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6 && weights.is_sorted_by(|a, b| a >= b));
        let row = &scores.as_f32()[row * 8..][..8];
        let worst = row[experts[2] as usize];
        assert_eq!(row.iter().filter(|x| **x > worst).count(), 2);
    }
    // Groups {0, 1}, {2, 3}, {4, 5}: by their best the first two, by the sum of their best two with bias the last two.
    let scores = View::of(&[0.9, 0.0, 0.5, 0.3, 0.4, 0.35], [1, 6]);
    let (weights, experts) = grouped_topk(&scores, None, 2, 3, 2, false).unwrap();
    assert_eq!((weights.as_f32(), experts.as_slice::<u32>()), (&[0.9, 0.5][..], &[0, 2][..]));
    let bias = View::of(&[-0.5, 0.0, 0.0, 0.5, 0.0, 0.0], [6]);
    let (weights, experts) = grouped_topk(&scores, Some(&bias), 2, 3, 2, true).unwrap();
    assert_eq!(experts.as_slice::<u32>(), [3, 2]);
    assert_close(weights.as_f32(), &[0.3 / 0.8, 0.5 / 0.8], 1e-6);
    assert!(
        grouped_topk(&scores, None, 5, 3, 2, false).is_err() && grouped_topk(&scores, None, 1, 4, 1, false).is_err()
    );
}
