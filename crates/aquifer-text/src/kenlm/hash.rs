//! KenLM's hashes: of words, and of n-grams from those.

/// MurmurHash64A (Austin Appleby, public domain) with seed 0.
pub(super) fn hash_word(word: &[u8]) -> u64 {
    const M: u64 = 0xC6A4_A793_5BD1_E995;
    let mut hash = (word.len() as u64).wrapping_mul(M);
    let (eights, rest) = word.as_chunks::<8>();
    for &eight in eights {
        let k = u64::from_le_bytes(eight).wrapping_mul(M);
        hash = (hash ^ (k ^ (k >> 47)).wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(M);
    hash ^ (hash >> 47)
}

/// The n-gram `hash` with one word before it. The hash of a single word is its number.
#[inline(always)]
pub(super) fn prepend(hash: u64, word: u32) -> u64 {
    hash.wrapping_mul(8_978_948_897_894_561_157)
        ^ u64::from(word.wrapping_add(1)).wrapping_mul(17_894_857_484_156_487_943)
}
