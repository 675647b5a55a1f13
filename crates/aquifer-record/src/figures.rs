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
}
