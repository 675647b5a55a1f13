//! The hash of words and n-grams.

/// 32-bit FNV-1a of nothing.
pub(super) const BASIS: u32 = 2_166_136_261;

/// One byte more. fastText takes bytes as signed, so one above 127 flips the upper 24 bits as well.
#[inline(always)]
pub(super) fn extend(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as i8 as u32).wrapping_mul(16_777_619)
}

/// Of a whole word.
pub(super) fn hash(word: &[u8]) -> u32 {
    word.iter().fold(BASIS, |hash, &byte| extend(hash, byte))
}

/// `x % divisor` by multiplication: Lemire, Kaser & Kurz, "Faster remainder by direct computation", 2019,
/// <https://arxiv.org/abs/1902.01961>.
#[derive(Clone, Copy)]
pub(super) struct Remainder {
    divisor: u32,
    magic: u64,
}

impl Remainder {
    /// Zero leaves everything as zero; nobody should ask.
    pub(super) fn new(divisor: u32) -> Self {
        Remainder { divisor, magic: (u64::MAX / u64::from(divisor.max(1))).wrapping_add(1) }
    }

    pub(super) fn divisor(self) -> u32 {
        self.divisor
    }

    #[inline(always)]
    pub(super) fn of(self, x: u32) -> u32 {
        let fraction = self.magic.wrapping_mul(u64::from(x));
        ((u128::from(fraction) * u128::from(self.divisor)) >> 64) as u32
    }

    pub(super) fn of_wide(self, x: u64) -> u32 {
        (x % u64::from(self.divisor.max(1))) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn remainders_are_exact(x: u32, divisor in 1..u32::MAX) {
            prop_assert_eq!(Remainder::new(divisor).of(x), x % divisor);
        }
    }

    #[test]
    fn high_bytes_are_signed() {
        assert_eq!(hash(b"a"), 0xE40C_292C);
        assert_eq!(
            hash("é".as_bytes()),
            [0xFFFF_FFC3, 0xFFFF_FFA9].iter().fold(BASIS, |h, b| (h ^ b).wrapping_mul(16_777_619))
        );
    }
}
