use super::*;
use crate::testing::everywhere;
use aquifer_testkit::noise;

/// The spacing of `f32` at `x`.
fn ulp(x: f64) -> f64 {
    let x = (x.abs() as f32).clamp(f32::MIN_POSITIVE, f32::MAX);
    f64::from(x) - f64::from(x.next_down())
}

/// The largest error of `f` in units in the last place, over every `step`-th `f32` from `low` to `high`
/// (both of one sign), and where it is.
fn worst(f: impl Fn(f32) -> f32, want: impl Fn(f64) -> f64, low: f32, high: f32, step: usize) -> (f64, f32) {
    let (from, to) = (low.to_bits().min(high.to_bits()), low.to_bits().max(high.to_bits()));
    let mut most = (0.0, low);
    for bits in (from..=to).step_by(step) {
        let x = f32::from_bits(bits);
        let (got, want) = (f(x), want(f64::from(x)));
        // Beyond the largest finite number by less than half a step still rounds to it; infinity is right above.
        let error = if f64::from(got) == want || f64::from(want as f32) == f64::from(got) {
            (f64::from(got) - want).abs().min(ulp(want)) / ulp(want)
        } else {
            (f64::from(got) - want).abs() / ulp(want)
        };
        if error > most.0 {
            most = (error, x);
        }
    }
    most
}

#[track_caller]
fn within(name: &str, ulps: f64, worst: (f64, f32)) {
    println!("{name}: {:.3} ulp at {:e}", worst.0, worst.1);
    assert!(worst.0 <= ulps, "{name} is off by {} ulp at {:e}", worst.0, worst.1);
}

/// Φ(x) by its series up to 3 and Laplace's continued fraction beyond, in `f64`.
fn wide_cdf(x: f64) -> f64 {
    crate::gelu::reference(x, crate::gelu::Gelu::Erf) / x
}

#[test]
fn exp_is_within_a_unit() {
    within("exp +", 1.0, worst(exp, f64::exp, 1e-30, 88.72, 641));
    within("exp −", 1.0, worst(exp, f64::exp, -1e-30, -104.0, 641));
    assert_eq!(
        (exp(89.0), exp(f32::INFINITY), exp(-105.0), exp(f32::NEG_INFINITY)),
        (f32::INFINITY, f32::INFINITY, 0.0, 0.0)
    );
    assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
    assert!(exp(f32::NAN).is_nan());
}

#[test]
fn log_is_within_a_unit() {
    within("log", 1.0, worst(log, f64::ln, f32::from_bits(1), f32::MAX, 641));
    within("log near 1", 1.0, worst(log, f64::ln, 0.5, 2.0, 7));
    assert_eq!(
        (log(0.0), log(-0.0), log(1.0), log(f32::INFINITY)),
        (f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0, f32::INFINITY)
    );
    assert!(log(-1.0).is_nan() && log(f32::NEG_INFINITY).is_nan() && log(f32::NAN).is_nan());
}

#[test]
fn tanh_and_sigmoid_are_within_two_units() {
    within("tanh", 2.0, worst(tanh, f64::tanh, 1e-30, 20.0, 641));
    within("sigmoid +", 2.0, worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 1e-30, 100.0, 641));
    within("sigmoid −", 2.5, worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -1e-30, -103.0, 641));
    assert_eq!((tanh(f32::INFINITY), tanh(-f32::INFINITY), tanh(-0.0).to_bits()), (1.0, -1.0, (-0.0_f32).to_bits()));
    assert_eq!((sigmoid(f32::INFINITY), sigmoid(-f32::INFINITY), sigmoid(0.0)), (1.0, 0.0, 0.5));
    assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
}

#[test]
fn erf_is_within_two_units_and_the_lower_tail_of_the_normal_within_its_own() {
    let root = std::f64::consts::SQRT_2;
    // Below 0.01, 2Φ − 1 cancels; the series of erf does not.
    let series = |x: f64| 2.0 / std::f64::consts::PI.sqrt() * x * (1.0 - x * x / 3.0 + x.powi(4) / 10.0);
    within("erf small", 2.0, worst(erf, series, 1e-30, 0.01, 6_401));
    within("erf", 2.0, worst(erf, |x| 2.0 * wide_cdf(x * root) - 1.0, 0.01, 9.0, 641));
    within("Φ up", 2.0, worst(normal_cdf, wide_cdf, 0.001, 9.0, 641));
    within("Φ down to −4", 24.0, worst(normal_cdf, wide_cdf, -0.001, -4.0, 641));
    within("Φ down to −13", 240.0, worst(normal_cdf, wide_cdf, -4.0, -13.0, 641));
    assert_eq!((erf(f32::INFINITY), erf(-f32::INFINITY), erf(0.0)), (1.0, -1.0, 0.0));
    assert_eq!((normal_cdf(f32::INFINITY), normal_cdf(-f32::INFINITY), normal_cdf(0.0)), (1.0, 0.0, 0.5));
    assert!(erf(f32::NAN).is_nan() && normal_cdf(f32::NAN).is_nan());
}

#[test]
fn angles_and_powers_round_the_double_ones() {
    within("sin", 0.51, worst(sin, f64::sin, 1e-30, 1.6e6, 6_401));
    within("cos", 0.51, worst(cos, f64::cos, 1e-30, 1.6e6, 6_401));
    within("pow", 0.51, worst(|x| pow(x, 1.7), |x| x.powf(f64::from(1.7_f32)), 1e-20, 1e20, 6_401));
    for (x, y) in [(0.0, 2.0), (0.0, -1.0), (-0.0, -1.0), (-2.0, 3.0), (-2.0, 2.0), (-2.0, 0.5), (1.0, f32::NAN)] {
        let (got, want) = (pow(x, y), x.powf(y));
        assert!(got == want || got.is_nan() && want.is_nan(), "{x}^{y}: {got} {want}");
    }
    for (x, y) in [(f32::NAN, 0.0), (f32::INFINITY, -1.0), (-f32::INFINITY, 3.0), (0.5, f32::INFINITY), (-1.0, 5.0)] {
        assert_eq!(pow(x, y), x.powf(y), "{x}^{y}");
    }
}

#[test]
fn doubles_agree_with_the_platform_s() {
    let near = |name: &str, f: &dyn Fn(f64) -> f64, want: &dyn Fn(f64) -> f64, scale: f64, allowed: f64| {
        let mut most = (0.0, 0.0);
        for (i, x) in noise(name, 200_000).into_iter().enumerate() {
            let x = f64::from(x) * scale * [1.0, 1e-3, 1e-7][i % 3];
            let (got, want) = (f(x), want(x));
            let error = (got - want).abs() / (want.abs().max(f64::MIN_POSITIVE) * f64::EPSILON);
            if error > most.0 {
                most = (error, x);
            }
        }
        println!("{name}: {:.3} × 2⁻⁵² at {:e}", most.0, most.1);
        assert!(most.0 <= allowed, "{name} is off by {} × 2⁻⁵² at {:e}", most.0, most.1);
    };
    near("exp", &f64::exp, &|x| x.exp(), 700.0, 2.0);
    near("ln", &|x| f64::ln(x.abs()), &|x| x.abs().ln(), 1e3, 2.0);
    near("sin", &f64::sin, &|x| x.sin(), 1.6e6, 2.0);
    near("cos", &f64::cos, &|x| x.cos(), 1.6e6, 2.0);
    near("tanh", &f64::tanh, &|x| x.tanh(), 10.0, 120.0);
    near("10000^x", &|x| f64::pow(1e4, x), &|x| 1e4_f64.powf(x), 1.0, 16.0);
    assert!(f64::sin(2e6).is_nan() && f64::cos(f64::ln(-1.0)).is_nan());
    assert_eq!((f64::exp(711.0), f64::exp(-750.0), f64::ln(0.0)), (1.0 / 0.0, 0.0, -1.0 / 0.0));
    assert_eq!(f64::ln(5e-324), 5e-324_f64.ln());
}

#[test]
fn slices_are_the_scalar_functions_on_every_instruction_set() {
    let mut xs = noise("slices", 1003);
    xs.iter_mut().for_each(|x| *x *= 30.0);
    xs.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, -1e-40, 88.8, -87.4, -103.9, 3e38]);
    type Slice = fn(&mut [f32]);
    let all: [(Slice, fn(f32) -> f32); 5] =
        [(exp_slice, exp), (log_slice, log), (tanh_slice, tanh), (erf_slice, erf), (sigmoid_slice, sigmoid)];
    for (slice, scalar) in all {
        let got = everywhere(|| {
            let mut out = xs.clone();
            slice(&mut out);
            out
        });
        let want: Vec<f32> = xs.iter().map(|&x| scalar(x)).collect();
        aquifer_testkit::assert_same_bits(&got, &want);
    }
}
