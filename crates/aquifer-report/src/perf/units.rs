//! Quantities for people: three figures and a unit that fits.

/// `1.23 µs`, `45.6 ms`, `2.10 s`: three figures.
pub fn seconds(s: f64) -> String {
    match s {
        _ if !s.is_finite() => "–".to_owned(),
        _ if s < 1e-6 => format!("{} ns", figures(s * 1e9)),
        _ if s < 1e-3 => format!("{} µs", figures(s * 1e6)),
        _ if s < 1.0 => format!("{} ms", figures(s * 1e3)),
        _ => format!("{} s", figures(s)),
    }
}

/// `12.3 GB/s`, `1.45 TFLOP/s`: three figures and a unit that fits.
pub fn rate(value: f64, unit: &str) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value >= 1e12 => format!("{} T{unit}", figures(value / 1e12)),
        _ if value >= 1e9 => format!("{} G{unit}", figures(value / 1e9)),
        _ if value >= 1e6 => format!("{} M{unit}", figures(value / 1e6)),
        _ => format!("{} {unit}", figures(value)),
    }
}

/// `2048×384`.
pub fn shape(extents: &[u64]) -> String {
    extents.iter().map(u64::to_string).collect::<Vec<_>>().join("×")
}

/// Three figures, none behind the point that say nothing.
fn figures(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures_and_a_unit_that_fits() {
        assert_eq!(
            [1.234e-9, 4.56e-6, 0.0789, 2.1, 123.4].map(seconds),
            ["1.23 ns", "4.56 µs", "78.9 ms", "2.10 s", "123 s"]
        );
        assert_eq!([999.6e-6, 99.96e-6].map(seconds), ["1000 µs", "100 µs"]);
        assert_eq!(rate(1.45e12, "FLOP/s"), "1.45 TFLOP/s");
        assert_eq!(rate(33.21e9, "B/s"), "33.2 GB/s");
        assert_eq!(rate(2745.0, "tokens/s"), "2745 tokens/s");
        assert_eq!(rate(f64::NAN, "B/s"), "–");
        assert_eq!(shape(&[2048, 384]), "2048×384");
    }
}
