use super::*;
use crate::testing::{everywhere, tensor};
use aquifer_tensor::Tensor;
use aquifer_testkit::{Tolerance, assert_close, check_gradient, noise, wide};

#[test]
fn the_derivative_is_the_definition_s() {
    for kind in [Gelu::Erf, Gelu::Tanh] {
        for x in noise("x", 50) {
            let x = 6.0 * f64::from(x);
            check_gradient("gelu", &[x], &[reference_backward(x, kind)], |x| reference(x[0], kind));
        }
    }
}

/// Values of Φ from tables (Abramowitz & Stegun, table 26.1).
#[test]
fn the_definition_knows_the_normal_distribution() {
    for (x, want) in
        [(0.0, 0.5), (1.0, 0.841_344_746_068_543), (-2.0, 0.022_750_131_948_179), (4.0, 0.999_968_328_758_167)]
    {
        assert!((normal_cdf(x) - want).abs() < 1e-15, "{x}");
    }
    assert!((normal_cdf(3.000_000_1) - normal_cdf(3.0)).abs() < 1e-9);
}

#[test]
fn kernels_answer_to_the_definition_everywhere() {
    for kind in [Gelu::Erf, Gelu::Tanh] {
        for (t, d) in [(1, 1), (3, 7), (9, 63), (33, 513)] {
            let (x, dy) = (tensor("x", [t, d], 7.0), tensor("dy", [t, d], 1.0));
            let both = everywhere(|| {
                let (mut y, mut dx) = (Tensor::poisoned::<f32>([t, d]), Tensor::poisoned::<f32>([t, d]));
                gelu(&x.view(), kind, &mut y.view_mut()).unwrap();
                gelu_backward(&x.view(), kind, &dy.view(), &mut dx.view_mut()).unwrap();
                [y.as_f32(), dx.as_f32()].concat()
            });
            let (x, dy) = (wide(x.as_f32()), wide(dy.as_f32()));
            let y: Vec<f64> = x.iter().map(|&x| reference(x, kind)).collect();
            assert_close(&both[..t * d], &y, Tolerance { absolute: 1e-9, relative: 3e-6 });
            let dx: Vec<f64> = x.iter().zip(&dy).map(|(&x, dy)| dy * reference_backward(x, kind)).collect();
            assert_close(&both[t * d..], &dx, Tolerance { absolute: 1e-6, relative: 1e-6 });
        }
    }
}

#[test]
fn ends_are_the_identity_and_zero() {
    let x = [100.0, -100.0, f32::NAN, 0.0, 30.0, -30.0];
    for kind in [Gelu::Erf, Gelu::Tanh] {
        let mut y = Tensor::poisoned::<f32>([6]);
        gelu(&View::of(&x, [6]), kind, &mut y.view_mut()).unwrap();
        let y = y.as_f32();
        assert_eq!((y[0], y[1].abs(), y[3], y[4], y[5].abs()), (100.0, 0.0, 0.0, 30.0, 0.0), "{kind:?}");
        assert!(y[2].is_nan());
    }
}
