//! How one chunk, a run of text without white space, falls into tokens.

use super::Language;
use super::address::is_address;
use super::affixes::{infix, prefix, suffix};
use super::exceptions::{Exceptions, exceptions};
use rustc_hash::FxHashMap;

/// The rules of a language.
pub(super) struct Rules {
    exceptions: Exceptions,
    /// No exception is longer, in bytes.
    longest: usize,
    number_hyphen: bool,
    /// By their first token: token sequences that an exception, cut by the rules alone, falls into.
    phrases: FxHashMap<String, Vec<Vec<String>>>,
}

impl Rules {
    pub(super) fn new(language: Language) -> Self {
        let english = language == Language::English;
        // Chinese text is cut by a dictionary instead.
        let exceptions = if language == Language::Chinese { Exceptions::default() } else { exceptions(english) };
        let longest = exceptions.keys().map(String::len).max().unwrap_or(0);
        let mut rules = Rules { exceptions, longest, number_hyphen: english, phrases: FxHashMap::default() };
        let mut phrases: FxHashMap<String, Vec<Vec<String>>> = FxHashMap::default();
        for chunk in rules.exceptions.keys() {
            // As spaCy does, only what the rules would cut.
            let cut = prefix(chunk) > 0 || suffix(chunk) > 0 || !rules.infixes(chunk).is_empty();
            let mut ends = Vec::new();
            rules.split_by(chunk, false, &mut ends);
            if cut && ends.len() > 1 {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let mut tokens = starts.zip(&ends).map(|(from, &to)| chunk[from..to].to_owned());
                let first = tokens.next().expect("there are two at least");
                phrases.entry(first).or_default().push(tokens.collect());
            }
        }
        rules.phrases = phrases;
        rules
    }

    /// Lengths of the pieces of an exception.
    pub(super) fn exception(&self, text: &str) -> Option<&[usize]> {
        if text.len() > self.longest { None } else { self.exceptions.get(text).map(Vec::as_slice) }
    }

    /// What may follow this token for an exception to come of them.
    pub(super) fn phrases(&self, first: &str) -> Option<&[Vec<String>]> {
        if first.len() > self.longest {
            return None;
        }
        self.phrases.get(first).map(Vec::as_slice)
    }

    /// Adds the ends of the chunk's tokens, in bytes from its beginning.
    pub(super) fn split(&self, chunk: &str, ends: &mut Vec<usize>) {
        self.split_by(chunk, true, ends);
    }

    fn split_by(&self, chunk: &str, with_exceptions: bool, ends: &mut Vec<usize>) {
        let exception = |text: &str| self.exception(text).filter(|_| with_exceptions);
        let (mut from, mut to) = (0, chunk.len());
        let mut suffixes = Vec::new();
        while from < to && exception(&chunk[from..to]).is_none() {
            let before = prefix(&chunk[from..to]);
            if before > 0 && exception(&chunk[from + before..to]).is_some() {
                from += before;
                ends.push(from);
                break;
            }
            let behind = suffix(&chunk[from + before..to]);
            if behind > 0 && exception(&chunk[from..to - behind]).is_some() {
                suffixes.push(to);
                to -= behind;
                break;
            }
            if before + behind == 0 {
                break;
            }
            if before > 0 {
                from += before;
                ends.push(from);
            }
            if behind > 0 {
                suffixes.push(to);
                to -= behind;
            }
        }
        let middle = &chunk[from..to];
        if let Some(lengths) = exception(middle) {
            let mut at = from;
            ends.extend(lengths.iter().map(|length| {
                at += length;
                at
            }));
        } else if !middle.is_empty() {
            if !is_address(middle) {
                let mut start = 0;
                for (begin, end) in self.infixes(middle) {
                    if begin != start {
                        ends.push(from + begin);
                    }
                    ends.push(from + end);
                    start = end;
                }
                if start < middle.len() {
                    ends.push(to);
                }
            } else {
                ends.push(to);
            }
        }
        ends.extend(suffixes.into_iter().rev());
    }

    /// Where infixes stand, but for one at the beginning, which cuts nothing.
    fn infixes(&self, text: &str) -> Vec<(usize, usize)> {
        let (mut at, mut found) = (0, Vec::new());
        while at < text.len() {
            match infix(text, at, self.number_hyphen) {
                0 => at += text[at..].chars().next().map_or(1, char::len_utf8),
                length => {
                    if at > 0 {
                        found.push((at, at + length));
                    }
                    at += length;
                }
            }
        }
        found
    }
}
