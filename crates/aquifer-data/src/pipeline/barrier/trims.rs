//! What stands elsewhere already is cut out: spans of sentences, lines or paragraphs, stretches of bytes; and documents most of
//! whose runs of words were met before go, without a word on where.
//!
//! Of dialogues nothing is cut out: their turns would say something else than their text.

use super::super::PipelineError;
use super::earlier::Earlier;
use super::marks::{Decisions, Marks};
use super::{Compare, number, take_language};
use crate::dedup::bloom::{Bloom, BloomOptions};
use crate::dedup::index::IndexWriter;
use crate::dedup::sentence::{Fate, SentenceDedup, SentenceOptions, SpanSorter};
use crate::dedup::spill::Spill;
use crate::dedup::substring::{self, DEFAULT_LENGTH, Occurrences};
use crate::rules::{Asked, Bound, Column, RuleError, Value, options};
use aquifer_corpus::Document;
use aquifer_text::shingles::{Shingler, sentences, words};
use aquifer_text::words::Language;
use serde::Deserialize;
use serde_json::json;
use std::ops::{ControlFlow, Range};
use std::path::Path;

pub(super) fn build(asked: &str, name: &str, mut table: toml::Table) -> Result<Box<dyn Compare>, RuleError> {
    // Stretches are of bytes, in any language: it is no option of theirs.
    let language = if asked == "substrings" { Language::default() } else { take_language(&mut table)? };
    let spans = |defaults: SentenceOptions, given: toml::Table| {
        // What is left out is as in this kind of cutting, not as in the first one.
        let mut whole = toml::Table::try_from(defaults).expect("options are TOML");
        whole.extend(given);
        let (sentences, words) = (sentences(language), words(language));
        Ok::<_, RuleError>(Box::new(Spans(SentenceDedup { options: options(whole)?, sentences, words })))
    };
    Ok(match asked {
        "sentences" => spans(SentenceOptions::default(), table)?,
        "lines" => spans(SentenceOptions::lines(), table)?,
        "paragraphs" => spans(SentenceOptions::paragraphs(), table)?,
        "bloom" => {
            let mut earlier = Earlier::take(&mut table, name)?;
            let options: BloomOptions = options(table)?;
            if options.bytes == 0 || options.hashes == 0 || options.n_grams == 0 {
                let why = "`bytes`, `hashes` and `n_grams` should be at least 1";
                return Err(RuleError::Options(why.to_owned()));
            }
            earlier.set_about(&json!({ "method": "bloom", "language": language, "options": options }), 1);
            Box::new(Met { options, words: words(language), earlier })
        }
        _ => {
            let stretches: Stretches = options(table)?;
            if stretches.length == 0 {
                return Err(RuleError::Options("`length` should be at least 1".to_owned()));
            }
            Box::new(stretches)
        }
    })
}

const COUNT: usize = 0;
const PLACES: usize = 1;
const GONE: usize = 2;

fn columns(count: &'static str, places: &'static str) -> Vec<Column> {
    vec![
        Column::new("repeated", count, Bound::anything()),
        Column::label("places", places, &[]),
        Column::new("gone", "1 where too little would be left", Bound::at_most(0.0)),
    ]
}

/// Tells what was found, and cuts it out.
fn tell(document: &Document, places: &[u32], fate: Fate, ask: &mut Asked) -> ControlFlow<()> {
    ask.number(COUNT, places.len() as f64)?;
    if !places.is_empty() {
        let named: Vec<String> = places.iter().map(u32::to_string).collect();
        ask.label(PLACES, named.join(" "))?;
    }
    match fate {
        Fate::Goes => return ask.number(GONE, 1.0),
        Fate::Cut(text) if !document.metadata.contains_key("messages") => {
            ask.text(text);
            ask.edited("repeated text cut out");
        }
        Fate::Cut(_) | Fate::Stays => {}
    }
    ask.number(GONE, 0.0)
}

fn recalled(values: &[Option<Value>]) -> Vec<u8> {
    let places = match values.get(PLACES) {
        Some(Some(Value::Label(named))) => named.split(' ').filter_map(|place| place.parse().ok()).collect(),
        _ => Vec::new(),
    };
    to_bytes(&places)
}

fn to_bytes(places: &[u32]) -> Vec<u8> {
    places.iter().flat_map(|place| place.to_le_bytes()).collect()
}

fn of_bytes(decision: &[u8]) -> Vec<u32> {
    decision.chunks_exact(4).map(|place| u32::from_le_bytes(place.try_into().expect("four bytes"))).collect()
}

/// Sentences, lines or paragraphs.
struct Spans(SentenceDedup);

/// A span's hash, and the unit at which it begins.
const SPAN: usize = 8 + 4;

impl Compare for Spans {
    fn columns(&self) -> Vec<Column> {
        columns("spans that stand earlier already", "units at which they begin, counted from 0")
    }

    fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        for (hash, at) in self.0.spans(&document.text) {
            out.extend(hash.to_le_bytes());
            out.extend(at.to_le_bytes());
        }
    }

    fn decide(&self, marks: &Marks, spill: Spill, _index: &Path, decided: &mut Decisions) -> Result<(), PipelineError> {
        let mut sorter = SpanSorter::new(spill);
        for (document, mark) in (0_u32..).zip(marks.iter()) {
            for span in mark.chunks_exact(SPAN) {
                let (hash, at) = span.split_at(8);
                let hash = u64::from_le_bytes(hash.try_into().expect("eight bytes"));
                sorter.push(document, hash, u32::from_le_bytes(at.try_into().expect("four bytes")))?;
            }
        }
        let mut starts = sorter.finish(&[], self.0.options.only_in_index, |_| {})?;
        for document in 0..marks.len() as u32 {
            decided.put(&to_bytes(&starts.of(document)?))?;
        }
        Ok(())
    }

    fn measure(&self, document: &Document, decision: &[u8], ask: &mut Asked) -> ControlFlow<()> {
        let starts = of_bytes(decision);
        tell(document, &starts, self.0.cut(&document.text, &starts), ask)
    }

    fn recall(&self, values: &[Option<Value>]) -> Vec<u8> {
        recalled(values)
    }
}

/// Stretches of bytes. Its marks are the texts themselves, on the disk.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stretches {
    /// Bytes of the shortest.
    length: usize,
    occurrences: Occurrences,
}

impl Default for Stretches {
    fn default() -> Self {
        Stretches { length: DEFAULT_LENGTH, occurrences: Occurrences::default() }
    }
}

impl Compare for Stretches {
    fn columns(&self) -> Vec<Column> {
        columns("ends of the stretches that stand elsewhere already", "bytes at which they begin and end")
    }

    fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        out.extend_from_slice(document.text.as_bytes());
    }

    fn decide(&self, marks: &Marks, spill: Spill, _index: &Path, decided: &mut Decisions) -> Result<(), PipelineError> {
        let texts: Vec<&[u8]> = marks.iter().collect();
        let found = substring::repeated(&texts, self.length, self.occurrences, spill)?;
        found.iter().try_for_each(|ranges| {
            let ends: Vec<u32> = ranges.iter().flat_map(|range| [range.start as u32, range.end as u32]).collect();
            decided.put(&to_bytes(&ends))
        })
    }

    fn measure(&self, document: &Document, decision: &[u8], ask: &mut Asked) -> ControlFlow<()> {
        let ends = of_bytes(decision);
        let ranges: Vec<Range<usize>> = ends.chunks_exact(2).map(|ends| ends[0] as usize..ends[1] as usize).collect();
        let fate = match substring::without(&document.text, &ranges) {
            left if left == document.text => Fate::Stays,
            left if left.trim().is_empty() => Fate::Goes,
            left => Fate::Cut(left),
        };
        tell(document, &ends, fate, ask)
    }

    fn recall(&self, values: &[Option<Value>]) -> Vec<u8> {
        recalled(values)
    }
}

/// Runs of words met before.
struct Met {
    options: BloomOptions,
    words: aquifer_text::shingles::Cuts,
    /// Filters of earlier runs.
    earlier: Earlier,
}

impl Compare for Met {
    fn columns(&self) -> Vec<Column> {
        let bound = Bound::at_most(self.options.threshold);
        vec![Column::new("met", "share of its runs of words that earlier documents have", bound)]
    }

    fn holds(&self) -> u64 {
        self.options.bytes as u64
    }

    fn mark(&self, document: &Document, out: &mut Vec<u8>) {
        let BloomOptions { n_grams, simplify, hash, .. } = self.options;
        let shingler = Shingler { n: n_grams, simplify, hash, words: self.words.clone() };
        out.extend(shingler.shingles(&document.text).iter().flat_map(|shingle| shingle.to_le_bytes()));
    }

    fn check(&self) -> Result<(), PipelineError> {
        Ok(self.earlier.check()?)
    }

    fn decide(&self, marks: &Marks, _spill: Spill, index: &Path, decided: &mut Decisions) -> Result<(), PipelineError> {
        let mut bloom = Bloom::new(&self.options, self.words.clone());
        for reader in self.earlier.readers() {
            bloom.add(reader?)?;
        }
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        marks.iter().try_for_each(|mark| {
            let shingles: Vec<u64> = mark.chunks_exact(8).map(word).collect();
            decided.put(&bloom.met(&shingles).to_le_bytes())
        })?;
        if let Some(path) = self.earlier.saved(index) {
            let mut out = IndexWriter::begin(path, self.earlier.about())?;
            bloom.bits().iter().try_for_each(|byte| out.push(&[*byte]))?;
            out.finish()?;
        }
        Ok(())
    }

    fn measure(&self, _document: &Document, decision: &[u8], ask: &mut Asked) -> ControlFlow<()> {
        ask.number(0, decision.try_into().map_or(0.0, f64::from_le_bytes))
    }

    fn recall(&self, values: &[Option<Value>]) -> Vec<u8> {
        number(values, 0).to_le_bytes().to_vec()
    }
}
