//! What earlier runs met: the keys of all their documents, in a file that a later run compares its own with.
//!
//! A file is a line that names the format, a line of JSON with what the keys were made by, the keys (of one width, each once,
//! in ascending order), and their number as eight bytes, least significant first. It is read and written from one end to the
//! other, so it may be larger than memory.

use super::damaged;
use aquifer_record::{FileError, Writing};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

const FORMAT: &str = "aquifer index 1";
/// What is held of a file while it is read or written.
const BUFFER: usize = 1 << 16;
/// Longest line at the beginning.
const LINE: u64 = 1 << 12;
const COUNT: u64 = size_of::<u64>() as u64;

/// An index that is read.
pub struct IndexReader {
    input: BufReader<File>,
    path: PathBuf,
    left: u64,
    /// The key that was read last, and the one before it.
    key: Vec<u8>,
    last: Vec<u8>,
    first: bool,
}

impl IndexReader {
    /// Opens an index of keys of `width` bytes, made by what `about` says.
    ///
    /// # Errors
    /// If it cannot be read, is no index or is cut short, or its keys were made by something else.
    pub fn open(path: &Path, about: &str, width: usize) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::at("open", path))?;
        let bytes = file.metadata().map_err(FileError::at("look at", path))?.len();
        let mut input = BufReader::with_capacity(BUFFER, file);
        let mut begin = 0;
        let mut line = || {
            let mut line = Vec::new();
            begin +=
                input.by_ref().take(LINE).read_until(b'\n', &mut line).map_err(FileError::at("read", path))? as u64;
            Ok::<_, FileError>(String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or_default()).into_owned())
        };
        if line()? != FORMAT {
            return Err(damaged(path, format!("it is no index: its first line should be `{FORMAT}`")));
        }
        let theirs = line()?;
        if theirs != about {
            let why = format!("its keys were made by {theirs}, those of this run by {about}: they cannot be compared");
            return Err(damaged(path, why));
        }
        let keys = bytes.saturating_sub(begin + COUNT);
        let (key, last) = (vec![0; width], vec![0; width]);
        let mut index =
            IndexReader { input, path: path.to_path_buf(), left: keys / width as u64, key, last, first: true };
        if bytes < begin + COUNT || keys % width as u64 != 0 || index.count(bytes - COUNT, begin)? != index.left {
            return Err(damaged(path, "it is cut short: write it anew"));
        }
        Ok(index)
    }

    /// The number that stands at `at`; then goes back to the keys.
    fn count(&mut self, at: u64, begin: u64) -> Result<u64, FileError> {
        use std::io::{Seek, SeekFrom};
        let mut count = [0; COUNT as usize];
        let mut read = || {
            self.input.seek(SeekFrom::Start(at))?;
            self.input.read_exact(&mut count)?;
            self.input.seek(SeekFrom::Start(begin))
        };
        read().map_err(FileError::at("read", &self.path))?;
        Ok(u64::from_le_bytes(count))
    }

    /// The next key.
    ///
    /// # Errors
    /// If it cannot be read, or is not above the one before.
    #[allow(clippy::should_implement_trait)] // It lends what it returns, which an iterator cannot.
    pub fn next(&mut self) -> Result<Option<&[u8]>, FileError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        std::mem::swap(&mut self.key, &mut self.last);
        self.input.read_exact(&mut self.key).map_err(FileError::at("read", &self.path))?;
        if !self.first && self.last >= self.key {
            return Err(damaged(&self.path, "its keys do not ascend: write it anew"));
        }
        self.first = false;
        Ok(Some(&self.key))
    }

    /// Refuses an index of another number of keys.
    ///
    /// # Errors
    /// If it has not so many.
    pub fn expect_count(&self, count: u64) -> Result<(), FileError> {
        match self.left == count {
            true => Ok(()),
            false => Err(damaged(&self.path, format!("it should hold {count} keys, it holds {}", self.left))),
        }
    }

    /// Hands all keys that are left to `each` as they lie there, a piece at a time, each with its place in bytes; they are not
    /// held to any order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn each_piece(mut self, mut each: impl FnMut(usize, &[u8])) -> Result<(), FileError> {
        let (mut at, all) = (0, self.left as usize * self.key.len());
        let mut piece = vec![0; BUFFER];
        while at < all {
            let piece = &mut piece[..BUFFER.min(all - at)];
            self.input.read_exact(piece).map_err(FileError::at("read", &self.path))?;
            each(at, piece);
            at += piece.len();
        }
        Ok(())
    }
}

/// An index that is written: it appears whole or not at all.
pub struct IndexWriter {
    out: Writing,
    buffer: Vec<u8>,
    count: u64,
}

impl IndexWriter {
    /// Begins one of keys made by what `about` says.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(path: &Path, about: &str) -> Result<Self, FileError> {
        let buffer = format!("{FORMAT}\n{about}\n").into_bytes();
        Ok(IndexWriter { out: Writing::begin(path)?, buffer, count: 0 })
    }

    /// The next key.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn push(&mut self, key: &[u8]) -> Result<(), FileError> {
        if self.buffer.len() + key.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(key);
        self.count += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FileError> {
        self.out.write_all(&self.buffer).map_err(|cause| self.out.failed(cause))?;
        self.buffer.clear();
        Ok(())
    }

    /// Puts it under its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.buffer.extend(self.count.to_le_bytes());
        self.flush()?;
        self.out.finish()
    }
}

/// The keys of earlier runs, which pass by those of this one; and the index of both that is left for later runs.
pub struct Seen {
    earlier: Vec<IndexReader>,
    /// The next key of each.
    heads: Vec<Option<Vec<u8>>>,
    save: Option<IndexWriter>,
}

impl Seen {
    /// Opens the indexes of earlier runs, and begins the file for this one, where there is to be one.
    ///
    /// # Errors
    /// As [`IndexReader::open`] and [`IndexWriter::begin`].
    pub fn open(earlier: &[PathBuf], save: Option<&Path>, about: &str, width: usize) -> Result<Self, FileError> {
        let earlier =
            earlier.iter().map(|path| IndexReader::open(path, about, width)).collect::<Result<Vec<_>, _>>()?;
        let heads = vec![None; earlier.len()];
        let save = save.map(|path| IndexWriter::begin(path, about)).transpose()?;
        let mut seen = Seen { earlier, heads, save };
        (0..seen.heads.len()).try_for_each(|i| seen.advance(i))?;
        Ok(seen)
    }

    /// Whether an earlier run met this key. Keys are to come in ascending order, each once.
    ///
    /// # Errors
    /// If an index cannot be read or written.
    pub fn has(&mut self, key: &[u8]) -> Result<bool, FileError> {
        self.pass(Some(key))?;
        let mut found = false;
        for i in 0..self.heads.len() {
            if self.heads[i].as_deref() == Some(key) {
                found = true;
                self.advance(i)?;
            }
        }
        if let Some(save) = &mut self.save {
            save.push(key)?;
        }
        Ok(found)
    }

    /// Takes over what earlier runs have beyond the last key, and puts the file for later ones under its name.
    ///
    /// # Errors
    /// If an index cannot be read or written.
    pub fn finish(mut self) -> Result<(), FileError> {
        if self.save.is_some() {
            self.pass(None)?;
        }
        self.save.map_or(Ok(()), IndexWriter::finish)
    }

    /// Goes past all earlier keys below this one, or past all.
    fn pass(&mut self, until: Option<&[u8]>) -> Result<(), FileError> {
        loop {
            let least = self.heads.iter().flatten().min().filter(|head| until.is_none_or(|key| head.as_slice() < key));
            let Some(least) = least.cloned() else { return Ok(()) };
            if let Some(save) = &mut self.save {
                save.push(&least)?;
            }
            for i in 0..self.heads.len() {
                if self.heads[i].as_ref() == Some(&least) {
                    self.advance(i)?;
                }
            }
        }
    }

    fn advance(&mut self, i: usize) -> Result<(), FileError> {
        self.heads[i] = self.earlier[i].next()?.map(<[u8]>::to_vec);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, about: &str, keys: &[&[u8; 2]]) {
        let mut out = IndexWriter::begin(path, about).unwrap();
        keys.iter().for_each(|key| out.push(*key).unwrap());
        out.finish().unwrap();
    }

    #[test]
    fn earlier_keys_are_found_and_handed_on() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        write(&at("one"), "x", &[b"aa", b"cc", b"ff"]);
        write(&at("two"), "x", &[b"bb", b"cc", b"zz"]);
        let mut seen = Seen::open(&[at("one"), at("two")], Some(&at("both")), "x", 2).unwrap();
        let keys: [&[u8; 2]; 5] = [b"ab", b"bb", b"cc", b"dd", b"ff"];
        assert_eq!(keys.map(|key| seen.has(key).unwrap()), [false, true, true, false, true]);
        seen.finish().unwrap();
        let mut both = IndexReader::open(&at("both"), "x", 2).unwrap();
        let mut found = String::new();
        while let Some(key) = both.next().unwrap() {
            found += std::str::from_utf8(key).unwrap();
        }
        assert_eq!(found, "aaabbbccddffzz");
        let mut none = Seen::open(&[], None, "x", 2).unwrap();
        assert!(!none.has(b"aa").unwrap());
        none.finish().unwrap();
    }

    #[test]
    fn what_is_no_index_of_these_keys_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        write(&path, "{\"method\":\"exact\"}", &[b"aa", b"bb"]);
        let whole = std::fs::read(&path).unwrap();
        let refused = |about: &str| IndexReader::open(&path, about, 2).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refused("{\"method\":\"url\"}").contains("made by {\"method\":\"exact\"}"));
        for cut in [0, 3, 20, whole.len() - 1, whole.len() - 2] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(!refused("{\"method\":\"exact\"}").is_empty(), "{cut}");
        }
        let turned = [&whole[..whole.len() - 12], b"bbaa", &2_u64.to_le_bytes()].concat();
        std::fs::write(&path, turned).unwrap();
        let mut index = IndexReader::open(&path, "{\"method\":\"exact\"}", 2).unwrap();
        assert!(index.next().is_ok() && index.next().unwrap_err().to_string().contains("ascend"));
    }
}
