//! EPUB: the chapters of a book in their reading order, as one document.
//!
//! A book is a zip archive; `META-INF/container.xml` names the package file, whose spine lists the chapters (EPUB 3.3,
//! sections 4 and 5). Their XHTML becomes text: blocks end lines, headings and paragraphs stand apart.

use super::archive::charset;
use super::{ReadOptions, Rows, Skipped};
use crate::{Document, cut_document};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use zip::ZipArchive;

pub(super) fn open(path: &Path, name: String, options: &ReadOptions) -> Result<Rows, String> {
    let file = File::open(path).map_err(|e| format!("it cannot be read: {e}"))?;
    let (document, skipped) = read(BufReader::new(file), &name, options.max_page_bytes)?;
    let pieces = cut_document(document, options.max_text_bytes).into_iter().map(Ok);
    Ok(Box::new(skipped.into_iter().map(Err).chain(pieces)))
}

/// The book, and what of it was left out.
fn read(source: impl Read + Seek, name: &str, max_bytes: usize) -> Result<(Document, Vec<Skipped>), String> {
    let mut book = Book {
        files: ZipArchive::new(source).map_err(|e| format!("it is no readable EPUB: {e}"))?,
        // A book that inflates without end is cut off: all of its files together may have as much as eight pages.
        left: max_bytes.saturating_mul(8) as u64,
        max_bytes: max_bytes as u64,
    };
    let package_path = package_path(&book.file("META-INF/container.xml")?)?;
    let package = Package::parse(&book.file(&package_path)?)?;
    let folder = package_path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (mut text, mut skipped) = (String::new(), Vec::new());
    for href in package.chapters() {
        let path = resolved(folder, href);
        match book.file(&path).and_then(|page| plain(&page)) {
            Ok(chapter) if chapter.is_empty() => {}
            Ok(chapter) => {
                if !text.is_empty() {
                    text += "\n\n";
                }
                text += &chapter;
            }
            Err(why) => skipped.push(Skipped { file: name.to_owned(), line: None, reason: format!("`{path}`: {why}") }),
        }
    }
    if text.is_empty() {
        let first = skipped.first().map_or(String::new(), |skipped| format!(" ({})", skipped.reason));
        return Err(format!("none of its chapters holds text{first}"));
    }
    let mut document = Document::new(name, text);
    document.metadata.extend(package.about.into_iter().map(|(key, value)| (key, value.into())));
    Ok((document, skipped))
}

struct Book<R> {
    files: ZipArchive<R>,
    /// Bytes that may still be unpacked.
    left: u64,
    max_bytes: u64,
}

impl<R: Read + Seek> Book<R> {
    /// A file of the archive, unpacked, in UTF-8.
    fn file(&mut self, path: &str) -> Result<String, String> {
        let file = self.files.by_name(path).map_err(|e| format!("`{path}` cannot be read: {e}"))?;
        let (mut bytes, most) = (Vec::new(), self.left.min(self.max_bytes));
        file.take(most + 1).read_to_end(&mut bytes).map_err(|e| format!("`{path}` cannot be unpacked: {e}"))?;
        if bytes.len() as u64 > most {
            return Err(format!("`{path}` unpacks to more than the {most} bytes left to it"));
        }
        self.left -= bytes.len() as u64;
        Ok(charset::decode(&bytes, None).0)
    }
}

/// The path of the package file, as the container says.
fn package_path(container: &str) -> Result<String, String> {
    let mut found = None;
    each(container, |event| {
        if let Event::Start(tag) | Event::Empty(tag) = event
            && tag.local_name().as_ref() == "rootfile"
        {
            found = found.take().or_else(|| attribute(tag, "full-path"));
        }
    })?;
    found.ok_or_else(|| "its container names no package file".to_owned())
}

/// What the package file says.
#[derive(Default)]
struct Package {
    /// Title, author, language.
    about: Vec<(String, String)>,
    /// Paths by their ids.
    manifest: HashMap<String, String>,
    /// Ids in reading order.
    spine: Vec<String>,
}

impl Package {
    fn parse(xml: &str) -> Result<Self, String> {
        let (mut package, mut within) = (Package::default(), false);
        each(xml, |event| match event {
            Event::Start(tag) | Event::Empty(tag) => {
                let local = tag.local_name();
                let told = [("title", "title"), ("creator", "author"), ("language", "language")];
                let told = told.into_iter().find_map(|(name, key)| (local.as_ref() == name).then_some(key));
                // Of several the first.
                within = told.is_some_and(|key| package.about.iter().all(|(known, _)| known != key));
                package.about.extend(told.filter(|_| within).map(|key| (key.to_owned(), String::new())));
                let named = |name: &str| attribute(tag, name);
                if local.as_ref() == "item"
                    && let (Some(id), Some(href)) = (named("id"), named("href"))
                {
                    package.manifest.insert(id, href);
                } else if local.as_ref() == "itemref" {
                    package.spine.extend(named("idref"));
                }
            }
            Event::Text(text) if within => package.tell(text),
            Event::GeneralRef(name) if within => package.tell(&referred(name)),
            Event::End(_) => within = false,
            _ => {}
        })?;
        Ok(package)
    }

    /// More of what is being told.
    fn tell(&mut self, text: &str) {
        if let Some((_, told)) = self.about.last_mut() {
            *told += text;
        }
    }

    fn chapters(&self) -> impl Iterator<Item = &String> {
        self.spine.iter().filter_map(|id| self.manifest.get(id))
    }
}

fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let mut all = tag.attributes();
    let mut all = all.with_checks(false).flatten();
    let value = all.find(|attribute| attribute.key.local_name().as_ref() == name)?.value;
    Some(quick_xml::escape::unescape(&value).map_or_else(|_| value.to_string(), |value| value.into_owned()))
}

/// Hands on the events of an XML text, as far as it can be read.
fn each(xml: &str, mut each: impl FnMut(&Event)) -> Result<(), String> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(event) => each(&event),
            Err(e) => return Err(format!("it is no XML from byte {} on: {e}", reader.error_position())),
        }
    }
}

/// Elements that end a line; those that also stand apart.
const LINES: &[&str] = &["br", "li", "tr", "dt", "dd", "div"];
const BLOCKS: &[&str] = &[
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "section",
    "article",
    "table",
    "ul",
    "ol",
    "pre",
    "hr",
    "figure",
];
/// Elements whose text nobody reads.
const UNSEEN: &[&str] = &["head", "script", "style"];

/// The text of a page of XHTML.
fn plain(page: &str) -> Result<String, String> {
    let (mut text, mut unseen) = (String::new(), 0_usize);
    let mut breaks = 0;
    each(page, |event| match event {
        Event::Start(tag) | Event::Empty(tag) => {
            let name = tag.local_name();
            unseen += usize::from(matches!(event, Event::Start(_)) && UNSEEN.contains(&name.as_ref()));
            breaks = breaks.max(breaks_of(name.as_ref()));
        }
        Event::End(tag) => {
            let name = tag.local_name();
            unseen -= usize::from(unseen > 0 && UNSEEN.contains(&name.as_ref()));
            breaks = breaks.max(breaks_of(name.as_ref()));
        }
        Event::Text(piece) if unseen == 0 => append(&mut text, piece, &mut breaks),
        Event::CData(piece) if unseen == 0 => append(&mut text, piece, &mut breaks),
        Event::GeneralRef(name) if unseen == 0 => append(&mut text, &referred(name), &mut breaks),
        _ => {}
    })?;
    Ok(text.trim().to_owned())
}

fn breaks_of(name: &str) -> usize {
    if BLOCKS.contains(&name) { 2 } else { usize::from(LINES.contains(&name)) }
}

/// Adds a piece with single spaces in it, behind the line ends that are due.
fn append(text: &mut String, piece: &str, breaks: &mut usize) {
    for (at, word) in piece.split(|c: char| c.is_ascii_whitespace()).enumerate() {
        let due = std::mem::take(breaks);
        if word.is_empty() && at == 0 {
            *breaks = due;
            continue;
        }
        if at > 0 && due == 0 && !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
        if word.is_empty() {
            *breaks = due;
            continue;
        }
        if due > 0 && !text.is_empty() {
            text.truncate(text.trim_end().len());
            text.extend(std::iter::repeat_n('\n', due));
        }
        *text += word;
    }
}

/// The character that `&name;` or `&#number;` stands for.
fn referred(name: &BytesRef) -> String {
    if let Ok(Some(character)) = name.resolve_char_ref() {
        return character.to_string();
    }
    let known = quick_xml::escape::resolve_html5_entity(name);
    known.map_or_else(|| format!("&{};", &**name), str::to_owned)
}

/// A path as a chapter's address says, seen from the folder of the package.
fn resolved(folder: &str, href: &str) -> String {
    let href = href.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in href.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    unescaped(&parts.join("/"))
}

/// `%20` and its like as the bytes they stand for.
fn unescaped(path: &str) -> String {
    let (bytes, mut out, mut at) = (path.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
