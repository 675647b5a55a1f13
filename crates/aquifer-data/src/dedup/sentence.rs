//! Spans of sentences, lines or paragraphs that stand elsewhere already are cut out; documents of which too little is left go.
//!
//! Raffel et al., "Exploring the limits of transfer learning", 2020 (C4), section 2.2: all but one of any three-sentence span
//! occurring more than once. Steps and their order are those of datatrove 0.10.1 (`pipeline/dedup/sentence_dedup.py`) over
//! one rank, its quirks included where they show in the result; they are named below.

use super::spill::{Sorted, Sorter, Spill};
use crate::parallel;
use aquifer_record::FileError;
use aquifer_text::shingles::{Cuts, Hash, Simplify};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a text is cut into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Sentences, each with the white space before it.
    #[default]
    Sentences,
    /// Lines, as Python splits them.
    Lines,
    /// What stands between blank lines, together with those behind it.
    Paragraphs,
}

/// Parameters of datatrove's `SentDedupConfig`, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentenceOptions {
    /// What spans are made of.
    pub unit: Unit,
    /// Units in a span; shorter texts have none.
    pub n_sentences: usize,
    /// A changed text of fewer words goes; 0 for no such bound.
    pub min_doc_words: usize,
    /// A changed text of fewer sentences goes; 0 for no such bound.
    pub min_num_sentences: usize,
    /// A stretch to be cut out of fewer words stays; 0 for no such bound. As in datatrove only the first unit of a
    /// stretch is looked at, and put back.
    pub min_words_to_remove_span: usize,
    /// Only spans of an index are cut out, not those of other documents.
    pub only_in_index: bool,
    /// What is made equal first.
    pub simplify: Simplify,
    /// Of a span.
    pub hash: Hash,
}

impl Default for SentenceOptions {
    fn default() -> Self {
        SentenceOptions {
            unit: Unit::Sentences,
            n_sentences: 3,
            min_doc_words: 50,
            min_num_sentences: 3,
            min_words_to_remove_span: 0,
            only_in_index: true,
            simplify: Simplify::default(),
            hash: Hash::Xxh64,
        }
    }
}

impl SentenceOptions {
    /// Every line that stands elsewhere already is cut out, however little is left.
    pub fn lines() -> Self {
        SentenceOptions {
            unit: Unit::Lines,
            n_sentences: 1,
            min_doc_words: 0,
            min_num_sentences: 0,
            ..Default::default()
        }
    }

    /// The same of paragraphs.
    pub fn paragraphs() -> Self {
        SentenceOptions { unit: Unit::Paragraphs, ..Self::lines() }
    }
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Stays,
    /// It stays with this text.
    Cut(String),
    /// It goes: too little would be left, or it was empty.
    Goes,
}

/// Finds repeated spans and cuts them out.
#[derive(Clone)]
pub struct SentenceDedup {
    /// The parameters.
    pub options: SentenceOptions,
    /// Where sentences begin and end.
    pub sentences: Cuts,
    /// Where words begin and end.
    pub words: Cuts,
}

impl SentenceDedup {
    /// The hash of every span of the text with the place of its first unit.
    pub fn spans(&self, text: &str) -> Vec<(u64, u32)> {
        let n = self.options.n_sentences.max(1);
        let mut units = self.units(text);
        if self.options.unit == Unit::Sentences {
            // As in datatrove: sentences of nothing but white space do not count here, though they do when cutting.
            units.retain(|unit| !text[unit.clone()].trim_matches(is_python_space).is_empty());
        }
        let simple: Vec<String> = units.into_iter().map(|unit| self.options.simplify.apply(&text[unit])).collect();
        let spans = (0..).zip(simple.windows(n).map(|span| span.join(" ")));
        let spans = spans.filter(|(_, span)| !span.trim().is_empty());
        spans.map(|(at, span)| (self.options.hash.of(span.as_bytes()), at)).collect()
    }

    /// For every document the places of the units at which a span begins that stands earlier already (in an earlier
    /// document, further up, or in the index). `index` holds hashes in ascending order.
    ///
    /// # Errors
    /// If sorting cannot write or read.
    pub fn repeated<'a>(
        &self,
        texts: impl ExactSizeIterator<Item = &'a str>,
        index: &[u64],
        spill: &Spill,
    ) -> Result<Repeated, FileError> {
        let n = texts.len();
        let mut sorter = SpanSorter::new(spill.clone());
        let texts: Vec<&str> = texts.collect();
        for (batch, texts) in texts.chunks(BATCH).enumerate() {
            let spans = parallel::map(texts.len(), |i| self.spans(texts[i]));
            for (document, spans) in (batch * BATCH..).zip(spans) {
                spans.into_iter().try_for_each(|(hash, at)| sorter.push(document as u32, hash, at))?;
            }
        }
        let mut new = Vec::new();
        let mut found = sorter.finish(index, self.options.only_in_index, |hash| new.push(hash))?;
        let starts = (0..n as u32).map(|document| found.of(document)).collect::<Result<_, _>>()?;
        Ok(Repeated { starts, new })
    }

    /// What becomes of a text whose repeated spans begin at these units, in ascending order.
    pub fn cut(&self, text: &str, starts: &[u32]) -> Fate {
        let kept = match starts.is_empty() {
            true => text.to_owned(),
            false => self.without(text, starts),
        };
        let enough = |least: usize, cuts: &Cuts| least == 0 || count(cuts, &kept).max(1) >= least;
        let SentenceOptions { min_doc_words, min_num_sentences, .. } = self.options;
        match () {
            () if kept.is_empty() => Fate::Goes,
            () if kept == text => Fate::Stays,
            () if enough(min_doc_words, &self.words) && enough(min_num_sentences, &self.sentences) => Fate::Cut(kept),
            () => Fate::Goes,
        }
    }

    /// The text without the spans, and without white space before what is left.
    fn without(&self, text: &str, starts: &[u32]) -> String {
        let SentenceOptions { unit, n_sentences, min_words_to_remove_span: least, .. } = self.options;
        let mut kept: Vec<&str> = Vec::new();
        let mut removed: Option<&str> = None;
        let too_short = |span: &str| least > 0 && count(&self.words, span) < least;
        let (mut starts, mut until, mut last) = (starts.iter().peekable(), 0, 0);
        for (i, range) in self.units(text).into_iter().enumerate() {
            let end = range.end;
            // A sentence takes the white space before it along.
            let piece = &text[if unit == Unit::Sentences { last } else { range.start }..end];
            last = end;
            while starts.next_if(|start| **start as usize <= i).is_some_and(|start| *start as usize == i) {
                until = i + n_sentences.max(1);
            }
            if i >= until {
                kept.extend(removed.take().filter(|span| too_short(span)));
                kept.push(piece);
            } else {
                removed.get_or_insert(piece);
            }
        }
        kept.extend(removed.filter(|span| too_short(span)));
        let joined = kept.join(if unit == Unit::Lines { "\n" } else { "" });
        joined.trim_start_matches(is_python_space).to_owned()
    }

    fn units(&self, text: &str) -> Vec<Range<usize>> {
        let mut units = Vec::new();
        match self.options.unit {
            Unit::Sentences => (self.sentences)(text, &mut units),
            Unit::Lines => lines(text, |line, _| units.push(line)),
            Unit::Paragraphs => {
                let mut between = true;
                lines(text, |line, end| {
                    let blank = text[line.clone()].trim().is_empty();
                    match units.last_mut() {
                        Some(last) if blank || !between => last.end = end,
                        _ => units.push(line.start..end),
                    }
                    between = blank;
                });
            }
        }
        units
    }
}

/// Takes the spans of documents in any order, and tells which stand earlier already.
pub struct SpanSorter {
    by_hash: Sorter,
    spill: Spill,
}

impl SpanSorter {
    /// An empty one.
    pub fn new(spill: Spill) -> Self {
        let spill = spill.share(2);
        SpanSorter { by_hash: Sorter::new(8 + 4 + 4, spill.clone()), spill }
    }

    /// A span of this document that begins at this unit.
    ///
    /// # Errors
    /// If sorting cannot write.
    pub fn push(&mut self, document: u32, hash: u64, at: u32) -> Result<(), FileError> {
        let place = u64::from(document) << 32 | u64::from(at);
        self.by_hash.push(&[hash.to_be_bytes(), place.to_be_bytes()].concat())
    }

    /// The spans that stand earlier already, or in the index (hashes in ascending order; unless there is none, only those if
    /// `only_in_index`). `new` is told every hash that the index has not, in ascending order.
    ///
    /// # Errors
    /// If sorting cannot write or read.
    pub fn finish(self, index: &[u64], only_in_index: bool, mut new: impl FnMut(u64)) -> Result<Starts, FileError> {
        let mut by_place = Sorter::new(8, self.spill);
        let (mut last, mut rest) = (None, index);
        let mut sorted = self.by_hash.finish()?;
        while let Some(record) = sorted.next()? {
            let (hash, place) = record.split_at(8);
            let hash = u64::from_be_bytes(hash.try_into().expect("eight bytes"));
            rest = &rest[rest.partition_point(|&indexed| indexed < hash)..];
            let (indexed, seen) = (rest.first() == Some(&hash), last == Some(hash));
            if indexed || seen && (index.is_empty() || !only_in_index) {
                by_place.push(place)?;
            }
            if !indexed && !seen {
                new(hash);
            }
            last = Some(hash);
        }
        let mut starts = Starts { sorted: by_place.finish()?, next: None };
        starts.advance()?;
        Ok(starts)
    }
}

/// Where repeated spans begin, document by document.
pub struct Starts {
    sorted: Sorted,
    next: Option<u64>,
}

impl Starts {
    /// The units of this document at which one begins, in ascending order. Documents have to be asked for in their order.
    ///
    /// # Errors
    /// If a run cannot be read.
    pub fn of(&mut self, document: u32) -> Result<Vec<u32>, FileError> {
        let mut starts = Vec::new();
        while let Some(place) = self.next.filter(|place| place >> 32 <= u64::from(document)) {
            if place >> 32 == u64::from(document) {
                starts.push(place as u32);
            }
            self.advance()?;
        }
        Ok(starts)
    }

    fn advance(&mut self) -> Result<(), FileError> {
        let place = self.sorted.next()?;
        self.next = place.map(|place| u64::from_be_bytes(place.try_into().expect("eight bytes")));
        Ok(())
    }
}

/// Documents hashed at once.
const BATCH: usize = 1024;

/// What [`SentenceDedup::repeated`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// For every document the units at which a repeated span begins, in ascending order.
    pub starts: Vec<Vec<u32>>,
    /// The hashes that were not in the index, in ascending order: what to add to it.
    pub new: Vec<u64>,
}

fn count(cuts: &Cuts, text: &str) -> usize {
    let mut found = Vec::new();
    cuts(text, &mut found);
    found.len()
}

fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&c)
}

/// The lines of a text without their ends, as Python's `splitlines`; with each the place where the next begins.
fn lines(text: &str, mut each: impl FnMut(Range<usize>, usize)) {
    let ends = |c: char| matches!(c, '\n'..='\r' | '\u{1C}'..='\u{1E}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut from = 0;
    while from < text.len() {
        let (line, next) = match text[from..].find(ends) {
            None => (from..text.len(), text.len()),
            Some(at) => {
                let (end, rest) = (from + at, &text[from + at..]);
                let width = if rest.starts_with("\r\n") { 2 } else { rest.chars().next().map_or(0, char::len_utf8) };
                (from..end, end + width)
            }
        };
        each(line, next);
        from = next;
    }
}

#[cfg(test)]
mod tests;
