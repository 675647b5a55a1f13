//! Evaluation sets in training text: one index of their runs of words, asked by the data pipeline (what to drop) and by the
//! evaluator (what its scores are worth).
//!
//! Brown et al., "Language models are few-shot learners", 2020, appendix C, with the parameters, n-grams and hashes of
//! datatrove 0.10.1 (`pipeline/decont/n_grams.py`).
//!
//! ```
//! use aquifer_text::contamination::{Contamination, ContaminationOptions, Item};
//! use aquifer_text::{shingles::words, words::Language};
//! let options = ContaminationOptions { n_grams: 4, query: true, ..Default::default() };
//! let mut index = Contamination::new(&options, words(Language::English));
//! index.add("riddles", &Item { query: Some("What has a bed but never sleeps?"), label: "A river, of course." });
//! let text = "He asked: what has a bed, but never sleeps? Nobody knew.";
//! let spans = index.spans(text);
//! assert_eq!(&text[spans[0].bytes.clone()], "what has a bed, but never sleeps?");
//! assert_eq!(spans[0].set, "riddles");
//! ```

mod files;
mod located;

use crate::shingles::{Cuts, Hash, Shingler, Simplify, SpacedWords};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What counts as contamination: datatrove's `NGramsDecontConfig`, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContaminationOptions {
    /// Words in a run. Items of fewer leave no trace.
    pub n_grams: usize,
    /// Runs of words of the query alone count too.
    pub query: bool,
    /// Runs that begin in the query and end in the label count too.
    pub overlap: bool,
    /// What is made equal first.
    pub simplify: Simplify,
    /// Of a run of words.
    pub hash: Hash,
}

impl Default for ContaminationOptions {
    fn default() -> Self {
        ContaminationOptions {
            n_grams: 12,
            query: false,
            overlap: true,
            simplify: Simplify::default(),
            hash: Hash::Xxh64,
        }
    }
}

/// One item of an evaluation set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The question, prompt or instruction.
    pub query: Option<&'a str>,
    /// The answer.
    pub label: &'a str,
}

/// The runs of words of evaluation sets.
#[derive(Clone)]
pub struct Contamination {
    options: ContaminationOptions,
    shingler: Shingler,
    sets: Vec<String>,
    hashes: FxHashMap<u64, u32>,
}

/// Where a text holds what an evaluation set holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span<'a> {
    /// In the text as it was given. A word that is only part of what stands between white space counts with all of it.
    pub bytes: Range<usize>,
    /// The evaluation set: of several that of the first run.
    pub set: &'a str,
    /// How many runs of words in a row were found.
    pub runs: usize,
}

impl Contamination {
    /// An empty index over the words that `words` cuts.
    pub fn new(options: &ContaminationOptions, words: Cuts) -> Self {
        let ContaminationOptions { n_grams, simplify, hash, .. } = *options;
        let shingler = Shingler { n: n_grams.max(1), simplify, hash, words };
        Contamination { options: *options, shingler, sets: Vec::new(), hashes: FxHashMap::default() }
    }

    /// Adds an item of a set. A run that several sets hold is told as the one's that came last.
    pub fn add(&mut self, set: &str, item: &Item) {
        let n = self.shingler.n;
        let label = self.shingler.words_of(item.label);
        let mut runs: Vec<String> = label.runs(n).map(str::to_owned).collect();
        if let Some(query) = item.query.map(|query| self.shingler.words_of(query)) {
            if self.options.query {
                runs.extend(query.runs(n).map(str::to_owned));
            }
            if self.options.overlap {
                runs.extend((1..n).filter_map(|of_label| across(&query, &label, n - of_label, of_label)));
            }
        }
        let id = self.set_id(set);
        self.hashes.extend(runs.iter().map(|run| (self.shingler.hash.of(run.as_bytes()), id)));
    }

    /// The names of the sets, in the order they came.
    pub fn sets(&self) -> &[String] {
        &self.sets
    }

    /// How many different runs of words there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The first run of words of the text that is in the index, simplified, and the set it is of: datatrove's verdict.
    pub fn first(&self, text: &str) -> Option<(String, &str)> {
        let words = self.shingler.words_of(text);
        let mut runs = words.runs(self.shingler.n);
        runs.find_map(|run| Some((run.to_owned(), self.set_of(run)?)))
    }

    /// All stretches of the text that are in the index: runs of words that follow one another or overlap are one.
    pub fn spans(&self, text: &str) -> Vec<Span<'_>> {
        let (words, places) = located::words(&self.shingler, text);
        let n = self.shingler.n;
        let mut spans: Vec<(usize, Span)> = Vec::new();
        for (i, run) in words.runs(n).enumerate() {
            let Some(set) = self.set_of(run) else { continue };
            let end = places[i + n - 1].end;
            match spans.last_mut() {
                // The last run of the span before ends with the word before this one, or later.
                Some((last, span)) if *last + n >= i => {
                    *last = i;
                    span.bytes.end = end;
                    span.runs += 1;
                }
                _ => spans.push((i, Span { bytes: places[i].start..end, set, runs: 1 })),
            }
        }
        spans.into_iter().map(|(_, span)| span).collect()
    }

    fn set_of(&self, run: &str) -> Option<&str> {
        let id = self.hashes.get(&self.shingler.hash.of(run.as_bytes()))?;
        Some(&self.sets[*id as usize])
    }

    fn set_id(&mut self, set: &str) -> u32 {
        let at = self.sets.iter().position(|known| known == set).unwrap_or_else(|| {
            self.sets.push(set.to_owned());
            self.sets.len() - 1
        });
        at as u32
    }
}

/// The last words of the query with the first of the label, if there are as many.
fn across(query: &SpacedWords, label: &SpacedWords, of_query: usize, of_label: usize) -> Option<String> {
    let from = query.len().checked_sub(of_query)?;
    let enough = label.len() >= of_label;
    enough.then(|| format!("{} {}", query.span(from..query.len()), label.span(0..of_label)))
}

#[cfg(test)]
mod tests;
