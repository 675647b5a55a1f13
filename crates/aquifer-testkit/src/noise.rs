//! Numbers that look random and never change.

/// `n` numbers in (−1, 1), multiples of 2⁻²³, that depend on `site` alone.
///
/// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014, figure 16) seeded by an FNV-1a hash of the name.
pub fn noise(site: &str, n: usize) -> Vec<f32> {
    let mut state =
        site.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (0..n).map(|_| ((next() >> 40) as i32 - 8_388_608) as f32 / 8_388_608.0).collect()
}

/// The same numbers in `f64`.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_separate_and_repeat() {
        assert_eq!(noise("a", 9), noise("a", 9));
        assert_ne!(noise("a", 9), noise("b", 9));
        let mean = wide(&noise("a", 10_000)).iter().sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.02, "{mean}");
    }
}
