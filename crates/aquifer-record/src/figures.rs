//! Numbers as people read them, the same in a terminal and on a page.

/// `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `840`, `12.3 k`, `3.2 M`, `1.5 G`: for narrow columns.
pub fn short(n: u64) -> String {
    let scaled = |unit: f64, name: &str| format!("{:.1} {name}", n as f64 / unit);
    match n {
        // From here on a figure would be rounded up to a thousand of its unit.
        999_950_000.. => scaled(1e9, "G"),
        999_950.. => scaled(1e6, "M"),
        1_000.. => scaled(1e3, "k"),
        _ => n.to_string(),
    }
}

/// `3.2 MiB`.
pub fn bytes(n: u64) -> String {
    let (mut value, mut unit) = (n as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") }
}

/// `40 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
pub fn seconds(s: f64) -> String {
    let whole = s.round() as u64;
    match whole {
        _ if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        0..90 => format!("{s:.1} s"),
        90..5400 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `84.5 %` of a share between 0 and 1.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Four significant digits, thousands apart; whole numbers whole.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => value.to_string(),
        _ if size >= 1000.0 || value.fract() == 0.0 => {
            format!("{}{}", if value < 0.0 { "-" } else { "" }, count(size.round() as u64))
        }
        _ if size >= 100.0 => format!("{value:.1}"),
        _ if size >= 10.0 => format!("{value:.2}"),
        _ if size >= 1e-3 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

/// `1.23 µs`, `45.6 ms`, `2.10 s`: a measured time in three figures.
pub fn duration(s: f64) -> String {
    match s {
        _ if !s.is_finite() => "–".to_owned(),
        _ if s < 1e-6 => format!("{} ns", three(s * 1e9)),
        _ if s < 1e-3 => format!("{} µs", three(s * 1e6)),
        _ if s < 1.0 => format!("{} ms", three(s * 1e3)),
        _ => format!("{} s", three(s)),
    }
}

/// `12.3 GB/s`, `1.45 TFLOP/s`: three figures and a unit that fits.
pub fn rate(value: f64, unit: &str) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value >= 1e12 => format!("{} T{unit}", three(value / 1e12)),
        _ if value >= 1e9 => format!("{} G{unit}", three(value / 1e9)),
        _ if value >= 1e6 => format!("{} M{unit}", three(value / 1e6)),
        _ => format!("{} {unit}", three(value)),
    }
}

/// `2048×384`.
pub fn extents(extents: &[u64]) -> String {
    extents.iter().map(u64::to_string).collect::<Vec<_>>().join("×")
}

/// Three figures, none behind the point that say nothing.
fn three(value: f64) -> String {
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
    fn numbers_are_shown_for_people() {
        assert_eq!((count(1_234_567), count(999)), ("1,234,567".into(), "999".into()));
        assert_eq!(
            [0, 999, 1_000, 999_949, 999_950, 558_728].map(short),
            ["0", "999", "1.0 k", "999.9 k", "1.0 M", "558.7 k"]
        );
        assert_eq!([0.0042, 61.24, 200.0, 7500.0].map(seconds), ["4 ms", "61.2 s", "3 min 20 s", "2 h 5 min"]);
        assert_eq!([10, 3 << 20, (1 << 30) - 1].map(bytes), ["10 B", "3.0 MiB", "1.0 GiB"]);
        assert_eq!(
            [558_728.0, 306.0, 0.0, 1.23456, 45.678, -0.5, 1e-5].map(number),
            ["558,728", "306", "0", "1.235", "45.68", "-0.500", "1.00e-5"]
        );
        assert_eq!(percent(0.845), "84.5 %");
    }

    #[test]
    fn three_figures_and_a_unit_that_fits() {
        assert_eq!(
            [1.234e-9, 4.56e-6, 0.0789, 2.1, 123.4].map(duration),
            ["1.23 ns", "4.56 µs", "78.9 ms", "2.10 s", "123 s"]
        );
        assert_eq!([999.6e-6, 99.96e-6].map(duration), ["1000 µs", "100 µs"]);
        assert_eq!(rate(1.45e12, "FLOP/s"), "1.45 TFLOP/s");
        assert_eq!(rate(33.21e9, "B/s"), "33.2 GB/s");
        assert_eq!(rate(2745.0, "tokens/s"), "2745 tokens/s");
        assert_eq!(rate(f64::NAN, "B/s"), "–");
        assert_eq!(extents(&[2048, 384]), "2048×384");
    }
}
