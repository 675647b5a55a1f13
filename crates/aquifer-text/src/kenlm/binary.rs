//! The head of KenLM's binary files, and numbers at offsets.

use super::MAX_ORDER;

const MAGIC: &[u8] = b"mmap lm http://kheafield.com/code format version 5\n\0";
/// What all its versions begin with.
const ANY_MAGIC: &[u8] = b"mmap lm http://kheafield.com/code";
/// The magic padded to 56 bytes, then numbers by which a machine tells that it stores them alike.
const SANITY: usize = 88;
/// Order, multiplier, kind, whether there are words, version.
const FIXED: usize = 20;

/// What the file says of itself.
pub(super) struct Header {
    /// How many n-grams of each length.
    pub(super) counts: Vec<u64>,
    /// Buckets of a hash table for each of its entries.
    pub(super) multiplier: f32,
    pub(super) quantised: bool,
    pub(super) compressed: bool,
    trie: bool,
    /// Where the data begins.
    pub(super) length: usize,
}

impl Header {
    /// Nothing if this is no binary of KenLM's.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        if !bytes.starts_with(ANY_MAGIC) {
            return Ok(None);
        }
        if !bytes.starts_with(MAGIC) {
            let line = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]);
            return Err(format!(
                "it begins with {:?}; version 5 of the format can be read",
                line.lines().next().unwrap_or("")
            ));
        }
        let cut = || format!("its header should be longer, but the file ends after {} bytes", bytes.len());
        if bytes.len() < SANITY + FIXED {
            return Err(cut());
        }
        if bytes[56..SANITY] != sanity() {
            return Err("it was written on a machine that stores numbers differently; build it again here".into());
        }
        let order = usize::from(bytes[SANITY]);
        if !(2..=MAX_ORDER).contains(&order) {
            return Err(format!("its n-grams are up to {order} words long; 2 to {MAX_ORDER} can be read"));
        }
        let multiplier = f32::from_bits(u32_at(bytes, SANITY + 4));
        let kind = u32_at(bytes, SANITY + 8);
        let version = u32_at(bytes, SANITY + 16);
        let (trie, quantised, compressed) = match kind {
            0 => (false, false, false),
            1 => return Err("it holds rest costs (build_binary -r), which are not supported; build it without".into()),
            2..=5 => (true, kind % 2 == 1, kind >= 4),
            _ => return Err(format!("its kind is number {kind}; 0 to 5 are known")),
        };
        if version != u32::from(trie) {
            return Err(format!("its search is version {version}; {} can be read", u32::from(trie)));
        }
        if !trie && !(1.0..1e6).contains(&multiplier) {
            return Err(format!("its hash tables have {multiplier} buckets an entry"));
        }
        let length = (SANITY + FIXED + 8 * order).next_multiple_of(8);
        if bytes.len() < length {
            return Err(cut());
        }
        let counts: Vec<u64> = (0..order).map(|i| u64_at(bytes, SANITY + FIXED + 8 * i)).collect();
        // Every entry takes a bit or more; larger counts would only overflow.
        if let Some(count) = counts.iter().find(|&&count| count > 8 * bytes.len() as u64) {
            return Err(format!("it claims {count} n-grams of one length in {} bytes", bytes.len()));
        }
        Ok(Some(Header { counts, multiplier, quantised, compressed, trie, length }))
    }

    pub(super) fn is_trie(&self) -> bool {
        self.trie
    }
}

/// 0, 1, −½; word 1, the largest word, padding; 1: as this machine, or any little-endian one, stores them.
fn sanity() -> [u8; SANITY - 56] {
    let floats = [0f32, 1.0, -0.5].map(f32::to_bits);
    let mut out = [0; SANITY - 56];
    for (at, number) in [floats[0], floats[1], floats[2], 1, u32::MAX, 0, 1, 0].into_iter().enumerate() {
        out[4 * at..][..4].copy_from_slice(&number.to_le_bytes());
    }
    out
}

/// Walks over the parts of a file, checking that each fits.
pub(super) struct Parts {
    at: usize,
    file: usize,
}

impl Parts {
    /// From behind the header.
    pub(super) fn new(header: &Header, file: &[u8]) -> Self {
        Parts { at: header.length, file: file.len() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the next `length` bytes begin.
    pub(super) fn take(&mut self, length: u64, what: &str) -> Result<usize, String> {
        let start = self.at;
        let end =
            usize::try_from(length).ok().and_then(|length| start.checked_add(length)).filter(|&end| end <= self.file);
        self.at = end.ok_or_else(|| {
            format!("{what} should take {length} bytes from byte {start} on, but the file ends at {}", self.file)
        })?;
        Ok(start)
    }
}

/// Zero beyond the end, which only damaged files ask for.
#[inline(always)]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |&eight| u64::from_le_bytes(eight))
}

#[inline(always)]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |&four| u32::from_le_bytes(four))
}

#[inline(always)]
pub(super) fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}
