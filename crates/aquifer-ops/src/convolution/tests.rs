use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_testkit::{Fixture, Tolerance, assert_close, check_gradient_within, wide};

const CLOSE: Tolerance = Tolerance { absolute: 2e-5, relative: 1e-5 };

/// The definition, in `f64`, over three axes: every output position, every channel, every tap.
fn reference(
    x: &[f64],
    w: &[f64],
    bias: &[f64],
    [b, c, o]: [usize; 3],
    sizes: [[usize; 3]; 3],
    spec: &Walk3,
) -> Vec<f64> {
    let [input, taps, output] = sizes;
    let (cg, og) = (c / spec.groups, o / spec.groups);
    let flat = |at: [usize; 3], of: [usize; 3]| (at[0] * of[1] + at[1]) * of[2] + at[2];
    let unflat = |at: usize, of: [usize; 3]| [at / (of[1] * of[2]), at / of[2] % of[1], at % of[2]];
    let size = |of: [usize; 3]| of.iter().product::<usize>();
    let mut out = Vec::new();
    for (image, channel) in (0..b).flat_map(|image| (0..o).map(move |channel| (image, channel))) {
        for place in (0..size(output)).map(|p| unflat(p, output)) {
            let mut sum = bias[channel];
            for (from, tap) in (0..cg).flat_map(|from| (0..size(taps)).map(move |tap| (from, tap))) {
                let q = unflat(tap, taps);
                let at: Vec<i64> = (0..3)
                    .map(|a| (place[a] * spec.stride[a] + q[a] * spec.dilation[a]) as i64 - spec.padding[a] as i64)
                    .collect();
                if (0..3).all(|a| (0..input[a] as i64).contains(&at[a])) {
                    let plane = image * c + channel / og * cg + from;
                    let at = flat([at[0] as usize, at[1] as usize, at[2] as usize], input);
                    sum += x[plane * size(input) + at] * w[(channel * cg + from) * size(taps) + tap];
                }
            }
            out.push(sum);
        }
    }
    out
}

struct Walk3 {
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
    groups: usize,
}

#[test]
fn convolutions_answer_to_the_definition_everywhere() {
    // batch, channels, outputs, groups, input, taps, stride, padding, dilation; leading axes of 1 are left out.
    let cases: [([usize; 4], [usize; 3], [usize; 3], [usize; 3], [usize; 3], [usize; 3]); 6] = [
        ([2, 3, 5, 1], [1, 1, 37], [1, 1, 4], [1, 1, 2], [0, 0, 1], [1, 1, 3]),
        ([1, 4, 6, 2], [1, 9, 7], [1, 3, 2], [1, 2, 1], [0, 1, 1], [1, 1, 2]),
        ([2, 2, 2, 2], [1, 30, 21], [1, 3, 3], [1, 1, 1], [0, 1, 1], [1, 1, 1]),
        ([1, 2, 3, 1], [4, 5, 6], [2, 3, 1], [1, 2, 3], [1, 0, 0], [2, 1, 1]),
        ([1, 1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]),
        ([0, 2, 3, 1], [1, 4, 4], [1, 2, 2], [1, 1, 1], [0, 0, 0], [1, 1, 1]),
    ];
    for ([b, c, o, groups], input, taps, stride, padding, dilation) in cases {
        let axes = if input[0] > 1 {
            3
        } else if input[1] > 1 {
            2
        } else {
            1
        };
        let tail = |of: [usize; 3]| of[3 - axes..].to_vec();
        let spec = ConvSpec { stride: tail(stride), padding: tail(padding), dilation: tail(dilation), groups };
        let x = tensor("x", &[&[b, c][..], &tail(input)].concat()[..], 1.0);
        let w = tensor("w", &[&[o, c / groups][..], &tail(taps)].concat()[..], 1.0);
        let bias = tensor("bias", [o], 1.0);
        let y = conv(&x.view(), &w.view(), Some(&bias.view()), &spec, Precision::F32).unwrap();
        let dy = tensor("dy", y.shape(), 1.0);
        let all = everywhere(|| {
            let y = conv(&x.view(), &w.view(), Some(&bias.view()), &spec, Precision::F32).unwrap();
            let (dx, dw, db) = conv_backward(&x.view(), &w.view(), &dy.view(), &spec, Precision::F32).unwrap();
            [y.as_f32(), dx.as_f32(), dw.as_f32(), db.as_f32()].concat()
        });
        let mut output = [1; 3];
        output[3 - axes..].copy_from_slice(&y.shape()[2..]);
        let walk = Walk3 { stride, padding, dilation, groups };
        let value = |x: &[f64], w: &[f64], bias: &[f64]| reference(x, w, bias, [b, c, o], [input, taps, output], &walk);
        let (x64, w64, b64) = (wide(x.as_f32()), wide(w.as_f32()), wide(bias.as_f32()));
        assert_close(&all[..y.numel()], &value(&x64, &w64, &b64), CLOSE);
        // Linear in each operand, so the derivative is what the definition gives for unit vectors.
        let dy64 = wide(dy.as_f32());
        let dot = |y: Vec<f64>| y.iter().zip(&dy64).map(|(y, dy)| y * dy).sum::<f64>();
        let unit = |n: usize, i: usize| -> Vec<f64> { (0..n).map(|j| f64::from(u8::from(i == j))).collect() };
        let none = vec![0.0; o];
        let dx = (0..x.numel()).map(|i| dot(value(&unit(x.numel(), i), &w64, &none)));
        let dw = (0..w.numel()).map(|i| dot(value(&x64, &unit(w.numel(), i), &none)));
        let db = (0..o).map(|i| dot(value(&vec![0.0; x.numel()], &w64, &unit(o, i))));
        if x.numel() < 400 {
            let want: Vec<f64> = dx.chain(dw).chain(db).collect();
            assert_close(&all[y.numel()..], &want, CLOSE);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let (x, w) = (tensor("x", [1, 4, 5], 1.0), tensor("w", [6, 2, 3], 1.0));
    assert!(conv1d(&x.view(), &w.view(), None, &ConvSpec::default(), Precision::F32).is_err());
    let grouped = ConvSpec { groups: 2, ..ConvSpec::default() };
    assert_eq!(conv1d(&x.view(), &w.view(), None, &grouped, Precision::F32).unwrap().shape(), [1, 6, 3]);
    assert!(conv2d(&x.view(), &w.view(), None, &grouped, Precision::F32).is_err());
    let wide = ConvSpec { dilation: vec![3], ..grouped };
    assert!(conv1d(&x.view(), &w.view(), None, &wide, Precision::F32).is_err());
    assert!(avg_pool2d(&x.view(), &PoolSpec::new([5, 1])).is_err());
}

/// `tests/golden/convolution.json`, written by `convolution.py`: what PyTorch gives, forward and backward.
#[test]
fn pooling_upsampling_and_norms_are_as_in_pytorch() {
    let golden = Fixture::golden(env!("CARGO_MANIFEST_DIR"), "convolution.json");
    let get = |name: &str| Tensor::from_f32(&golden.f32s(name), &golden.shape(name)[..]);
    let near = |got: &Tensor, name: &str| {
        assert_eq!(got.shape(), golden.shape(name), "{name}");
        assert_close(got.as_f32(), &golden.numbers(name), Tolerance { absolute: 2e-5, relative: 2e-5 });
    };
    let x = get("x");
    let pool = PoolSpec { window: [3, 2], stride: [2, 1], padding: [1, 1] };
    near(&avg_pool2d(&x.view(), &pool).unwrap(), "avg_pool2d");
    near(&avg_pool2d_backward(x.shape(), &pool, &get("avg_pool2d_dy").view()).unwrap(), "avg_pool2d_dx");
    let (most, at) = max_pool2d(&x.view(), &pool).unwrap();
    near(&most, "max_pool2d");
    let want: Vec<u32> = golden.numbers("max_pool2d_indices").iter().map(|i| *i as u32).collect();
    assert_eq!(at.as_slice::<u32>(), want);
    near(&max_pool2d_backward(x.shape(), &pool, &at.view(), &get("max_pool2d_dy").view()).unwrap(), "max_pool2d_dx");
    near(&upsample_nearest2d(&x.view(), [15, 4]).unwrap(), "upsample_nearest2d");
    near(
        &upsample_nearest2d_backward(x.shape(), &get("upsample_nearest2d_dy").view()).unwrap(),
        "upsample_nearest2d_dx",
    );

    let (w, b, dy) = (get("w"), get("b"), get("dy"));
    near(&group_norm(&x.view(), 2, &w.view(), &b.view(), 1e-5).unwrap(), "group_norm");
    let (dx, dw, db) = group_norm_backward(&x.view(), 2, &w.view(), 1e-5, &dy.view()).unwrap();
    near(&dx, "group_norm_dx");
    near(&dw, "group_norm_dw");
    near(&db, "group_norm_db");
    let (y, mean, variance) = batch_norm(&x.view(), &w.view(), &b.view(), 1e-5).unwrap();
    near(&y, "batch_norm");
    near(&mean, "batch_norm_mean");
    near(&variance, "batch_norm_var");
    let (dx, dw, db) = batch_norm_backward(&x.view(), &w.view(), 1e-5, &dy.view()).unwrap();
    near(&dx, "batch_norm_dx");
    near(&dw, "batch_norm_dw");
    near(&db, "batch_norm_db");
    let y = batch_norm_inference(&x.view(), &mean.view(), &variance.view(), &w.view(), &b.view(), 1e-5).unwrap();
    near(&y, "batch_norm_inference");
}

/// Σ of (y · dy) for normalised rows: `row` says in which one element `at` lies, `channel` whose `w` and `b` it takes.
fn normalised(
    x: &[f64],
    [w, b, dy]: [&[f64]; 3],
    rows: usize,
    row: impl Fn(usize) -> usize,
    channel: impl Fn(usize) -> usize,
) -> f64 {
    let n = (x.len() / rows) as f64;
    let (mut mean, mut square) = (vec![0.0; rows], vec![0.0; rows]);
    x.iter().enumerate().for_each(|(at, x)| mean[row(at)] += x / n);
    x.iter().enumerate().for_each(|(at, x)| square[row(at)] += (x - mean[row(at)]).powi(2) / n);
    let y = |at: usize, x: f64| {
        (x - mean[row(at)]) / (square[row(at)] + f64::from(1e-5_f32)).sqrt() * w[channel(at)] + b[channel(at)]
    };
    x.iter().enumerate().map(|(at, &x)| y(at, x) * dy[at]).sum()
}

#[test]
fn derivatives_of_norms_are_those_of_central_differences() {
    let [n, c, p] = [3, 4, 5];
    let (x, dy) = (tensor("x", [n, c, p], 2.0), tensor("dy", [n, c, p], 1.0));
    let (w, b) = (tensor("w", [c], 1.5), tensor("b", [c], 1.0));
    let [x64, dy64, w64, b64] = [&x, &dy, &w, &b].map(|t| wide(t.as_f32()));
    let channel = |at: usize| at / p % c;
    let of_group = |at: usize| at / p / 2;
    for (what, gradients, rows, row) in [
        (
            "group_norm",
            group_norm_backward(&x.view(), 2, &w.view(), 1e-5, &dy.view()).unwrap(),
            n * 2,
            &of_group as &dyn Fn(usize) -> usize,
        ),
        ("batch_norm", batch_norm_backward(&x.view(), &w.view(), 1e-5, &dy.view()).unwrap(), c, &channel),
    ] {
        let [dx, dw, db] = [gradients.0, gradients.1, gradients.2].map(|t| wide(t.as_f32()));
        let loss = |x: &[f64], w: &[f64], b: &[f64]| normalised(x, [w, b, &dy64], rows, row, channel);
        check_gradient_within(what, &x64, &dx, 1e-5, |x| loss(x, &w64, &b64));
        check_gradient_within(what, &w64, &dw, 1e-5, |w| loss(&x64, w, &b64));
        check_gradient_within(what, &b64, &db, 1e-5, |b| loss(&x64, &w64, b));
    }
}

#[test]
fn averages_are_linear_and_planes_may_be_empty() {
    let x = tensor("x", [2, 5, 7], 1.0);
    let pool = PoolSpec { window: [2, 3], stride: [1, 2], padding: [1, 0] };
    let y = avg_pool2d(&x.view(), &pool).unwrap();
    let dy = wide(tensor("dy", y.shape(), 1.0).as_f32());
    let dx = avg_pool2d_backward(x.shape(), &pool, &tensor("dy", y.shape(), 1.0).view()).unwrap();
    let loss = |x: &[f64]| {
        let x = Tensor::from_f32(&x.iter().map(|x| *x as f32).collect::<Vec<_>>(), [2, 5, 7]);
        wide(avg_pool2d(&x.view(), &pool).unwrap().as_f32()).iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>()
    };
    // f32 differences of a linear map: exact enough with steps of a whole unit.
    for (i, want) in dx.as_f32().iter().enumerate() {
        let mut one = vec![0.0; x.numel()];
        one[i] = 1.0;
        assert_close(&[*want], &[loss(&one)], 1e-6);
    }
    assert_eq!(max_pool2d(&tensor("x", [0, 5, 7], 1.0).view(), &pool).unwrap().0.shape(), [0, 6, 3]);
}
