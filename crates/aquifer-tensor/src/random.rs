//! Counter-based random numbers: a value depends on its key and its index, never on who asked first.
//!
//! Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.

/// Ten rounds of Philox over four 32-bit words. Always inlined, so that a loop over counters vectorises.
#[inline(always)]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const M0: u64 = 0xD251_1F53;
    const M1: u64 = 0xCD9E_8D57;
    const W0: u32 = 0x9E37_79B9;
    const W1: u32 = 0xBB67_AE85;
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let (p0, p1) = (M0 * u64::from(c0), M1 * u64::from(c2));
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        (k0, k1) = (k0.wrapping_add(W0), k1.wrapping_add(W1));
    }
    [c0, c1, c2, c3]
}

/// A stream of numbers named by a seed, a site such as `layers.3.attn.dropout`, and an instance such as a
/// parameter's name or a grain's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// The stream of this seed, site and instance; different names give unrelated streams.
    pub fn new(seed: u64, site: &str, instance: &str) -> Self {
        // FNV-1a over the names, a zero byte between them, then one Philox call to mix the seed in.
        let names = site.bytes().chain([0]).chain(instance.bytes());
        let hash = names.fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        let mixed = philox4x32([hash as u32, (hash >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32]);
        Stream { key: [mixed[0], mixed[1]] }
    }

    /// Four words at (`step`, `block`).
    #[inline(always)]
    pub fn block(&self, step: u64, block: u64) -> [u32; 4] {
        philox4x32([block as u32, (block >> 32) as u32, step as u32, (step >> 32) as u32], self.key)
    }

    /// The word of element `index` at `step`.
    pub fn word(&self, step: u64, index: u64) -> u32 {
        self.block(step, index / 4)[(index % 4) as usize]
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻²⁴, for element `index` at `step`.
    pub fn uniform(&self, step: u64, index: u64) -> f32 {
        (self.word(step, index) >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `0..n` for element `index` at `step`, by the high half of a product.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&self, step: u64, index: u64, n: u64) -> u64 {
        assert!(n > 0, "there is no number below 0");
        let b = self.block(step, index);
        let wide = u64::from(b[0]) << 32 | u64::from(b[1]);
        ((u128::from(wide) * u128::from(n)) >> 64) as u64
    }

    /// A walk along this stream, for code whose draws have a natural order.
    pub fn sequence(&self, step: u64) -> Sequence {
        Sequence { stream: *self, step, next: 0 }
    }
}

/// Draws one after another from a [`Stream`].
#[derive(Clone, Debug)]
pub struct Sequence {
    stream: Stream,
    step: u64,
    next: u64,
}

impl Sequence {
    /// Uniform in `0..n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next += 1;
        self.stream.below(self.step, self.next - 1, n)
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f32 {
        self.next += 1;
        (self.stream.block(self.step, self.next - 1)[0] >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// One of `items`, each equally likely.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Fisher–Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known-answer vectors of the authors' Random123 distribution (`kat_vectors`, philox4x32 10).
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn names_and_steps_separate_streams() {
        let a = Stream::new(1, "init", "w");
        assert_ne!(a.word(0, 0), Stream::new(1, "init", "v").word(0, 0));
        assert_ne!(a.word(0, 0), Stream::new(2, "init", "w").word(0, 0));
        assert_ne!(a.word(0, 0), a.word(1, 0));
        let mean = (0..10_000).map(|i| f64::from(a.uniform(3, i))).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!((0..1000).all(|i| a.below(0, i, 7) < 7));
    }
}
