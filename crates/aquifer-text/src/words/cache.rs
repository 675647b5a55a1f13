//! Chunks seen before and what they fell into: most of a text is made of few different ones.

use super::Traits;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// A piece of a chunk.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// Bytes.
    pub len: u32,
    /// Characters.
    pub chars: u32,
    pub traits: Traits,
}

/// Longer chunks are worked out anew each time.
pub(super) const LONGEST: usize = 48;
const SLOTS: usize = 1 << 17;
const FULLEST: usize = SLOTS / 2;

/// A table of bounded size (a few MB), emptied when it is full.
pub(super) struct Cache {
    /// The hash's upper half, and one more than the index of the entry; 0 where there is none.
    slots: Vec<(u32, u32)>,
    entries: Vec<Entry>,
    keys: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u32,
    pieces: u32,
    key_len: u8,
    pieces_len: u8,
}

impl Cache {
    pub(super) fn new() -> Self {
        Cache { slots: vec![(0, 0); SLOTS], entries: Vec::new(), keys: Vec::new(), pieces: Vec::new() }
    }

    /// What the chunk (of at most [`LONGEST`] bytes) falls into; `make` works it out the first time.
    pub(super) fn get(&mut self, chunk: &str, make: impl FnOnce(&mut Vec<Piece>)) -> &[Piece] {
        let mut hasher = FxHasher::default();
        hasher.write(chunk.as_bytes());
        let hash = hasher.finish();
        let tag = (hash >> 32) as u32;
        let mut slot = hash as usize % SLOTS;
        while self.slots[slot].1 != 0 {
            if self.slots[slot].0 == tag {
                let entry = self.entries[self.slots[slot].1 as usize - 1];
                if &self.keys[entry.key as usize..][..entry.key_len as usize] == chunk.as_bytes() {
                    return &self.pieces[entry.pieces as usize..][..entry.pieces_len as usize];
                }
            }
            slot = (slot + 1) % SLOTS;
        }
        if self.entries.len() == FULLEST {
            *self = Cache::new();
            slot = hash as usize % SLOTS;
        }
        let (key, first) = (self.keys.len(), self.pieces.len());
        self.keys.extend_from_slice(chunk.as_bytes());
        make(&mut self.pieces);
        // No more pieces than bytes, so every number here is small.
        let pieces_len = self.pieces.len() - first;
        let entry =
            Entry { key: key as u32, pieces: first as u32, key_len: chunk.len() as u8, pieces_len: pieces_len as u8 };
        self.entries.push(entry);
        self.slots[slot] = (tag, self.entries.len() as u32);
        &self.pieces[first..]
    }
}
