//! The printable stand-ins that byte-level vocabularies write for the 256 bytes.
//!
//! Radford et al., "Language models are unsupervised multitask learners", 2019, and the `tokenizer.json` files that
//! followed: printable Latin-1 characters stand for themselves, the 68 other bytes for U+0100 onwards in byte order.

/// The character that stands for a byte.
pub(crate) fn byte_to_char(byte: u8) -> char {
    match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        _ => {
            let earlier = (0..byte).filter(|b| !matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)).count();
            char::from_u32(0x100 + earlier as u32).expect("68 code points above U+0100 are all characters")
        }
    }
}

/// The byte a character stands for, if it stands for one.
pub(crate) fn char_to_byte(c: char) -> Option<u8> {
    match c as u32 {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => Some(c as u32 as u8),
        n @ 0x100..=0x143 => {
            let unprintable = (0..=255_u8).filter(|b| !matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF));
            unprintable.into_iter().nth((n - 0x100) as usize)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_one() {
        for b in 0..=255 {
            assert_eq!(char_to_byte(byte_to_char(b)), Some(b));
        }
        assert_eq!(byte_to_char(b' '), 'Ġ');
        assert_eq!(byte_to_char(b'\n'), 'Ċ');
        assert_eq!(char_to_byte('中'), None);
        assert_eq!((char_to_byte('\u{143}'), char_to_byte('\u{144}')), (Some(0xAD), None));
    }
}
