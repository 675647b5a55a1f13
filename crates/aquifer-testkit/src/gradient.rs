//! Central differences: does a derivative written by hand belong to its function?

use crate::Tolerance;
use crate::close::too_far;

/// Passes if `gradient` is the derivative of `f` at `x`, to 2·10⁻⁶ of its largest element.
///
/// Steps are 10⁻⁵ of each coordinate (or of 1): the error of a central difference in `f64` is then near
/// 10⁻¹⁰ for functions of ordinary curvature.
///
/// # Panics
/// If it is not; the message begins with `what`.
#[track_caller]
pub fn check_gradient(what: &str, x: &[f64], gradient: &[f64], f: impl Fn(&[f64]) -> f64) {
    check_gradient_within(what, x, gradient, 2e-6, f);
}

/// [`check_gradient`] to `relative` of the largest element of the gradient.
///
/// # Panics
/// If it is not.
#[track_caller]
pub fn check_gradient_within(what: &str, x: &[f64], gradient: &[f64], relative: f64, f: impl Fn(&[f64]) -> f64) {
    assert_eq!(x.len(), gradient.len(), "{what}: the gradient has {} elements, x {}", gradient.len(), x.len());
    let mut at = x.to_vec();
    let mut difference = |i: usize| {
        let h = 1e-5 * x[i].abs().max(1.0);
        let (high, low) = (x[i] + h, x[i] - h);
        at[i] = high;
        let above = f(&at);
        at[i] = low;
        let below = f(&at);
        at[i] = x[i];
        (above - below) / (high - low)
    };
    let measured: Vec<f64> = (0..x.len()).map(&mut difference).collect();
    let largest = measured.iter().fold(1e-3_f64, |most, g| most.max(g.abs()));
    if let Some(report) = too_far(gradient, &measured, Tolerance::absolute(relative * largest)) {
        panic!("{what}: the gradient written by hand is not that of central differences\n{report}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_passes_and_wrong_does_not() {
        let f = |x: &[f64]| x[0].sin() * x[1].exp();
        let x = [0.7_f64, -0.3];
        let right = [x[0].cos() * x[1].exp(), x[0].sin() * x[1].exp()];
        check_gradient("sin · exp", &x, &right, f);
        let wrong = [right[0] * 1.001, right[1]];
        assert!(std::panic::catch_unwind(|| check_gradient("wrong", &x, &wrong, f)).is_err());
    }
}
