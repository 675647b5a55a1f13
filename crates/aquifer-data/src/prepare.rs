//! From raw documents to the two sets that are tokenised, with the funnel that says what happened on the way.

use crate::clean::{beginning, clean};
use crate::dedup::{DedupOptions, Deduplicated, Duplicate, deduplicate};
use crate::filters::Preset;
use crate::split::hold_out;
use crate::stats::stats;
use aquifer_corpus::{Document, cut_documents};
use aquifer_record::data::{DataReport, Example, Size, Stage};
use aquifer_record::progress::Unit;
use aquifer_record::{Progress, Stop};
use std::collections::BTreeMap;
use std::time::Instant;

/// What to do with raw documents.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// Filters; encoding repair is always done.
    pub preset: Preset,
    /// Which duplicates to remove.
    pub dedup: DedupOptions,
    /// Cut documents longer than this (default 16 KiB, less for a small corpus so that there is something to hold out);
    /// `None` leaves them whole.
    pub cut_bytes: Option<usize>,
    /// Share of the bytes to hold out.
    pub held_out: f64,
    /// Where the held-out blocks lie.
    pub seed: u64,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        let (preset, dedup) = (Preset::default(), DedupOptions::default());
        PrepareOptions { preset, dedup, cut_bytes: Some(16 << 10), held_out: 0.05, seed: 0 }
    }
}

/// What came of them.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// To train on.
    pub train: Vec<Document>,
    /// Held out.
    pub held_out: Vec<Document>,
    /// The funnel: stages, splits and languages are filled in; the source, skips and checks are the caller's to add.
    pub report: DataReport,
    /// Ids of everything that was dropped, with the reason, in the order of the stages.
    pub dropped: Vec<(String, String)>,
}

/// Repairs, filters, deduplicates, cuts and splits.
pub fn prepare(documents: Vec<Document>, options: &PrepareOptions, progress: &dyn Progress, stop: &Stop) -> Prepared {
    let mut funnel = Funnel { report: DataReport::default(), dropped: Vec::new(), started: Instant::now() };
    let bar = progress.bar("cleaning", Some(4), Unit::Count("stages"));
    let raw = size(&documents);

    let mut cleaned = clean(documents, options.preset);
    let (reasons, repairs, repaired) = (cleaned.reasons(), cleaned.repairs(), cleaned.changed.len() as u64);
    let mut examples = Vec::new();
    for (verdict, document) in &cleaned.dropped {
        let why = verdict.to_string();
        funnel.dropped.push((document.id.clone(), why.clone()));
        examples.push(Example { id: document.id.clone(), why, text: beginning(&document.text) });
    }
    let changes = cleaned.changed.iter().map(|changed| {
        let text = format!("{} → {}", changed.before, changed.after);
        Example { id: changed.id.clone(), why: changed.what.join(", "), text }
    });
    let some = changes.take(4).chain(examples.into_iter().take(8)).collect();
    let documents = std::mem::take(&mut cleaned.kept);
    drop(cleaned);
    funnel.stage("repair and filter", raw, size(&documents), reasons, some);
    let stage = funnel.report.stages.last_mut().expect("it was just added");
    (stage.repaired, stage.repairs) = (repaired, repairs);
    bar.advance(1);

    let before = size(&documents);
    let exact_only = DedupOptions { near: None, ..options.dedup.clone() };
    let Deduplicated { kept, exact, .. } = deduplicate(documents, &exact_only, stop);
    funnel.duplicates("exact duplicates", before, &kept, &exact);
    bar.advance(1);
    let before = size(&kept);
    let near_only = DedupOptions { exact: false, ..options.dedup.clone() };
    let Deduplicated { kept, near, .. } = deduplicate(kept, &near_only, stop);
    funnel.duplicates("near duplicates", before, &kept, &near);
    bar.advance(1);

    let before = size(&kept);
    let documents = match options.cut_bytes {
        // Forty pieces at least, where there is text for it.
        Some(bytes) => cut_documents(kept, bytes.min((before.bytes as usize / 40).max(256))),
        None => kept,
    };
    funnel.stage("cut at paragraphs", before, size(&documents), BTreeMap::new(), Vec::new());
    bar.advance(1);

    let mut report = funnel.report;
    report.languages = stats(&documents).scripts;
    let (train, held_out) = hold_out(documents, options.held_out, options.seed);
    report.splits.insert("train".to_owned(), size(&train));
    report.splits.insert("heldout".to_owned(), size(&held_out));
    Prepared { train, held_out, report, dropped: funnel.dropped }
}

/// Documents and bytes.
pub fn size(documents: &[Document]) -> Size {
    let bytes = documents.iter().map(|document| document.text.len() as u64).sum();
    Size { documents: documents.len() as u64, bytes, tokens: 0 }
}

struct Funnel {
    report: DataReport,
    dropped: Vec<(String, String)>,
    started: Instant,
}

impl Funnel {
    fn stage(&mut self, name: &str, input: Size, output: Size, reasons: BTreeMap<String, u64>, examples: Vec<Example>) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.report.stages.push(Stage {
            name: name.to_owned(),
            input,
            output,
            reasons,
            examples,
            seconds,
            ..Stage::default()
        });
        self.started = Instant::now();
    }

    fn duplicates(&mut self, name: &str, input: Size, kept: &[Document], removed: &[(Duplicate, Document)]) {
        let why = |duplicate: &Duplicate| format!("{:.2} like `{}`", duplicate.similarity, duplicate.of);
        let example = |(duplicate, document): &(Duplicate, Document)| Example {
            id: duplicate.id.clone(),
            why: why(duplicate),
            text: beginning(&document.text),
        };
        let examples = removed.iter().take(6).map(example).collect();
        self.dropped.extend(removed.iter().map(|(d, _)| (d.id.clone(), format!("{name}: {}", why(d)))));
        let reasons = BTreeMap::from([(name.to_owned(), removed.len() as u64)]);
        self.stage(name, input, size(kept), reasons, examples);
    }
}
