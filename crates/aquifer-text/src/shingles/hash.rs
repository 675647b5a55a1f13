//! The hashes of words and runs of words.

use sha1::{Digest, Sha1};
use twox_hash::{XxHash32, XxHash64};

/// Which hash, and how many bits of it. Thirty-two bits come widened with zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// XXH64 with seed 0: datatrove's default.
    #[default]
    Xxh64,
    /// XXH32 with seed 0.
    Xxh32,
    /// The first eight bytes of SHA-1, least significant first: what FineWeb was made with.
    Sha1x64,
    /// The first four bytes of SHA-1, least significant first: datasketch, text-dedup and FlagData.
    Sha1x32,
}

impl Hash {
    /// The hash of these bytes.
    pub fn of(self, bytes: &[u8]) -> u64 {
        let sha1 = |n: usize| {
            let mut first = [0; 8];
            first[..n].copy_from_slice(&Sha1::digest(bytes)[..n]);
            u64::from_le_bytes(first)
        };
        match self {
            Hash::Xxh64 => XxHash64::oneshot(0, bytes),
            Hash::Xxh32 => u64::from(XxHash32::oneshot(0, bytes)),
            Hash::Sha1x64 => sha1(8),
            Hash::Sha1x32 => sha1(4),
        }
    }

    /// How many bytes a value takes: 4 or 8.
    pub fn bytes(self) -> usize {
        match self {
            Hash::Xxh64 | Hash::Sha1x64 => 8,
            Hash::Xxh32 | Hash::Sha1x32 => 4,
        }
    }
}
