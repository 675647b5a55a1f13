//! A pipeline whose outcome is one file: for the commands that do a single thing to a person's documents.
//!
//! Its work lies in a folder beside that file, `OUT.run`, until the file is whole: the same command goes on where one was
//! stopped.

use super::{Change, Input, say_skipped};
use crate::context::Context;
use anyhow::Context as _;
use aquifer_corpus::{ReadError, ReadOptions, read_documents, write_documents};
use aquifer_data::pipeline::{Duplicate, Outcome, Pipeline, PipelineError, Recipe, RunOptions};
use aquifer_record::{DataReport, Writing, write_atomic};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What goes where.
pub(super) struct OneFile<'a> {
    /// What to read.
    pub(super) input: &'a Input,
    /// What to do.
    pub(super) recipe: Recipe,
    /// For the documents that stay.
    pub(super) out: &'a Path,
    /// For those that went.
    pub(super) dropped: Option<&'a Path>,
    /// For the pairs of a copy and the document that stays.
    pub(super) duplicates: Option<&'a Path>,
    /// For the index of the first stage that saves one.
    pub(super) save_index: Option<&'a Path>,
}

/// What came of it.
pub(super) struct Done {
    pub(super) change: Change,
    pub(super) report: DataReport,
}

impl OneFile<'_> {
    /// Does it all; `change.line()` is said already.
    pub(super) fn run(self, ctx: &Context) -> anyhow::Result<Done> {
        let mut recipe = self.recipe;
        recipe.input.text_field.clone_from(&self.input.text_field);
        recipe.discard = self.dropped.is_none();
        let work = beside(self.out);
        let (paths, mut lost) = self.input.files(&work, ctx)?;
        let pipeline = Pipeline::open(recipe, &paths, &work).map_err(|error| match error {
            PipelineError::Another { path, what } => anyhow::anyhow!(
                "`{}` holds the unfinished work of an earlier command with {what}: repeat that one to go on, or remove it",
                path.display()
            ),
            other => other.into(),
        })?;
        let options = RunOptions { threads: ctx.threads, memory: ctx.memory, ..RunOptions::default() };
        let outcome = pipeline.run(&options, ctx.progress(), ctx.stop());
        let outcome = match outcome {
            Err(PipelineError::Read(ReadError::NothingReadable { count, mut first })) => {
                std::fs::remove_dir_all(&work)?;
                let count = count + lost.len() as u64;
                first.append(&mut lost);
                return Err(ReadError::NothingReadable { count, first }.into());
            }
            other => other.with_context(|| format!("what was done so far is kept in `{}`", work.display()))?,
        };
        let Some(Outcome { mut report, documents, .. }) = outcome else {
            ctx.go_on("stopped; what is done is kept, and the same command goes on")?;
            anyhow::bail!("the run in `{}` did not finish", work.display());
        };
        report.skipped_total += lost.len() as u64;
        let rows = report.skipped.iter().map(|row| format!("{}: {}", row.at, row.why));
        say_skipped(rows.chain(lost.iter().map(ToString::to_string)), report.skipped_total, ctx);
        join(&documents, self.out)?;
        if let Some(path) = self.dropped {
            join(&work.join("dropped"), path)?;
        }
        if let Some(path) = self.duplicates {
            write_duplicates(&pipeline, path)?;
        }
        if let Some(path) = self.save_index {
            keep_index(&work, path)?;
        }
        std::fs::remove_dir_all(&work).with_context(|| format!("cannot remove `{}`", work.display()))?;
        let input = report.stages.first().map(|stage| stage.input).unwrap_or_default();
        let output = report.splits.get("documents").copied().unwrap_or_default();
        let change = Change { input, output, skipped: report.skipped_total };
        ctx.say(change.line());
        Ok(Done { change, report })
    }
}

fn beside(out: &Path) -> PathBuf {
    let mut name: OsString = out.file_name().unwrap_or_default().to_owned();
    name.push(".run");
    out.with_file_name(name)
}

/// The files of a folder as one file: as they are where it is compressed as they are.
fn join(folder: &Path, out: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    if folder.exists() {
        for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            files.push(entry?.path());
        }
    }
    files.sort();
    if out.to_string_lossy().ends_with(".zst") && !files.is_empty() {
        return Ok(write_atomic(out, |out| {
            files.iter().try_for_each(|path| std::io::copy(&mut File::open(path)?, out).map(drop))
        })?);
    }
    let mut broken = None;
    let opened =
        files.iter().map(|path| read_documents(path, &ReadOptions::default())).collect::<Result<Vec<_>, _>>()?;
    // A row of our own that cannot be read is a damaged disk: what stands before it is no whole outcome.
    let documents = opened.into_iter().flatten().map_while(|document| document.map_err(|e| broken = Some(e)).ok());
    write_documents(out, documents)?;
    match broken {
        Some(skipped) => {
            std::fs::remove_file(out)?;
            anyhow::bail!("the work in `{}` is damaged: {skipped}", folder.display())
        }
        None => Ok(()),
    }
}

/// The one index that the run wrote, under another name.
fn keep_index(work: &Path, path: &Path) -> anyhow::Result<()> {
    let found = std::fs::read_dir(work.join("index")).context("the run left no index")?;
    let index = found.flatten().next().context("the run left no index")?.path();
    let mut index = File::open(&index).with_context(|| format!("cannot read `{}`", index.display()))?;
    Ok(write_atomic(path, |out| std::io::copy(&mut index, out).map(drop))?)
}

fn write_duplicates(pipeline: &Pipeline, path: &Path) -> anyhow::Result<()> {
    let mut out = Writing::begin(path)?;
    pipeline.duplicates(|method, mut duplicate: Duplicate| {
        if method == "exact" {
            duplicate.similarity = Some(1.0);
        }
        serde_json::to_writer(&mut out, &duplicate)?;
        Ok::<_, anyhow::Error>(out.write_all(b"\n")?)
    })?;
    Ok(out.finish()?)
}
