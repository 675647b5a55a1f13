//! Records of WARC (ISO 28500: 0.17, 0.18, 1.0, 1.1) and ARC files, one after the other.

use super::members::Source;
use std::io::{self, Read};

/// One record as it lies in the file.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// `WARC-Record-ID`; ARC has none.
    pub(super) id: Option<String>,
    pub(super) url: Option<String>,
    pub(super) date: Option<String>,
    /// Of the whole body: `application/http` where headers precede a page.
    pub(super) media_type: Option<String>,
    /// `WARC-Identified-Payload-Type`: of the page, as the crawler saw it.
    pub(super) payload_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// What a record is, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page: WARC's `response`, `resource` or `conversion`, or an ARC entry.
    Page,
    /// What was asked, what was said about it, what had been seen before.
    #[default]
    Other,
}

/// Why a record is not there.
#[derive(Debug)]
pub(super) enum Broken {
    /// Reading goes on with the next record.
    Record(String),
    /// The rest of the file cannot be read.
    Rest(String),
}

pub(super) struct Records {
    source: Box<dyn Source>,
    max_bytes: usize,
    /// A line that was read and belongs to what comes next.
    pending: Option<Vec<u8>>,
    arc: bool,
    ended: bool,
}

/// A header line longer than this is not one.
const MAX_LINE: usize = 64 << 10;
/// Headers of one record.
const MAX_HEADERS: usize = 256;

impl Records {
    pub(super) fn new(source: Box<dyn Source>, max_bytes: usize) -> Self {
        Records { source, max_bytes, pending: None, arc: false, ended: false }
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Result<Record, Broken>> {
        if self.ended {
            return None;
        }
        let broken = match self.read_record() {
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Ok(Some(record)) => return Some(Ok(record)),
            Err(broken) => broken,
        };
        Some(Err(match broken {
            Fault::Form(reason) => Broken::Record(reason),
            Fault::TooLong(reason) => self.begin_anew(reason),
            Fault::Io(e) => self.begin_anew(format!("it cannot be read: {e}")),
        }))
    }

    /// After bytes that cannot be read.
    fn begin_anew(&mut self, reason: String) -> Broken {
        self.pending = None;
        match self.source.leave_behind() {
            Ok(true) => Broken::Record(reason),
            _ => {
                self.ended = true;
                Broken::Rest(reason)
            }
        }
    }

    fn read_record(&mut self) -> Result<Option<Record>, Fault> {
        let mut strange: Option<String> = None;
        let first = loop {
            let Some(line) = self.line()? else {
                return strange.map_or(Ok(None), |line| Err(Fault::Form(not_a_record(&line))));
            };
            let begins = line.starts_with(b"WARC/") || line.starts_with(b"filedesc://");
            if begins || (self.arc && arc_fields(&line).is_some()) {
                if let Some(stranger) = strange {
                    self.pending = Some(line);
                    return Err(Fault::Form(not_a_record(&stranger)));
                }
                break line;
            }
            if !line.is_empty() && strange.is_none() {
                strange = Some(String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned());
            }
        };
        if first.starts_with(b"WARC/") { self.warc().map(Some) } else { self.arc_entry(&first).map(Some) }
    }

    fn warc(&mut self) -> Result<Record, Fault> {
        let (mut record, mut length, mut named) = (Record::default(), None, None);
        let mut headers = 0;
        while let Some(line) = self.line()?.filter(|line| !line.is_empty()) {
            headers += 1;
            if headers > MAX_HEADERS {
                return Err(Fault::Form(format!("it has more than {MAX_HEADERS} headers")));
            }
            let line = String::from_utf8_lossy(&line);
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "warc-type" => named = Some(value.to_ascii_lowercase()),
                "warc-record-id" => record.id = Some(value.to_owned()),
                "warc-target-uri" => record.url = Some(value.trim_matches(['<', '>']).to_owned()),
                "warc-date" => record.date = Some(value.to_owned()),
                "warc-identified-payload-type" => record.payload_type = Some(value.to_owned()),
                "content-type" => record.media_type = Some(value.to_owned()),
                "content-length" => {
                    let number = value.parse::<u64>();
                    length = Some(number.map_err(|_| Fault::Form(format!("its Content-Length is `{value}`")))?);
                }
                _ => {}
            }
        }
        let length = length.ok_or_else(|| Fault::Form("it has no Content-Length".to_owned()))?;
        self.body(&mut record, length)?;
        record.kind = match named.as_deref() {
            Some("response" | "resource" | "conversion") => Kind::Page,
            Some("warcinfo" | "request" | "metadata" | "revisit" | "continuation") => Kind::Other,
            None => return Err(Fault::Form("it has no WARC-Type".to_owned())),
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                return Err(Fault::Form(format!("its WARC-Type is `{other}`")));
            }
        };
        Ok(record)
    }

    /// `URL IP-address Archive-date Content-type Archive-length`; the first entry of a file describes the file.
    fn arc_entry(&mut self, line: &[u8]) -> Result<Record, Fault> {
        let describes = line.starts_with(b"filedesc://");
        self.arc = true;
        let Some((url, date, media_type, length)) = arc_fields(line) else {
            return Err(Fault::Form("an ARC entry without its five fields".to_owned()));
        };
        let mut record = Record {
            kind: if describes { Kind::Other } else { Kind::Page },
            url: Some(url),
            date: Some(date),
            media_type: Some("application/http".to_owned()),
            payload_type: Some(media_type),
            ..Record::default()
        };
        self.body(&mut record, length)?;
        Ok(record)
    }

    fn body(&mut self, record: &mut Record, length: u64) -> Result<(), Fault> {
        if length > self.max_bytes as u64 {
            return Err(self.pass_over(length));
        }
        // The length is only a claim: the buffer grows by what is really there.
        let read = self.source.as_mut().take(length).read_to_end(&mut record.body)?;
        if (read as u64) < length {
            return Err(Fault::Form(format!("it ends after {read} of {length} bytes (cut short?)")));
        }
        Ok(())
    }

    /// Leaves a body behind that is longer than may be held: by the next member where there are members, so that what
    /// unpacks without end is not unpacked, and by reading on where there are none.
    fn pass_over(&mut self, length: u64) -> Fault {
        let reason = format!("it has {length} bytes, more than the {} allowed", self.max_bytes);
        match self.source.leave_behind() {
            Ok(true) => Fault::Form(reason),
            Err(e) => Fault::Io(e),
            Ok(false) => match io::copy(&mut self.source.as_mut().take(length), &mut io::sink()) {
                Ok(passed) if passed == length => Fault::Form(reason),
                Ok(_) => Fault::TooLong(reason),
                Err(e) => Fault::Io(e),
            },
        }
    }

    /// The next line without its end, cut at [`MAX_LINE`]; `None` at the end of the file.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        if let Some(line) = self.pending.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let source = &mut self.source;
        if io::BufRead::read_until(&mut source.as_mut().take(MAX_LINE as u64), b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() == MAX_LINE && line.last() != Some(&b'\n') {
            io::BufRead::skip_until(source, b'\n')?;
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        Ok(Some(line))
    }
}

fn not_a_record(line: &str) -> String {
    format!("a record should begin with `WARC/`, here is `{}`", line.escape_debug())
}

/// Address, date, type and length. An address may hold spaces, the others cannot.
fn arc_fields(line: &[u8]) -> Option<(String, String, String, u64)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.rsplitn(5, ' ');
    let (length, media_type, date, _address) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (url, length) = (fields.next()?, length.parse().ok()?);
    let dated = date.len() >= 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    (dated && url.contains(':')).then(|| (url.to_owned(), date.to_owned(), media_type.to_owned(), length))
}

enum Fault {
    /// The record is not as it should be; what follows may be.
    Form(String),
    /// Too long, and its end is not there.
    TooLong(String),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        Fault::Io(e)
    }
}
