//! What a part came to: counts, and a few documents to look at.

use super::columns::Row;
use super::spread::Spread;
use crate::rules::Broken;
use aquifer_record::data::Size;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Documents shown for each reason.
const SAMPLES: usize = 6;
/// Characters of each.
const SHOWN: usize = 600;
/// Skipped inputs listed one by one.
const LISTED: usize = 50;

/// Counts of one part, or of several together; which come together in which order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// For each stage of the segment.
    pub(super) stages: Vec<StageTally>,
    /// Rows of the input that were no documents.
    pub(super) skipped: u64,
    /// The first of them.
    pub(super) skips: Vec<aquifer_corpus::Skipped>,
    /// Documents that stay.
    pub(super) kept: Size,
    /// A few of them.
    pub(super) samples: Samples,
    /// The values of each column.
    pub(super) columns: Vec<Spread>,
}

/// Counts of one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct StageTally {
    pub(super) input: Size,
    pub(super) output: Size,
    /// Documents whose text it changed.
    pub(super) edited: u64,
    /// The same by what was done; one may count under several.
    pub(super) edits: BTreeMap<String, u64>,
    /// Documents dropped, by column.
    pub(super) reasons: BTreeMap<String, u64>,
    /// A few of them for each, and of those that were edited.
    pub(super) samples: BTreeMap<String, Samples>,
}

/// A few documents, chosen by a hash of their ids: the same whatever order they come in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Samples(pub(super) Vec<Sample>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    lot: u64,
    pub(super) id: String,
    pub(super) why: String,
    pub(super) text: String,
}

impl Samples {
    fn put(&mut self, lot: u64, sample: impl FnOnce() -> Sample) {
        if self.0.len() == SAMPLES && self.0.last().is_some_and(|last| last.lot <= lot) {
            return;
        }
        let at = self.0.partition_point(|other| other.lot <= lot);
        self.0.insert(at, sample());
        self.0.truncate(SAMPLES);
    }

    fn add(&mut self, id: &str, why: impl FnOnce() -> String, text: impl FnOnce() -> String) {
        let lot = lot(id);
        self.put(lot, || Sample { lot, id: id.to_owned(), why: why(), text: text() });
    }

    fn merge(&mut self, other: Samples) {
        other.0.into_iter().for_each(|sample| self.put(sample.lot, || sample));
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Where two texts begin to differ, with a little of what stands before it: `before → now`.
fn around_the_change(before: &str, now: &str) -> String {
    const LEAD: usize = 20;
    const EACH: usize = 120;
    let same = before.chars().zip(now.chars()).take_while(|(a, b)| a == b).count();
    let piece = |text: &str| text.chars().skip(same.saturating_sub(LEAD)).take(EACH).collect::<String>();
    format!("{} → {}", piece(before), piece(now))
}

/// FNV-1a, finished as SplitMix64 does, so that alike ids lie far apart.
fn lot(id: &str) -> u64 {
    let h = id.bytes().fold(0xCBF2_9CE4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    let h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h ^ (h >> 27)
}

impl StageTally {
    pub(super) fn enter(&mut self, bytes: usize) {
        add(&mut self.input, bytes);
    }

    pub(super) fn leave(&mut self, bytes: usize) {
        add(&mut self.output, bytes);
    }

    /// The text of this document was another one `before`.
    pub(super) fn edit(&mut self, id: &str, edits: &[&'static str], before: &str, now: &str) {
        self.edited += 1;
        for &what in edits {
            *self.edits.entry(what.to_owned()).or_default() += 1;
            let samples = self.samples.entry(what.to_owned()).or_default();
            samples.add(id, || what.to_owned(), || around_the_change(before, now));
        }
    }

    pub(super) fn drop(&mut self, id: &str, broken: &Broken, text: &str) {
        *self.reasons.entry(broken.column.clone()).or_default() += 1;
        self.samples.entry(broken.column.clone()).or_default().add(id, || broken.to_string(), || beginning(text));
    }
}

impl Tally {
    pub(super) fn new(stages: usize) -> Self {
        Tally { stages: vec![StageTally::default(); stages], ..Tally::default() }
    }

    pub(super) fn keep(&mut self, id: &str, text: &str) {
        add(&mut self.kept, text.len());
        self.samples.add(id, String::new, || beginning(text));
    }

    pub(super) fn skip(&mut self, skipped: aquifer_corpus::Skipped) {
        self.skipped += 1;
        if self.skips.len() < LISTED {
            self.skips.push(skipped);
        }
    }

    /// The values of a document that stayed or went.
    pub(super) fn measured(&mut self, row: &Row) {
        self.columns.resize(row.values.len(), Spread::default());
        for (spread, value) in self.columns.iter_mut().zip(&row.values) {
            if let Some(value) = value {
                spread.add(value, row.verdict.is_none());
            }
        }
    }

    /// Adds the counts of a later part.
    pub(super) fn merge(&mut self, other: Tally) {
        for (mine, stage) in self.stages.iter_mut().zip(other.stages) {
            sum(&mut mine.input, stage.input);
            sum(&mut mine.output, stage.output);
            mine.edited += stage.edited;
            stage.edits.into_iter().for_each(|(what, count)| *mine.edits.entry(what).or_default() += count);
            stage.reasons.into_iter().for_each(|(reason, count)| *mine.reasons.entry(reason).or_default() += count);
            stage.samples.into_iter().for_each(|(reason, s)| mine.samples.entry(reason).or_default().merge(s));
        }
        self.skipped += other.skipped;
        self.skips.extend(other.skips);
        self.skips.truncate(LISTED);
        sum(&mut self.kept, other.kept);
        self.samples.merge(other.samples);
        self.columns.resize(self.columns.len().max(other.columns.len()), Spread::default());
        self.columns.iter_mut().zip(other.columns).for_each(|(mine, other)| mine.merge(other));
    }
}

fn add(size: &mut Size, bytes: usize) {
    size.documents += 1;
    size.bytes += bytes as u64;
}

fn sum(size: &mut Size, other: Size) {
    size.documents += other.documents;
    size.bytes += other.bytes;
}
