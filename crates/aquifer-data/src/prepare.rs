//! From raw documents to the two sets that are tokenised: through a pipeline, cut where they are long, and divided.

use crate::pipeline::{Pipeline, PipelineError, Recipe, RunOptions};
use crate::split::hold_out;
use crate::stats::stats;
use aquifer_corpus::{Document, ReadError, ReadOptions, collect_documents, cut_documents, read_documents};
use aquifer_record::data::{DataReport, Size, Stage};
use aquifer_record::{Progress, Stop};
use std::path::{Path, PathBuf};

/// What to do with raw documents.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// The pipeline they go through.
    pub recipe: Recipe,
    /// Cut documents longer than this (default 16 KiB, less for a small corpus so that there is something to hold out);
    /// `None` leaves them whole.
    pub cut_bytes: Option<usize>,
    /// Share of the bytes to hold out.
    pub held_out: f64,
    /// Where the held-out blocks lie.
    pub seed: u64,
    /// How the pipeline runs.
    pub run: RunOptions,
}

impl PrepareOptions {
    /// Through a preset (see [`PRESETS`](crate::pipeline::PRESETS)), and then without copies, exact or near; `None` for a name
    /// there is not.
    pub fn preset(name: &str) -> Option<Self> {
        let recipe = Recipe::preset(name)?;
        let recipe = recipe.then([("dedup", "exact".into())]).then([("dedup", "near".into())]);
        Some(PrepareOptions { recipe, cut_bytes: Some(16 << 10), held_out: 0.05, seed: 0, run: RunOptions::default() })
    }
}

/// What came of them.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// To train on.
    pub train: Vec<Document>,
    /// Held out.
    pub held_out: Vec<Document>,
    /// The funnel: stages, skips, splits and languages are filled in; the source and checks are the caller's to add.
    pub report: DataReport,
}

/// Takes `paths` through the pipeline into `folder`, where its whole outcome stays; then cuts and divides what came out.
/// `None` if it was stopped: called again, it goes on.
///
/// # Errors
/// Those of the pipeline.
pub fn prepare(
    paths: &[PathBuf],
    folder: &Path,
    options: &PrepareOptions,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Option<Prepared>, PipelineError> {
    let pipeline = Pipeline::open(options.recipe.clone(), paths, folder)?;
    let Some(outcome) = pipeline.run(&options.run, progress, stop)? else { return Ok(None) };
    let mut report = outcome.report;
    let documents = read_documents(&outcome.documents, &ReadOptions::default())?;
    let documents = match collect_documents(documents, progress, stop) {
        Ok(collected) => collected.documents,
        // Every document was dropped, and the funnel says why.
        Err(ReadError::NothingReadable { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if stop.requested() {
        return Ok(None);
    }
    let input = size(&documents);
    let documents = match options.cut_bytes {
        // Forty pieces at least, where there is text for it.
        Some(bytes) => cut_documents(documents, bytes.min((input.bytes as usize / 40).max(256))),
        None => documents,
    };
    let output = size(&documents);
    report.stages.push(Stage { name: "cut at paragraphs".to_owned(), input, output, ..Stage::default() });
    report.languages = stats(&documents).scripts;
    let (train, held_out) = hold_out(documents, options.held_out, options.seed);
    report.splits.clear();
    report.splits.insert("train".to_owned(), size(&train));
    report.splits.insert("heldout".to_owned(), size(&held_out));
    Ok(Some(Prepared { train, held_out, report }))
}

/// Documents and bytes.
pub fn size(documents: &[Document]) -> Size {
    let bytes = documents.iter().map(|document| document.text.len() as u64).sum();
    Size { documents: documents.len() as u64, bytes, tokens: 0 }
}
