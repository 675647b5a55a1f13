//! The documents a person names: files, folders, or `-` for standard input. Where they are held in memory, what will not
//! fit is refused before it is read.

use crate::context::Context;
use anyhow::{anyhow, bail};
use aquifer_corpus::{
    Collected, Document, Documents, LineFrames, ReadError, ReadOptions, Skipped, Unpacked, collect_documents,
    read_documents, read_stream, unpacked,
};
use aquifer_record::progress::Unit;
use aquifer_record::{Bar, Stop, Writing, figures};
use aquifer_train::held_bytes;
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Tokens of a file of shards: no more, and no more bytes of text for short ones, wait for it to be written.
const PART_TOKENS: u64 = 1 << 26;

/// What is done with documents once they are read; it decides how much is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// Counting and showing.
    Look,
    /// Turning them into tokens.
    Shard,
    /// Learning a vocabulary.
    Vocabulary,
    /// All of these, one after another.
    Quickstart,
}

impl Work {
    /// What a person calls it.
    fn name(self) -> &'static str {
        match self {
            Work::Look => "reading it",
            Work::Shard => "turning it into tokens",
            Work::Vocabulary => "learning a vocabulary from it",
            Work::Quickstart => "preparing it",
        }
    }

    /// Bytes the process holds at the most for so much input, measured as [`held_bytes`] was.
    fn held(self, text: &Unpacked) -> u64 {
        match self {
            Work::Look => 4 * text.bytes,
            // What waits to be written is no more than one file of shards.
            Work::Shard => held_bytes(&Unpacked { bytes: text.bytes.min(PART_TOKENS), ..*text }, false),
            Work::Vocabulary => held_bytes(text, true),
            // Its documents are cut before they are tokenised.
            Work::Quickstart => held_bytes(&Unpacked { longest: 0, ..*text }, true),
        }
    }

    /// What to do where it does not fit.
    fn way_out(self) -> &'static str {
        match self {
            Work::Look => "name a part of the input, or raise --memory",
            Work::Quickstart | Work::Vocabulary => {
                "give a part of the input, or raise --memory (a vocabulary learnt from a part serves the whole)"
            }
            _ => "split the input and do it part by part, or raise --memory",
        }
    }
}

/// Reads all documents of all `paths`; what had to be skipped is counted and, the first few, listed.
pub(crate) fn collect(
    paths: &[PathBuf],
    options: &ReadOptions,
    work: Work,
    ctx: &Context,
) -> anyhow::Result<Collected> {
    let left = room(paths, work, ctx)?;
    let mut all = Collected::default();
    for path in paths {
        let documents = match is_stdin(path) {
            true => read_stream(std::io::stdin(), "stdin", None, &ReadOptions { max_bytes: left, ..options.clone() })?,
            false => read_documents(path, options)?,
        };
        let collected = collect_documents(documents, ctx.progress(), ctx.stop()).map_err(|error| match error {
            ReadError::TooMuch(most) => too_much(most, work, ctx),
            other => other.into(),
        })?;
        all.documents.extend(collected.documents);
        all.skipped.extend(collected.skipped);
        all.skipped_count += collected.skipped_count;
        if ctx.stop().requested() {
            break;
        }
    }
    Ok(all)
}

/// The documents of some paths, one after another: none is held once it is handed on.
pub(crate) struct Streamed<'a> {
    inputs: VecDeque<Documents>,
    /// What was skipped, the first of it.
    pub(crate) skipped: Vec<Skipped>,
    /// How much was skipped.
    pub(crate) skipped_count: u64,
    /// Bytes of text handed on.
    pub(crate) bytes: u64,
    bar: Box<dyn Bar + 'a>,
    /// Bytes of the current input that the bar was told of.
    reported: u64,
    stop: &'a Stop,
}

impl<'a> Streamed<'a> {
    /// Opens every path, so that one that cannot be read is told before anything is done.
    pub(crate) fn open(paths: &[PathBuf], options: &ReadOptions, ctx: &'a Context) -> anyhow::Result<Self> {
        room(paths, Work::Shard, ctx)?;
        let open = |path: &PathBuf| match is_stdin(path) {
            true => read_stream(std::io::stdin(), "stdin", None, options),
            false => read_documents(path, options),
        };
        let inputs = paths.iter().map(open).collect::<Result<VecDeque<Documents>, ReadError>>()?;
        let total: u64 = inputs.iter().map(Documents::total_bytes).sum();
        let bar = ctx.progress().bar("tokenising", (total > 0).then_some(total), Unit::Bytes);
        let (skipped, stop) = (Vec::new(), ctx.stop());
        Ok(Streamed { inputs, skipped, skipped_count: 0, bytes: 0, bar, reported: 0, stop })
    }
}

impl Iterator for Streamed<'_> {
    type Item = Document;

    fn next(&mut self) -> Option<Document> {
        while let Some(current) = self.inputs.front_mut().filter(|_| !self.stop.requested()) {
            let next = current.next();
            let read = current.bytes_read();
            self.bar.advance(read - self.reported);
            self.reported = read;
            match next {
                Some(Ok(document)) => {
                    self.bytes += document.text.len() as u64;
                    return Some(document);
                }
                Some(Err(skipped)) => {
                    self.skipped_count += 1;
                    if self.skipped.len() < Collected::LISTED {
                        self.skipped.push(skipped);
                    }
                }
                None => {
                    self.inputs.pop_front();
                    self.reported = 0;
                }
            }
        }
        None
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// How many bytes of text may still come through a pipe, beside the files among `paths`.
///
/// # Errors
/// If the files alone are more than the memory allows.
pub(crate) fn room(paths: &[PathBuf], work: Work, ctx: &Context) -> anyhow::Result<u64> {
    let (mut bytes, mut needed) = (0, 0);
    for path in paths.iter().filter(|path| !is_stdin(path)) {
        let text = unpacked(path)?;
        bytes += text.bytes;
        needed += work.held(&text);
    }
    let shown = figures::bytes;
    if needed > ctx.memory {
        let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        let (names, allowed) = (names.join(", "), shown(ctx.memory));
        let (what, way_out) = (work.name(), work.way_out());
        bail!(
            "{names} unpacks to about {}, and {what} holds about {} at once, but {allowed} may be used: {way_out}",
            shown(bytes),
            shown(needed)
        );
    }
    // How much comes through a pipe shows only on the way.
    let one = Unpacked { bytes: 1 << 10, ..Unpacked::default() };
    Ok((ctx.memory - needed) / work.held(&one).div_ceil(one.bytes).max(1))
}

fn too_much(most: u64, work: Work, ctx: &Context) -> anyhow::Error {
    anyhow!(
        "standard input holds more than {} of text, the most for which {} fits {}: {}",
        figures::bytes(most),
        work.name(),
        figures::bytes(ctx.memory),
        work.way_out()
    )
}

/// The same paths as files that can be read more than once: what comes through standard input is put down in `folder`.
/// Returns what of it had to be skipped, too.
///
/// # Errors
/// If standard input cannot be read, holds more than `most` bytes of text, or cannot be put down.
pub(crate) fn put_down(
    paths: &[PathBuf],
    folder: &Path,
    text_field: Option<&str>,
    most: Option<(u64, Work)>,
    ctx: &Context,
) -> anyhow::Result<(Vec<PathBuf>, Vec<Skipped>)> {
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for path in paths {
        if !is_stdin(path) {
            files.push(path.clone());
            continue;
        }
        let options = ReadOptions { text_field: text_field.map(str::to_owned), ..ReadOptions::default() };
        let file = folder.join("stdin.jsonl.zst");
        let (mut out, mut frames) = (Writing::begin(&file)?, LineFrames::new(&file));
        let mut bytes = 0;
        for document in read_stream(std::io::stdin(), "stdin", None, &options)? {
            ctx.go_on("stopped")?;
            let mut document = match document {
                Ok(document) => document,
                Err(row) => {
                    skipped.push(row);
                    continue;
                }
            };
            bytes += document.text.len() as u64;
            if let Some((most, work)) = most.filter(|(most, _)| bytes > *most) {
                return Err(too_much(most, work, ctx));
            }
            if let Some(field) = text_field {
                // It is looked for under that name again.
                document.metadata.insert(field.to_owned(), document.text.as_str().into());
            }
            if frames.put(&document)? {
                out.write_all(&frames.frame()?)?;
            }
        }
        out.write_all(&frames.frame()?)?;
        out.finish()?;
        files.push(file);
    }
    Ok((files, skipped))
}
