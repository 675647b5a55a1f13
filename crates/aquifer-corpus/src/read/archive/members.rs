//! A gzip file as a row of members, a broken one of which can be left behind.
//!
//! Crawls hold one record a member, so that damage costs one record and not the rest of the file.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// Bytes that may be left behind where they cannot be read.
pub(super) trait Source: BufRead + Send {
    /// After an error: goes to where reading may begin anew; false if there is no such place.
    fn leave_behind(&mut self) -> io::Result<bool>;
}

/// What has no inner boundaries to begin anew at.
pub(super) struct Plain(pub(super) Box<dyn BufRead + Send>);

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Plain {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Source for Plain {
    fn leave_behind(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// The members of a gzip file, one after the other.
pub(super) struct Members(State);

enum State {
    Between(Rewind),
    Inside(GzDecoder<Rewind>),
    /// Only while one becomes the other.
    Moving,
}

impl Members {
    pub(super) fn new(raw: Box<dyn BufRead + Send>) -> BufReader<Self> {
        let raw = Rewind { raw, kept: Vec::new(), again: 0 };
        BufReader::with_capacity(1 << 16, Members(State::Between(raw)))
    }

    fn raw(&mut self) -> Rewind {
        match std::mem::replace(&mut self.0, State::Moving) {
            State::Between(raw) => raw,
            State::Inside(decoder) => decoder.into_inner(),
            State::Moving => unreachable!("the state is put back before anything can fail"),
        }
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.0 {
                State::Inside(decoder) => match decoder.read(buffer)? {
                    0 => self.0 = State::Between(self.raw()),
                    n => return Ok(n),
                },
                State::Between(raw) => {
                    if raw.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    raw.forget();
                    self.0 = State::Inside(GzDecoder::new(self.raw()));
                }
                State::Moving => unreachable!("the state is put back before anything can fail"),
            }
        }
    }
}

impl Source for BufReader<Members> {
    fn leave_behind(&mut self) -> io::Result<bool> {
        self.consume(self.buffer().len());
        let mut raw = self.get_mut().raw();
        raw.go_back();
        let found = next_member(&mut raw);
        self.get_mut().0 = State::Between(raw);
        found
    }
}

/// Goes to the next place where a member may begin, at least one byte on.
fn next_member(raw: &mut Rewind) -> io::Result<bool> {
    const MAGIC: [u8; 3] = [0x1F, 0x8B, 8];
    // How much of it the last bytes are.
    let (mut matched, mut first) = (0, true);
    loop {
        let buffer = raw.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let mut passed = 0;
        for &byte in buffer {
            passed += 1;
            matched = match byte {
                _ if std::mem::take(&mut first) => 0,
                _ if byte == MAGIC[matched] => matched + 1,
                _ => usize::from(byte == MAGIC[0]),
            };
            if matched == MAGIC.len() {
                break;
            }
        }
        raw.consume(passed);
        if matched == MAGIC.len() {
            raw.back(MAGIC.len());
            return Ok(true);
        }
    }
}

/// Keeps what was read since a member began, so that the search for the next one does not begin where a broken one
/// led: into the next, or beyond.
struct Rewind {
    raw: Box<dyn BufRead + Send>,
    kept: Vec<u8>,
    /// How much of what is kept was read (again).
    again: usize,
}

/// The most that is kept: members of pages are far shorter.
const KEPT: usize = 1 << 17;

impl Rewind {
    fn forget(&mut self) {
        self.kept.drain(..self.again);
        self.again = 0;
    }

    fn go_back(&mut self) {
        self.again = 0;
    }

    fn back(&mut self, bytes: usize) {
        self.again -= bytes;
    }
}

impl Read for Rewind {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buffer.len());
        buffer[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Rewind {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.again < self.kept.len() { Ok(&self.kept[self.again..]) } else { self.raw.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        if self.again == self.kept.len() && amount > 0 {
            // Whoever consumes has just filled: the bytes are at hand, and no error can come.
            let bytes = self.raw.fill_buf().map_or(&[][..], |bytes| &bytes[..amount.min(bytes.len())]);
            self.kept.extend_from_slice(bytes);
            self.raw.consume(amount);
            if self.kept.len() > 2 * KEPT {
                self.kept.drain(..self.kept.len() - KEPT);
            }
            self.again = self.kept.len();
        } else {
            self.again += amount;
        }
    }
}
