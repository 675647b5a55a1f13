//! Web archives: WARC, WET and ARC files, plain, gzip or Zstandard; and single pages of HTML.
//!
//! Pages come out as they were served, markup and all, in UTF-8; taking the text out of them is not the reader's work.
//! Broken records are left behind one by one: behind damage reading goes on with the next gzip member, or the next
//! line that begins a record.

pub(super) mod charset;
mod http;
mod members;
mod records;

use super::format::Compression;
use super::{ReadOptions, Skipped};
use crate::Document;
use members::{Members, Plain};
use records::{Broken, Kind, Record, Records};
use std::io::{self, BufRead, Read};

pub(super) struct Pages {
    records: Records,
    name: String,
    max_bytes: usize,
    /// Records so far.
    count: u64,
}

impl Pages {
    pub(super) fn open(
        raw: Box<dyn BufRead + Send>,
        compression: Compression,
        name: String,
        options: &ReadOptions,
    ) -> io::Result<Self> {
        let max_bytes = options.max_page_bytes;
        let records = match compression {
            Compression::Gzip => Records::new(Box::new(Members::new(raw)), max_bytes),
            _ => Records::new(Box::new(Plain(compression.open(raw)?)), max_bytes),
        };
        Ok(Pages { records, name, max_bytes, count: 0 })
    }
}

impl Iterator for Pages {
    type Item = Result<Document, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = self.records.next()?;
            self.count += 1;
            let skipped = |line, reason| Some(Err(Skipped { file: self.name.clone(), line, reason }));
            match next {
                Ok(Record { kind: Kind::Other, .. }) => {}
                Ok(record) => {
                    let place = format!("{}#{}", self.name, self.count);
                    match page(record, place, self.max_bytes) {
                        Ok(document) => return Some(Ok(document)),
                        Err(reason) => return skipped(Some(self.count), reason),
                    }
                }
                Err(Broken::Record(reason)) => return skipped(Some(self.count), reason),
                Err(Broken::Rest(reason)) => {
                    return skipped(Some(self.count), format!("the file cannot be read further: {reason}"));
                }
            }
        }
    }
}

/// The page of a record, or why it gives none.
fn page(record: Record, place: String, max_bytes: usize) -> Result<Document, String> {
    let answered = record.media_type.as_deref().is_some_and(|media| essence(media) == "application/http");
    let (body, served) = if answered && record.body.starts_with(b"HTTP/") {
        let answer = http::parse(record.body, max_bytes)?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("the server answered with status {}", answer.status));
        }
        (answer.body, answer.content_type)
    } else if answered {
        (record.body, None)
    } else {
        (record.body, record.media_type)
    };
    let media = record.payload_type.as_deref().or(served.as_deref()).map(essence).filter(|media| media.contains('/'));
    let media = media.unwrap_or_else(|| if looks_like_html(&body) { "text/html".into() } else { "text/plain".into() });
    if !matches!(media.as_str(), "text/html" | "application/xhtml+xml" | "text/plain") {
        return Err(format!("it is {media}, not a page"));
    }
    let (text, charset) = charset::decode(&body, served.as_deref().and_then(charset::of_content_type));
    let mut document = checked(record.id.unwrap_or(place), text)?;
    let facts = [("url", record.url), ("date", record.date), ("content_type", Some(media))];
    for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        document.metadata.insert(name.to_owned(), value.into());
    }
    if charset != "UTF-8" {
        document.metadata.insert("charset".to_owned(), charset.into());
    }
    Ok(document)
}

/// One page of HTML as a document.
pub(super) fn html_file(
    mut reader: Box<dyn BufRead + Send>,
    name: &str,
    options: &ReadOptions,
) -> Result<Document, String> {
    let mut bytes = Vec::new();
    let read = reader.as_mut().take(options.max_page_bytes as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| format!("it cannot be read to the end: {e}"))?;
    if bytes.len() > options.max_page_bytes {
        return Err(format!("it has more than the {} bytes allowed", options.max_page_bytes));
    }
    let (text, charset) = charset::decode(&bytes, None);
    let mut document = checked(name.to_owned(), text)?;
    document.metadata.insert("content_type".to_owned(), "text/html".into());
    if charset != "UTF-8" {
        document.metadata.insert("charset".to_owned(), charset.into());
    }
    Ok(document)
}

fn checked(id: String, text: String) -> Result<Document, String> {
    match text.trim().is_empty() {
        true => Err("its page is empty".to_owned()),
        false if text[..text.floor_char_boundary(8192)].contains('\0') => {
            Err("its page holds zero bytes: it is not text".to_owned())
        }
        false => Ok(Document::new(id, text)),
    }
}

/// A media type without its parameters, in lower case.
fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn looks_like_html(body: &[u8]) -> bool {
    let start = body[..body.len().min(1024)].to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body", "<p", "<div"]
        .iter()
        .any(|tag| start.windows(tag.len()).any(|bytes| bytes == tag.as_bytes()))
}

#[cfg(test)]
mod tests;
