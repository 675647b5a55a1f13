//! Runs of words that occur more than once, and how many characters they take.
//!
//! datatrove joins each run into a string and counts strings. The same numbers come out here without making any: a run of n + 1
//! words is a run of n and a word, so each gets a number from the pair of theirs, and a run that occurs once is not looked at again.

use aquifer_text::words::Token;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// The runs of one text's words.
pub(super) struct Ngrams<'a> {
    words: &'a [Token],
    /// The words in one piece, and where each begins in it; one more number than words.
    joined: Vec<u8>,
    starts: Vec<u32>,
    /// The same in characters.
    characters: Vec<u32>,
    /// For each word, a number that equal runs beginning there share; [`ONCE`] where there is no equal one.
    runs: Vec<u32>,
    /// The length of those runs.
    n: usize,
    /// For each word, its own number.
    ids: Vec<u32>,
    /// Whether the bytes behind a word's beginning occur behind another's too.
    common: Option<Vec<bool>>,
    table: Table,
}

/// The number of a run that occurs once.
const ONCE: u32 = u32::MAX;
/// So many bytes decide whether two long runs may be equal.
const HEAD: usize = 16;

impl<'a> Ngrams<'a> {
    pub(super) fn new(text: &str, words: &'a [Token]) -> Self {
        let mut joined = Vec::with_capacity(text.len());
        let (mut starts, mut characters) = (vec![0], vec![0]);
        for token in words {
            joined.extend_from_slice(token.of(text).as_bytes());
            starts.push(joined.len() as u32);
            characters.push(characters[characters.len() - 1] + token.chars);
        }
        let mut ngrams = Ngrams {
            words,
            joined,
            starts,
            characters,
            runs: Vec::new(),
            n: 1,
            ids: Vec::new(),
            common: None,
            table: Table::default(),
        };
        ngrams.ids = ngrams.number_words();
        ngrams.runs = ngrams.ids.clone();
        ngrams
    }

    /// Characters that the most frequent run of n words takes, spaces between its words counted; of equally frequent ones the first.
    /// `n` may only grow from call to call. `None` where there are fewer words.
    pub(super) fn top(&mut self, n: usize) -> Option<usize> {
        let (at, count) = self.most_frequent(n)?;
        Some((self.length(at, n) + n - 1) * count)
    }

    /// Where that run begins, each time.
    pub(super) fn top_places(&mut self, n: usize) -> Vec<usize> {
        let Some((first, _)) = self.most_frequent(n) else { return Vec::new() };
        (0..self.runs.len())
            .filter(|at| *at == first || self.runs[*at] == self.runs[first] && self.runs[first] != ONCE)
            .collect()
    }

    /// The most frequent run: where it begins first, and how often it occurs.
    fn most_frequent(&mut self, n: usize) -> Option<(usize, usize)> {
        while self.n < n {
            self.lengthen();
        }
        let last = self.words.len().checked_sub(n)?;
        let mut counts: Vec<u32> = Vec::new();
        let mut first: Vec<u32> = Vec::new();
        for (at, &run) in self.runs[..=last].iter().enumerate().filter(|(_, run)| **run != ONCE) {
            // Numbers are given in the order of first occurrence.
            if run as usize == counts.len() {
                counts.push(0);
                first.push(at as u32);
            }
            counts[run as usize] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        let which = if most == 1 { None } else { counts.iter().position(|count| *count == most) };
        let at = which.map_or(0, |which| first[which] as usize);
        Some((at, most as usize))
    }

    /// How many different runs of n words occur more than once. `n` may only grow, as for [`top`](Self::top).
    pub(super) fn different_repeated(&mut self, n: usize) -> usize {
        while self.n < n {
            self.lengthen();
        }
        // Numbers are given without gaps.
        self.runs.iter().filter(|run| **run != ONCE).max().map_or(0, |most| *most as usize + 1)
    }

    /// Characters in runs of n words that were there before, from left to right, none counted twice. Runs are equal if their words,
    /// written without spaces, are.
    pub(super) fn repeated(&mut self, n: usize) -> usize {
        let mut characters = 0;
        self.each_repeated(n, |ngrams, at| characters += ngrams.length(at, n));
        characters
    }

    /// Where those runs begin.
    pub(super) fn repeated_places(&mut self, n: usize) -> Vec<usize> {
        let mut places = Vec::new();
        self.each_repeated(n, |_, at| places.push(at));
        places
    }

    fn each_repeated(&mut self, n: usize, mut take: impl FnMut(&Self, usize)) {
        let Some(last) = self.words.len().checked_sub(n) else { return };
        let common = self.common.take().unwrap_or_else(|| self.common_heads());
        let mut table = std::mem::take(&mut self.table);
        let may_repeat = |at: usize| common[at] || self.bytes(at, n).len() < HEAD;
        table.clear((0..=last).filter(|at| may_repeat(*at)).count());
        let mut at = 0;
        while at <= last {
            let bytes = self.bytes(at, n);
            let known = may_repeat(at) && {
                let same = |other: u32| self.bytes(other as usize, n) == bytes;
                table.find_or_add(hash(bytes), at as u32, same).is_some()
            };
            if known {
                take(self, at);
                at += n;
            } else {
                at += 1;
            }
        }
        self.table = table;
        self.common = Some(common);
    }

    fn bytes(&self, at: usize, n: usize) -> &[u8] {
        &self.joined[self.starts[at] as usize..self.starts[at + n] as usize]
    }

    fn length(&self, at: usize, n: usize) -> usize {
        (self.characters[at + n] - self.characters[at]) as usize
    }

    /// Numbers equal words alike, in the order of first occurrence.
    fn number_words(&mut self) -> Vec<u32> {
        let mut table = std::mem::take(&mut self.table);
        table.clear(self.words.len());
        let (mut ids, mut next) = (Vec::with_capacity(self.words.len()), 0);
        for at in 0..self.words.len() {
            let word = self.bytes(at, 1);
            let same = |other: u32| self.bytes(other as usize, 1) == word;
            ids.push(match table.find_or_add(hash(word), at as u32, same) {
                Some(other) => ids[other as usize],
                None => {
                    next += 1;
                    next - 1
                }
            });
        }
        self.table = table;
        ids
    }

    /// From runs of n words to runs of n + 1.
    fn lengthen(&mut self) {
        let runs = self.words.len().saturating_sub(self.n);
        let mut table = std::mem::take(&mut self.table);
        table.clear(runs);
        // The first of equal runs is found again by its index; it has a number once a second one is met.
        let mut first = Vec::new();
        let pair = |at: usize| (self.runs[at], self.ids[at + self.n]);
        let mut again = vec![ONCE; runs];
        for at in (0..runs).filter(|at| self.runs[*at] != ONCE) {
            let (run, word) = pair(at);
            let hash = (u64::from(run) << 32 | u64::from(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if let Some(other) =
                table.find_or_add(hash ^ hash >> 29, at as u32, |other| pair(other as usize) == (run, word))
            {
                if again[other as usize] == ONCE {
                    again[other as usize] = other;
                    first.push(other);
                }
                again[at] = other;
            }
        }
        first.sort_unstable();
        let mut numbers = vec![0; runs];
        first.iter().zip(0..).for_each(|(at, number)| numbers[*at as usize] = number);
        self.runs = again.into_iter().map(|other| if other == ONCE { ONCE } else { numbers[other as usize] }).collect();
        self.n += 1;
        self.table = table;
    }

    /// Which words begin a stretch of [`HEAD`] bytes that another word begins too. Runs that are at least as long can only be equal
    /// where this holds of both; equal hashes of different bytes cost time and nothing else.
    fn common_heads(&mut self) -> Vec<bool> {
        let words = self.words.len();
        let mut common = vec![false; words];
        self.table.clear(words);
        for at in 0..words {
            let start = self.starts[at] as usize;
            let Some(head) = self.joined.get(start..start + HEAD) else { continue };
            let hash = hash(head);
            if let Some(other) = self.table.find_or_add(hash, at as u32, |_| true) {
                common[other as usize] = true;
                common[at] = true;
            }
        }
        common
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// A set of positions by hash, with the hash's upper half beside them.
#[derive(Default)]
struct Table {
    slots: Vec<(u32, u32)>,
}

impl Table {
    /// Empties the table and makes room for so many; no more may be added.
    fn clear(&mut self, many: usize) {
        self.slots.clear();
        self.slots.resize((many * 2).next_power_of_two().max(16), (0, 0));
    }

    /// The position that was added under this hash and is the `same`; adds `at` if there is none.
    fn find_or_add(&mut self, hash: u64, at: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let (tag, mask) = ((hash >> 32) as u32, self.slots.len() - 1);
        let mut slot = hash as usize & mask;
        while self.slots[slot].1 != 0 {
            if self.slots[slot].0 == tag && same(self.slots[slot].1 - 1) {
                return Some(self.slots[slot].1 - 1);
            }
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = (tag, at + 1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_text::words::{Language, Splitter};
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    /// The plainest way: strings in maps.
    fn top(words: &[&str], n: usize) -> Option<usize> {
        let mut counts: HashMap<String, (usize, std::cmp::Reverse<usize>)> = HashMap::new();
        for (at, run) in words.windows(n).enumerate() {
            counts.entry(run.join(" ")).or_insert((0, std::cmp::Reverse(at))).0 += 1;
        }
        let (run, (count, _)) = counts.iter().max_by_key(|(_, order)| **order)?;
        Some(run.chars().count() * count)
    }

    fn repeated(words: &[&str], n: usize) -> usize {
        let (mut seen, mut at, mut characters) = (HashSet::new(), 0, 0);
        while at + n <= words.len() {
            let run = words[at..at + n].concat();
            if seen.insert(run.clone()) {
                at += 1;
            } else {
                characters += run.chars().count();
                at += n;
            }
        }
        characters
    }

    fn different_repeated(words: &[&str], n: usize) -> usize {
        let mut counts: HashMap<&[&str], usize> = HashMap::new();
        words.windows(n).for_each(|run| *counts.entry(run).or_insert(0) += 1);
        counts.values().filter(|count| **count > 1).count()
    }

    fn check(text: &str) {
        let tokens = Splitter::new(Language::English).split(text);
        let tokens: Vec<Token> = tokens.into_iter().filter(|token| !token.is_space()).collect();
        let words: Vec<&str> = tokens.iter().map(|token| token.of(text)).collect();
        let mut ngrams = Ngrams::new(text, &tokens);
        for n in 2..=4 {
            assert_eq!(ngrams.top(n), top(&words, n), "{n} {text:?}");
        }
        for n in 5..=10 {
            assert_eq!(ngrams.repeated(n), repeated(&words, n), "{n} {text:?}");
            assert_eq!(ngrams.different_repeated(n), different_repeated(&words, n), "{n} {text:?}");
        }
    }

    #[test]
    fn equal_runs_may_be_cut_differently_and_short_texts_have_none() {
        for text in ["", "a", "a b", "a a a a a a a a a a a a", "ab c ab c x y z a bc a bc x y z ab c abc x y z"] {
            check(text);
        }
        check(&"été où a bb ccc dddd eeeee ffffff ggggggg abcdefghijklmnopqrstuvwxyz ".repeat(3));
    }

    proptest! {
        #[test]
        fn counts_are_those_of_strings_in_maps(words in prop::collection::vec("(a|b|ab|ba|aab|é|longer|[a-d]{1,9})", 0..150)) {
            check(&words.join(" "));
        }
    }
}
