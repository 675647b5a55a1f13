//! The hash that a weight file carries of its own tensors, so that a bit that flips on a disk or on the way is
//! noticed by whoever loads it.
//!
//! It stands in the file's `__metadata__`, where other readers pass over it, and goes wherever the file goes. Files
//! without one, from elsewhere, are read as they are.

use aquifer_tensor::threads;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// The key in `__metadata__`.
pub(super) const KEY: &str = "aquifer.data";

/// What a value begins with. Anything else is of a version to come, and says nothing to this one.
const KIND: &str = "sha256-of-sha256s-of-mib:";

/// Bytes hashed by themselves, so that threads can share a file.
const PIECE: usize = 1 << 20;

/// The seal of tensors that lie in memory, by all threads.
pub(super) fn seal(data: &[u8]) -> String {
    let mut digests = vec![[0_u8; 32]; data.len().div_ceil(PIECE)];
    threads::parallel_chunks(&mut digests, 1, |i, digest| {
        digest[0] = Sha256::digest(&data[i * PIECE..data.len().min((i + 1) * PIECE)]).into();
    });
    name(digests.as_flattened())
}

/// Whether this version knows what the value says.
pub(super) fn known(value: &str) -> bool {
    value.starts_with(KIND)
}

fn name(digests: &[u8]) -> String {
    let hex: String = Sha256::digest(digests).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{KIND}{hex}")
}

/// The seal of tensors that are written one after another.
#[derive(Default)]
pub(super) struct Sealing {
    piece: Sha256,
    filled: usize,
    digests: Vec<u8>,
}

impl Sealing {
    pub(super) fn finish(mut self) -> String {
        self.end_piece();
        name(&self.digests)
    }

    fn end_piece(&mut self) {
        if self.filled > 0 {
            self.digests.extend(self.piece.finalize_reset());
            self.filled = 0;
        }
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.filled);
        self.piece.update(&bytes[..taken]);
        self.filled += taken;
        if self.filled == PIECE {
            self.end_piece();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_the_size_of_writes_change_nothing() {
        let data: Vec<u8> = (0..3 * PIECE as u32 + 77).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        for n in [0, 1, PIECE - 1, PIECE, PIECE + 1, data.len()] {
            let sealed = threads::with(1, || seal(&data[..n]));
            assert_eq!(threads::with(3, || seal(&data[..n])), sealed);
            for step in [1000, 1 << 18, 5 << 18] {
                let mut sealing = Sealing::default();
                data[..n].chunks(step).for_each(|part| sealing.write_all(part).unwrap());
                assert_eq!(sealing.finish(), sealed, "{n} bytes by {step}");
            }
        }
        assert!(known(&seal(b"x")) && !known("blake9:00"));
    }
}
