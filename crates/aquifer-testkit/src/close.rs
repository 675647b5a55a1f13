//! Is it near enough, is it the very same — and if not, where and by how much.

/// How far a number may lie from the one wanted: `absolute + relative · |wanted|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Counted whatever the size of the number.
    pub absolute: f64,
    /// Counted per unit of the wanted number's size.
    pub relative: f64,
}

impl Tolerance {
    /// The same distance for every number.
    pub const fn absolute(absolute: f64) -> Self {
        Tolerance { absolute, relative: 0.0 }
    }

    /// A distance in proportion to the wanted number.
    pub const fn relative(relative: f64) -> Self {
        Tolerance { absolute: 0.0, relative }
    }

    /// The distance allowed around `want`.
    pub fn around(self, want: f64) -> f64 {
        self.absolute + self.relative * want.abs()
    }
}

impl From<f64> for Tolerance {
    /// Absolute for numbers below one, relative above, and up to their sum in between.
    fn from(both: f64) -> Self {
        Tolerance { absolute: both, relative: both }
    }
}

/// Passes if every number is as near as `tolerance` says; NaN is near NaN, an infinity near itself.
///
/// # Panics
/// If lengths differ or a number is too far: the message counts them and shows the worst and the first few.
#[track_caller]
pub fn assert_close<T: Copy + Into<f64>>(got: &[T], want: &[f64], tolerance: impl Into<Tolerance>) {
    if let Some(report) = too_far(got, want, tolerance.into()) {
        panic!("{report}");
    }
}

/// What [`assert_close`] would say.
pub(crate) fn too_far<T: Copy + Into<f64>>(got: &[T], want: &[f64], tolerance: Tolerance) -> Option<String> {
    if got.len() != want.len() {
        return Some(format!("{} numbers came where {} were wanted", got.len(), want.len()));
    }
    let excess = |got: f64, want: f64| match got == want || got.is_nan() && want.is_nan() {
        true => 0.0,
        // Written so that NaN on one side counts as infinitely far.
        false => Some((got - want).abs() / tolerance.around(want)).filter(|e| !e.is_nan()).unwrap_or(f64::INFINITY),
    };
    let pairs = got.iter().map(|&got| got.into()).zip(want.iter().copied()).enumerate();
    let far: Vec<(usize, f64, f64, f64)> =
        pairs.map(|(at, (got, want))| (at, got, want, excess(got, want))).filter(|far| far.3 > 1.0).collect();
    let worst = far.iter().copied().reduce(|a, b| if b.3 > a.3 { b } else { a })?;
    let show = |&(at, got, want, excess): &(usize, f64, f64, f64)| {
        format!(
            "  [{at}] got {got:e}, wanted {want:e}: {:e} apart, {excess:.2} times the allowance",
            (got - want).abs()
        )
    };
    let first: Vec<String> = far.iter().take(5).map(show).collect();
    Some(format!(
        "{} of {} numbers are too far ({tolerance:?})\nworst:\n{}\nfirst:\n{}",
        far.len(),
        got.len(),
        show(&worst),
        first.join("\n")
    ))
}

/// Passes if both have the same bits, any NaN counting as any other.
///
/// # Panics
/// If lengths or bits differ: the message counts them and shows the first few.
#[track_caller]
pub fn assert_same_bits(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{} numbers came where {} were wanted", got.len(), want.len());
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    let other: Vec<usize> = (0..got.len()).filter(|&i| !same(got[i], want[i])).collect();
    let show = |&i: &usize| {
        format!(
            "  [{i}] got {:e} ({:#010x}), wanted {:e} ({:#010x})",
            got[i],
            got[i].to_bits(),
            want[i],
            want[i].to_bits()
        )
    };
    let first: Vec<String> = other.iter().take(5).map(show).collect();
    assert!(other.is_empty(), "{} of {} numbers differ in bits\n{}", other.len(), got.len(), first.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_near_and_far_says_where() {
        assert_close(&[1.0_f32, f32::NAN, f32::INFINITY], &[1.0 + 1e-9, f64::NAN, f64::INFINITY], 1e-8);
        let far = std::panic::catch_unwind(|| assert_close(&[1.0_f64, 2.0], &[1.0, 3.0], Tolerance::relative(0.1)));
        let message = *far.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("1 of 2") && message.contains("[1] got 2e0, wanted 3e0"), "{message}");
        assert!(std::panic::catch_unwind(|| assert_close(&[f32::NAN], &[0.0], 1.0)).is_err());
    }

    #[test]
    fn bits_tell_zeros_apart_and_nans_not() {
        assert_same_bits(&[f32::NAN, 1.0], &[-f32::NAN, 1.0]);
        assert!(std::panic::catch_unwind(|| assert_same_bits(&[0.0], &[-0.0])).is_err());
    }
}
