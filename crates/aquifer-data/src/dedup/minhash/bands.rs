//! How to cut a signature into bands so that a threshold separates best.

/// The number of bands b and of rows r, b·r ≤ `permutations`, for which false positives below `threshold` and false negatives
/// above it weigh least in sum, similarities taken as equally likely. datasketch's `_optimal_param`; of equals the first,
/// by bands, then rows.
pub fn optimal_bands(threshold: f64, permutations: usize) -> (usize, usize) {
    let mut best = (f64::INFINITY, (0, 0));
    for bands in 1..=permutations {
        for rows in 1..=permutations / bands {
            let meet = |s: f64| 1.0 - power(1.0 - power(s, rows), bands);
            let error = 0.5 * integral(meet, 0.0, threshold) + 0.5 * integral(|s| 1.0 - meet(s), threshold, 1.0);
            if error < best.0 {
                best = (error, (bands, rows));
            }
        }
    }
    best.1
}

/// By repeated squaring.
fn power(mut base: f64, mut exponent: usize) -> f64 {
    let mut out = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            out *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    out
}

/// Simpson's rule over steps short enough for curves as steep as these: an error near 1e-9.
fn integral(f: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    const STEPS: usize = 512;
    let h = (to - from) / STEPS as f64;
    let inner: f64 = (1..STEPS).map(|i| f(from + h * i as f64) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (f(from) + inner + f(to)) * h / 3.0
}
