//! What documents leave for a barrier, and what it decides about each: byte strings, each behind its length, in the order of
//! the documents; a file a part.

use super::super::PipelineError;
use super::super::layout::Layout;
use aquifer_record::{FileError, write_atomic_bytes};
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

const LENGTH: usize = size_of::<u32>();

/// Appends what `write` writes, behind its length.
pub(super) fn put(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; LENGTH]);
    write(out);
    let length = (out.len() - start - LENGTH) as u32;
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

/// The next string of `bytes`, and what stands behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// The marks of all documents, on the disk.
pub(super) struct Marks {
    parts: Vec<Option<Mmap>>,
    places: Vec<Place>,
    counts: Vec<usize>,
}

struct Place {
    part: u32,
    at: u64,
    bytes: u32,
}

impl Marks {
    pub(super) fn open(layout: &Layout, segment: usize, parts: usize) -> Result<Self, PipelineError> {
        let mut marks = Marks { parts: Vec::new(), places: Vec::new(), counts: Vec::new() };
        for part in 0..parts {
            let path = layout.marks(segment, part);
            let map = map(&path)?;
            let (whole, before) = (map.as_deref().unwrap_or_default(), marks.places.len());
            let mut left = whole;
            while !left.is_empty() {
                let (mark, rest) = split(left).ok_or_else(|| cut_short(&path))?;
                let at = (whole.len() - rest.len() - mark.len()) as u64;
                marks.places.push(Place { part: part as u32, at, bytes: mark.len() as u32 });
                left = rest;
            }
            marks.counts.push(marks.places.len() - before);
            marks.parts.push(map);
        }
        if u32::try_from(marks.places.len()).is_err() {
            return Err(PipelineError::TooMany);
        }
        Ok(marks)
    }

    /// How many documents there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many documents each part has.
    pub(super) fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// What a document left.
    pub(super) fn of(&self, i: usize) -> &[u8] {
        let Place { part, at, bytes } = self.places[i];
        let map = self.parts[part as usize].as_deref().unwrap_or_default();
        &map[at as usize..][..bytes as usize]
    }

    /// What each document left, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.of(i))
    }
}

fn map(path: &Path) -> Result<Option<Mmap>, FileError> {
    let failed = || FileError::at("read", path);
    let file = File::open(path).map_err(failed())?;
    match file.metadata().map_err(failed())?.len() {
        0 => Ok(None),
        // SAFETY: the file is this run's own and whole; nobody writes to it once it has its name.
        _ => unsafe { Mmap::map(&file) }.map(Some).map_err(failed()),
    }
}

fn cut_short(path: &Path) -> PipelineError {
    PipelineError::Damaged { path: path.to_path_buf(), why: "it is cut short".to_owned() }
}

/// Takes the decisions about all documents in order, and writes a file for every part.
pub(super) struct Decisions<'a> {
    layout: &'a Layout,
    segment: usize,
    counts: &'a [usize],
    part: usize,
    taken: usize,
    bytes: Vec<u8>,
}

impl<'a> Decisions<'a> {
    pub(super) fn new(layout: &'a Layout, segment: usize, counts: &'a [usize]) -> Self {
        Decisions { layout, segment, counts, part: 0, taken: 0, bytes: Vec::new() }
    }

    /// The next document's.
    pub(super) fn put(&mut self, decision: &[u8]) -> Result<(), PipelineError> {
        self.write_full()?;
        put(&mut self.bytes, |out| out.extend_from_slice(decision));
        self.taken += 1;
        Ok(())
    }

    /// Writes the parts that have all of theirs.
    fn write_full(&mut self) -> Result<(), PipelineError> {
        while self.counts.get(self.part) == Some(&self.taken) {
            write_atomic_bytes(&self.layout.decisions(self.segment, self.part), &self.bytes)?;
            self.bytes.clear();
            (self.part, self.taken) = (self.part + 1, 0);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), PipelineError> {
        self.write_full()?;
        assert_eq!(self.part, self.counts.len(), "a decision about every document");
        Ok(())
    }
}

/// What was decided about the documents of a part, in order.
pub(in super::super) fn decisions(layout: &Layout, segment: usize, part: usize) -> Result<Vec<Vec<u8>>, PipelineError> {
    let path = layout.decisions(segment, part);
    let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
    let (mut left, mut found) = (bytes.as_slice(), Vec::new());
    while !left.is_empty() {
        let (decision, rest) = split(left).ok_or_else(|| cut_short(&path))?;
        found.push(decision.to_vec());
        left = rest;
    }
    Ok(found)
}
