//! datatrove's files of tokens, as its `DocumentTokenizer` writes and its `Merger` reads them (release 0.10.1).
//!
//! ```text
//! NAME.ds           tokens, u16 where the vocabulary has at most 65,536 entries, else u32
//! NAME.ds.index     u64 a document: tokens of it and all before it
//! NAME.ds.loss      a byte a token, 1 where it is learned (only where asked for)
//! NAME.ds.metadata  three lines for people: tokenizer|bytes of a token, tokens, tokens again with a unit
//! ```

use super::foreign::{Foreign, beside, map, unreadable};
use super::write::{check_document, token_bytes, width_of};
use super::{ShardError, ShardFormat, TokenSink};
use aquifer_record::FileError;
use aquifer_record::files::{Writing, write_atomic_bytes};
use std::io::Write;
use std::path::{Path, PathBuf};

const FORMAT: ShardFormat = ShardFormat::Datatrove;

/// The name its tokenizer gives to the file of the first worker, documents in their order.
const FILE: &str = "00000_unshuffled.ds";

/// Opens one `.ds` file with what lies beside it.
pub(super) fn open(path: &Path) -> Result<Foreign, ShardError> {
    let index_path = beside(path, ".index");
    if !index_path.exists() {
        let what = format!("there is no `{}` beside it, so where documents end is not known", index_path.display());
        return Err(unreadable(path, FORMAT, what));
    }
    let (tokens, index) = (map(path)?, map(&index_path)?);
    if index.len() % 8 != 0 {
        let what = format!("its {} bytes are no list of 8-byte numbers (cut short?)", index.len());
        return Err(unreadable(&index_path, FORMAT, what));
    }
    let mut documents = Vec::with_capacity(index.len() / 8);
    let mut start = 0;
    for (i, end) in index.chunks_exact(8).enumerate() {
        let end = u64::from_le_bytes(end.try_into().expect("eight bytes"));
        if end < start {
            let what = format!("document {} ends at token {end}, before it begins ({start})", i + 1);
            return Err(unreadable(&index_path, FORMAT, what));
        }
        documents.push(start..end);
        start = end;
    }
    let held = tokens.len() as u64;
    let stated = stated_width(&beside(path, ".metadata"));
    let width = [2, 4]
        .into_iter()
        .filter(|width| stated.is_none_or(|stated| stated == *width))
        .find(|width| start.checked_mul(*width) == Some(held))
        .ok_or_else(|| {
            let width = stated.map_or("2 or 4".to_owned(), |stated| stated.to_string());
            let what =
                format!("it has {held} bytes, but its index counts {start} tokens of {width} bytes (cut short?)");
            unreadable(path, FORMAT, what)
        })?;
    let loss_path = beside(path, ".loss");
    let loss = loss_path.exists().then(|| map(&loss_path)).transpose()?;
    if let Some(loss) = loss.as_ref().filter(|loss| loss.len() as u64 != start) {
        let what = format!("it has {} bytes for {start} tokens", loss.len());
        return Err(unreadable(&loss_path, FORMAT, what));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Foreign { name, tokens, width: width as usize, documents, loss })
}

/// Bytes of a token as the metadata say, where they are there and do.
fn stated_width(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, width) = text.lines().next()?.rsplit_once('|')?;
    width.trim().parse().ok()
}

/// Writes one `.ds` file, documents in the order they come. The index, without which nobody reads the rest, is last.
pub(super) struct Writer {
    path: PathBuf,
    vocab_size: usize,
    tokenizer: String,
    width: usize,
    out: Writing,
    loss: Option<Writing>,
    ends: Vec<u64>,
}

impl Writer {
    pub(super) fn create(dir: &Path, vocab_size: usize, tokenizer: &str) -> Result<Self, ShardError> {
        let path = dir.join(FILE);
        let out = Writing::begin(&path)?;
        for stale in [".index", ".loss", ".metadata"].map(|suffix| beside(&path, suffix)) {
            if stale.exists() {
                std::fs::remove_file(&stale).map_err(FileError::at("remove", &stale))?;
            }
        }
        let (width, tokenizer) = (width_of(vocab_size), tokenizer.to_owned());
        Ok(Writer { path, vocab_size, tokenizer, width, out, loss: None, ends: Vec::new() })
    }

    fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }
}

impl TokenSink for Writer {
    fn push(&mut self, id: &str, _: u64, tokens: &[u32], mask: Option<&[bool]>) -> Result<(), ShardError> {
        check_document(id, tokens, mask, self.vocab_size)?;
        let before = self.total();
        if mask.is_some() && self.loss.is_none() {
            let mut loss = Writing::begin(&beside(&self.path, ".loss"))?;
            std::io::copy(&mut std::io::Read::take(std::io::repeat(1), before), &mut loss)
                .map_err(|cause| loss.failed(cause))?;
            self.loss = Some(loss);
        }
        if let Some(loss) = &mut self.loss {
            let bytes: Vec<u8> = match mask {
                Some(mask) => mask.iter().map(|learned| u8::from(*learned)).collect(),
                None => vec![1; tokens.len()],
            };
            loss.write_all(&bytes).map_err(|cause| loss.failed(cause))?;
        }
        self.out.write_all(&token_bytes(tokens, self.width)).map_err(|cause| self.out.failed(cause))?;
        self.ends.push(before + tokens.len() as u64);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ShardError> {
        let total = self.total();
        let metadata = format!("{}|{}\n{total}\n{}", self.tokenizer, self.width, metric(total));
        self.out.finish()?;
        if let Some(loss) = self.loss {
            loss.finish()?;
        }
        write_atomic_bytes(&beside(&self.path, ".metadata"), metadata.as_bytes())?;
        let index: Vec<u8> = self.ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        Ok(write_atomic_bytes(&beside(&self.path, ".index"), &index)?)
    }
}

/// A count of tokens with three digits and a unit, as `humanize.metric(count, unit="T")` writes it: `12.3 kT`.
fn metric(count: u64) -> String {
    if count < 1000 {
        // Three digits even of a number that has fewer.
        let digits = if count == 0 { 1 } else { count.ilog10() + 1 };
        return format!("{:.*} T", (3 - digits) as usize, count as f64);
    }
    let mut exponent = count.ilog10();
    let scaled = |exponent: u32| count as f64 / 10_f64.powi((exponent / 3 * 3) as i32);
    let digits = |exponent: u32| 2 - exponent % 3;
    // 999,999 is 1.00 M and not 1000 k.
    let (unit, limit) = (10_f64.powi(digits(exponent) as i32), 10_f64.powi((exponent % 3 + 1) as i32));
    if (scaled(exponent) * unit).round() / unit >= limit {
        exponent += 1;
    }
    let prefix = ["", "k", "M", "G", "T", "P", "E"][(exponent / 3) as usize];
    format!("{:.*} {prefix}T", digits(exponent) as usize, scaled(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by humanize 4.17 for these counts.
    #[test]
    fn counts_are_written_as_humanize_does() {
        for (count, written) in [
            (0, "0.00 T"),
            (7, "7.00 T"),
            (42, "42.0 T"),
            (999, "999 T"),
            (1000, "1.00 kT"),
            (12_345, "12.3 kT"),
            (999_499, "999 kT"),
            (999_999, "1.00 MT"),
            (9_999_999, "10.0 MT"),
            (123_456_789_012, "123 GT"),
        ] {
            assert_eq!(metric(count), written);
        }
    }
}
