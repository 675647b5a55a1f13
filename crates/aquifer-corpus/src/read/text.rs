//! Plain text: one document a file, or several where the file is longer than memory should hold.

use super::Skipped;
use crate::{Document, cut::boundary};
use std::io::{BufRead, Read};

pub(super) struct Pieces {
    reader: Box<dyn BufRead + Send>,
    name: String,
    max_bytes: usize,
    buffer: Vec<u8>,
    ended: bool,
    /// Newlines before the buffer.
    lines: u64,
    pieces: u64,
}

impl Pieces {
    pub(super) fn new(reader: Box<dyn BufRead + Send>, name: String, max_bytes: usize) -> Self {
        let max_bytes = max_bytes.max(16);
        Pieces { reader, name, max_bytes, buffer: Vec::new(), ended: false, lines: 0, pieces: 0 }
    }

    /// Reads until the buffer holds more than one piece, or the file ends.
    fn fill(&mut self) -> std::io::Result<()> {
        let wanted = self.max_bytes + 1;
        if !self.ended && self.buffer.len() < wanted {
            let more = (wanted - self.buffer.len()) as u64;
            let read = self.reader.as_mut().take(more).read_to_end(&mut self.buffer)?;
            self.ended = (read as u64) < more;
        }
        Ok(())
    }

    fn skipped(&self, line: Option<u64>, reason: String) -> Option<Result<Document, Skipped>> {
        Some(Err(Skipped { file: self.name.clone(), line, reason }))
    }

    fn cut_off(&mut self, bytes: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(bytes);
        let piece = std::mem::replace(&mut self.buffer, rest);
        self.lines += count_lines(&piece);
        piece
    }

    fn give_up(&mut self, reason: String) -> Option<Result<Document, Skipped>> {
        (self.ended, self.buffer) = (true, Vec::new());
        self.skipped(None, reason)
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&b| b == b'\n').count() as u64
}

impl Iterator for Pieces {
    type Item = Result<Document, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Err(e) = self.fill() {
                return self.give_up(format!("it cannot be read to the end: {e}"));
            }
            if self.buffer.is_empty() {
                return None;
            }
            if self.pieces == 0 {
                match self.buffer.as_slice() {
                    [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                        return self.give_up("it is UTF-16: convert it, `iconv -f UTF-16 -t UTF-8`".to_owned());
                    }
                    start if start[..start.len().min(8192)].contains(&0) => {
                        return self.give_up("it is a binary file, not text (it holds zero bytes)".to_owned());
                    }
                    _ => {}
                }
            }
            let whole = self.ended && self.buffer.len() <= self.max_bytes;
            let first_line = self.lines + 1;
            // A character may be cut in half by the end of the buffer, unless the file ends there too.
            let valid = match std::str::from_utf8(&self.buffer) {
                Ok(text) => text,
                Err(e) if e.error_len().is_none() && !self.ended => {
                    std::str::from_utf8(&self.buffer[..e.valid_up_to()]).expect("the error says so")
                }
                Err(e) => {
                    let at = e.valid_up_to();
                    let line = self.lines + count_lines(&self.buffer[..at]) + 1;
                    let bad = self.buffer[at];
                    let window = &self.buffer[..self.buffer.len().min(self.max_bytes)];
                    let end = if whole {
                        window.len()
                    } else {
                        window.iter().rposition(|&b| b == b'\n').map_or(window.len(), |p| p + 1)
                    };
                    self.pieces += 1;
                    self.cut_off(end.max(at + 1).min(self.buffer.len()));
                    let part = if whole { "the file" } else { "this part of the file" };
                    let reason = format!(
                        "invalid UTF-8 (byte 0x{bad:02X}), so {part} is left out; if it is in another encoding, convert \
                         it, for example `iconv -f GB18030 -t UTF-8`"
                    );
                    return self.skipped(Some(line), reason);
                }
            };
            let end = if whole { valid.len() } else { boundary(valid, self.max_bytes) };
            let piece = self.cut_off(end);
            self.pieces += 1;
            let text = String::from_utf8(piece).expect("checked above");
            if text.trim().is_empty() {
                if whole && self.pieces == 1 {
                    return self.skipped(None, "it holds no text, only white space".to_owned());
                }
                continue;
            }
            let id =
                if whole && self.pieces == 1 { self.name.clone() } else { format!("{}#{}", self.name, self.pieces) };
            let mut document = Document::new(id, text);
            if first_line > 1 {
                document.metadata.insert("line".to_owned(), first_line.into());
            }
            return Some(Ok(document));
        }
    }
}
