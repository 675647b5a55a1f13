//! How long to wait before asking again.

use std::time::{Duration, SystemTime};

/// The longest wait that an endpoint may ask for; beyond it the question is given up.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);

/// Before the `attempt`-th repetition (from 0): doubled each time up to a minute, and shortened by up to a half, so that
/// many who were turned away together do not come back together. `spread` is any byte of the question's own.
pub(crate) fn pause(first: Duration, attempt: u32, spread: u8) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.min(16)).min(Duration::from_secs(60));
    doubled.mul_f64(1.0 - f64::from(spread) / 512.0)
}

/// The value of a `Retry-After` header: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return (0.0..1e9).contains(&seconds).then(|| Duration::from_secs_f64(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_spread() {
        let second = Duration::from_secs(1);
        assert_eq!([0, 1, 5, 6, 40].map(|n| pause(second, n, 0).as_secs()), [1, 2, 32, 60, 60]);
        let short = pause(second, 0, 255);
        assert!(short > second / 2 && short < second);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        for odd in ["soon", "-1", "NaN", "inf", "1e300", ""] {
            assert_eq!(retry_after(odd, now), None, "{odd}");
        }
    }
}
