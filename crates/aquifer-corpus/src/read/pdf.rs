//! The text of PDF files, page by page, as it is drawn: where the pen moves down a line ends, where it moves on a space
//! is put. Pictures of text hold none; text inside of forms that pages share is not looked for.
//!
//! A file that inflates beyond bounds is cut off there, and a library that breaks down on one skips that one.

use super::{ReadOptions, Rows, Skipped, guarded};
use crate::{Document, cut_document};
use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Encoding, LoadOptions, Object};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Bytes to which the object streams of a file may inflate together.
const OBJECT_BYTES: usize = 256 << 20;

pub(super) fn open(path: &Path, name: String, options: &ReadOptions) -> Result<Rows, String> {
    let most = 8 * options.max_page_bytes as u64;
    let bytes = std::fs::metadata(path).map_err(|e| format!("it cannot be read: {e}"))?.len();
    if bytes > most {
        return Err(format!("it has {bytes} bytes, more than the {most} allowed"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("it cannot be read: {e}"))?;
    let (document, skipped) = guarded(|| read(&bytes, &name, options.max_page_bytes))?;
    let pieces = cut_document(document, options.max_text_bytes).into_iter().map(Ok);
    Ok(Box::new(skipped.into_iter().map(Err).chain(pieces)))
}

/// The whole text, and which pages were left out.
fn read(bytes: &[u8], name: &str, max_bytes: usize) -> Result<(Document, Vec<Skipped>), String> {
    // Object streams are unpacked when the file is loaded, each up to a limit: together no more than is allowed.
    let streams = memchr::memmem::find_iter(bytes, b"/ObjStm").count().max(1);
    let limit = LoadOptions::with_max_decompressed_size((OBJECT_BYTES / streams).clamp(64 << 10, max_bytes.max(1)));
    let file =
        lopdf::Document::load_mem_with_options(bytes, limit).map_err(|e| format!("it is no readable PDF: {e}"))?;
    let mut reader = Pages { file: &file, encodings: HashMap::new(), left: max_bytes };
    let (mut text, mut skipped) = (String::new(), Vec::new());
    for (at, page) in file.page_iter().enumerate() {
        match reader.page(page) {
            Ok(page) if page.is_empty() => {}
            Ok(page) => {
                if !text.is_empty() {
                    text += "\n\n";
                }
                text += &page;
            }
            Err(why) => {
                let line = Some(at as u64 + 1);
                skipped.push(Skipped {
                    file: name.to_owned(),
                    line,
                    reason: format!("the page cannot be read: {why}"),
                });
                if reader.left == 0 {
                    break;
                }
            }
        }
    }
    if text.is_empty() {
        let first = skipped.first().map_or(String::new(), |skipped| format!(" ({})", skipped.reason));
        return Err(format!("none of its pages holds text, it may be a scan{first}"));
    }
    Ok((Document::new(name, text), skipped))
}

struct Pages<'a> {
    file: &'a lopdf::Document,
    /// Of fonts, by the places of their dictionaries: pages share them.
    encodings: HashMap<*const Dictionary, Option<Encoding<'a>>>,
    /// Bytes of page descriptions that may still be unpacked.
    left: usize,
}

impl<'a> Pages<'a> {
    fn page(&mut self, page: lopdf::ObjectId) -> Result<String, String> {
        let fonts: BTreeMap<Vec<u8>, &'a Dictionary> = self.file.get_page_fonts(page).map_err(|e| e.to_string())?;
        let content = self.file.get_page_content_with_limit(page, self.left);
        let content = content.inspect_err(|_| self.left = 0).map_err(|e| e.to_string())?;
        self.left = self.left.saturating_sub(content.len());
        for font in fonts.values() {
            let encoding = || font.get_font_encoding_with_limit(self.file, 4 << 20).ok();
            self.encodings.entry(std::ptr::from_ref::<Dictionary>(font)).or_insert_with(encoding);
        }
        let mut pen = Pen::default();
        let mut font: Option<(&Dictionary, &Encoding)> = None;
        for operation in &Content::decode(&content).map_err(|e| e.to_string())?.operations {
            if operation.operator == "Tf" {
                let name = operation.operands.first().and_then(|name| name.as_name().ok());
                font = name.and_then(|name| {
                    let found = *fonts.get(name)?;
                    let encoding = self.encodings.get(&std::ptr::from_ref::<Dictionary>(found))?;
                    Some((found, encoding.as_ref()?))
                });
                pen.size = number(operation, 1);
            } else {
                pen.follow(operation, font, self.file);
            }
        }
        Ok(pen.text.trim().to_owned())
    }
}

type Matrix = [f64; 6];

const STILL: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `a`, then `b` (ISO 32000-1, section 8.3.4).
fn then(a: Matrix, b: Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}

/// What draws text (ISO 32000-1, section 9.4).
struct Pen {
    text: String,
    page: Matrix,
    saved: Vec<Matrix>,
    line: Matrix,
    at: Matrix,
    size: f64,
    leading: f64,
    /// Between characters.
    apart: f64,
    /// Where the last piece ended on the page, and how high it was.
    ended: Option<[f64; 3]>,
}

impl Default for Pen {
    fn default() -> Self {
        let (line, at) = (STILL, STILL);
        Pen {
            text: String::new(),
            page: STILL,
            saved: Vec::new(),
            line,
            at,
            size: 1.0,
            leading: 0.0,
            apart: 0.0,
            ended: None,
        }
    }
}

/// Graphic states inside each other; deeper ones are not remembered.
const NESTED: usize = 256;

impl Pen {
    fn follow(&mut self, operation: &Operation, font: Option<(&Dictionary, &Encoding)>, file: &lopdf::Document) {
        let n = |at| number(operation, at);
        let show = |pen: &mut Self, at: usize| {
            if let (Some(font), Some(operand)) = (font, operation.operands.get(at)) {
                pen.show(operand, font, file);
            }
        };
        match operation.operator.as_str() {
            "q" if self.saved.len() < NESTED => self.saved.push(self.page),
            "Q" => self.page = self.saved.pop().unwrap_or(self.page),
            "cm" => self.page = then([n(0), n(1), n(2), n(3), n(4), n(5)], self.page),
            "BT" => (self.line, self.at) = (STILL, STILL),
            "Tc" => self.apart = n(0),
            "TL" => self.leading = n(0),
            "Td" => self.move_by(n(0), n(1)),
            "TD" => {
                self.leading = -n(1);
                self.move_by(n(0), n(1));
            }
            "T*" => self.move_by(0.0, -self.leading),
            "Tm" => {
                self.line = [n(0), n(1), n(2), n(3), n(4), n(5)];
                self.at = self.line;
            }
            "Tj" | "TJ" => show(self, 0),
            "'" => {
                self.move_by(0.0, -self.leading);
                show(self, 0);
            }
            "\"" => {
                self.apart = n(1);
                self.move_by(0.0, -self.leading);
                show(self, 2);
            }
            _ => {}
        }
    }

    fn move_by(&mut self, x: f64, y: f64) {
        self.line = then([1.0, 0.0, 0.0, 1.0, x, y], self.line);
        self.at = self.line;
    }

    fn show(&mut self, operand: &Object, font: (&Dictionary, &Encoding), file: &lopdf::Document) {
        match operand {
            Object::Array(pieces) => pieces.iter().for_each(|piece| match piece {
                Object::String(bytes, _) => self.piece(bytes, font, file),
                // Thousandths of the size, to the left.
                other => self.forward(-f64::from(other.as_float().unwrap_or(0.0)) / 1000.0 * self.size),
            }),
            Object::String(bytes, _) => self.piece(bytes, font, file),
            _ => {}
        }
    }

    fn forward(&mut self, x: f64) {
        self.at = then([1.0, 0.0, 0.0, 1.0, x, 0.0], self.at);
    }

    fn piece(&mut self, bytes: &[u8], (font, encoding): (&Dictionary, &Encoding), file: &lopdf::Document) {
        let Ok(text) = lopdf::Document::decode_text(encoding, bytes) else { return };
        let text: String = text.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
        let here = then(self.at, self.page);
        let height = self.size.abs() * here[2].hypot(here[3]);
        self.part(here[4], here[5], height);
        self.text += &text;
        let width = width(bytes, font, file).unwrap_or_else(|| text.chars().map(guessed_width).sum());
        self.forward(width * self.size + self.apart * text.chars().count() as f64);
        let end = then(self.at, self.page);
        self.ended = Some([end[4], end[5], height]);
    }

    /// Parts what comes now from what came before.
    fn part(&mut self, x: f64, y: f64, height: f64) {
        let Some([last_x, last_y, last_height]) = self.ended else { return };
        let height = height.max(last_height).max(1e-3);
        let down = (last_y - y).abs();
        let said = self.text.ends_with(char::is_whitespace);
        if down > 1.8 * height {
            self.text.truncate(self.text.trim_end().len());
            self.text += "\n\n";
        } else if down > 0.5 * height {
            self.text.truncate(self.text.trim_end_matches(' ').len());
            self.text.push('\n');
        } else if !said && !(-1.0..=0.12).contains(&((x - last_x) / height)) {
            self.text.push(' ');
        }
    }
}

/// Of some bytes in a font of single bytes, in units of its size; `None` where it does not say.
fn width(bytes: &[u8], font: &Dictionary, file: &lopdf::Document) -> Option<f64> {
    let value = |key: &[u8]| file.dereference(font.get(key).ok()?).ok().map(|(_, value)| value);
    let widths = value(b"Widths")?.as_array().ok()?;
    let first = value(b"FirstChar")?.as_i64().ok()?;
    let of = |byte: &u8| {
        let at = usize::try_from(i64::from(*byte).checked_sub(first)?).ok()?;
        widths.get(at)?.as_float().ok().map(f64::from)
    };
    Some(bytes.iter().map(|byte| of(byte).unwrap_or(500.0)).sum::<f64>() / 1000.0)
}

/// About that of the fonts which every reader has and files need not describe: between Times and Helvetica; square in the
/// scripts that are written in squares.
fn guessed_width(c: char) -> f64 {
    match c {
        '\u{2E80}'..='\u{FFEF}' => 1.0,
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' => 0.3,
        _ if c.is_ascii_punctuation() => 0.3,
        's' | 'c' | 'z' => 0.4,
        'm' | 'w' | 'M' | 'W' => 0.75,
        _ if c.is_uppercase() => 0.65,
        _ => 0.47,
    }
}

fn number(operation: &Operation, at: usize) -> f64 {
    operation.operands.get(at).and_then(|number| number.as_float().ok()).map_or(0.0, f64::from)
}
