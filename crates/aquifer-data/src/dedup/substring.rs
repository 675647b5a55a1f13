//! Stretches of text that stand elsewhere already, to the byte (or to the token).
//!
//! Lee et al., "Deduplicating training data makes language models better", 2022, section 4.1: what matters is every stretch of at
//! least a threshold of 50 tokens that occurs twice. They find them in a suffix array of the whole corpus. The same
//! stretches are the union of all windows of just the threshold's length that occur twice; so here windows are sorted by
//! a rolling hash, which may go to disk, and those of one hash are then compared symbol by symbol: no stretch is found by chance.
//!
//! Most windows occur once, and need not be sorted. Each is known by its anchor: of the runs half as long inside it, the one
//! with the lowest hash (Schleimer, Wilkerson and Aiken, "Winnowing", 2003, section 3). Windows that are alike have anchors that
//! are alike, and neighbours mostly share theirs, so a dozen times fewer anchors are sorted first; only windows whose anchor
//! occurs twice come after them.

use super::spill::{Sorted, Sorter, Spill};
use super::universal::PRIME;
use aquifer_record::FileError;
use std::collections::VecDeque;
use std::ops::Range;

/// The paper's threshold.
pub const DEFAULT_LENGTH: usize = 50;

/// Which occurrences of a repeated stretch are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occurrences {
    /// All but the first.
    #[default]
    Later,
    /// All.
    All,
}

/// For every document the stretches of at least `length` symbols that occur more than once in all of them, overlapping ones
/// joined, in order. Symbols are bytes or token ids; no stretch goes over the end of a document.
///
/// # Errors
/// If sorting cannot write or read.
pub fn repeated<T: Copy + Eq + Into<u64>>(
    documents: &[&[T]],
    length: usize,
    which: Occurrences,
    spill: Spill,
) -> Result<Vec<Vec<Range<usize>>>, FileError> {
    let length = length.max(1);
    // Places in all documents laid end to end.
    let mut begins = Vec::with_capacity(documents.len());
    let mut total = 0_u64;
    for document in documents {
        begins.push(total);
        total += document.len() as u64;
    }
    let mut sorter = Sorter::new(8 + 8, spill);
    let mut suspects = suspects(documents, &begins, length, sorter.spill().clone())?;
    let mut suspect = next_place(&mut suspects)?;
    for (document, &begin) in documents.iter().zip(&begins) {
        let end = begin + document.len() as u64;
        if suspect.is_none_or(|place| place >= end) {
            continue;
        }
        let hashes = rolling(document, length);
        for ((place, hash), anchor) in (begin..).zip(hashes).zip(anchors(&rolling(document, run(length)), length)) {
            let anchor = begin + anchor as u64;
            while suspect.is_some_and(|place| place < anchor) {
                suspect = next_place(&mut suspects)?;
            }
            if suspect == Some(anchor) {
                sorter.push(&[hash.to_be_bytes(), place.to_be_bytes()].concat())?;
            }
        }
        while suspect.is_some_and(|place| place < end) {
            suspect = next_place(&mut suspects)?;
        }
    }
    let window = |place: u64| {
        let document = begins.partition_point(|&begin| begin <= place) - 1;
        // Empty documents begin where the next does; the last to begin here is the one with symbols.
        &documents[document][(place - begins[document]) as usize..][..length]
    };
    let mut found = Sorter::new(8, sorter.spill().clone());
    let mut failed = Ok(());
    sorter.finish()?.each_group(8, |_, places| {
        if places.len() < 2 || failed.is_err() {
            return;
        }
        let mut places: Vec<u64> =
            places.iter().map(|place| u64::from_be_bytes((*place).try_into().expect("eight bytes"))).collect();
        // Windows of one hash are one window, save where the hash misled: those are sorted out.
        while let Some(&first) = places.first() {
            let (same, others): (Vec<u64>, Vec<u64>) =
                places.iter().partition(|&&place| window(place) == window(first));
            let told = match which {
                Occurrences::Later => &same[1..],
                Occurrences::All if same.len() > 1 => &same[..],
                Occurrences::All => &[],
            };
            failed = told.iter().try_for_each(|place| found.push(&place.to_be_bytes()));
            places = others;
        }
    })?;
    failed?;
    let mut ranges: Vec<Vec<Range<usize>>> = vec![Vec::new(); documents.len()];
    let mut sorted = found.finish()?;
    while let Some(place) = next_place(&mut sorted)? {
        let document = begins.partition_point(|&begin| begin <= place) - 1;
        let start = (place - begins[document]) as usize;
        match ranges[document].last_mut() {
            Some(last) if last.end >= start => last.end = start + length,
            _ => ranges[document].push(start..start + length),
        }
    }
    Ok(ranges)
}

/// How long the runs are that anchor windows of `length`.
fn run(length: usize) -> usize {
    length.div_ceil(2)
}

/// The places of anchors whose run stands elsewhere too (or has the hash of one that does), in order.
fn suspects<T: Copy + Into<u64>>(
    documents: &[&[T]],
    begins: &[u64],
    length: usize,
    spill: Spill,
) -> Result<Sorted, FileError> {
    let mut sorter = Sorter::new(8 + 8, spill);
    for (document, begin) in documents.iter().zip(begins) {
        let runs = rolling(document, run(length));
        let mut last = None;
        for anchor in anchors(&runs, length) {
            if last.replace(anchor) != Some(anchor) {
                sorter.push(&[runs[anchor].to_be_bytes(), (begin + anchor as u64).to_be_bytes()].concat())?;
            }
        }
    }
    let mut found = Sorter::new(8, sorter.spill().clone());
    let mut failed = Ok(());
    sorter.finish()?.each_group(8, |_, places| {
        if places.len() > 1 && failed.is_ok() {
            failed = places.iter().try_for_each(|place| found.push(place));
        }
    })?;
    failed?;
    found.finish()
}

/// For each window of `length` symbols, in order, where the run begins that has the lowest of these hashes in it; the first of
/// equals.
fn anchors(runs: &[u64], length: usize) -> impl Iterator<Item = usize> {
    let inside = length - run(length) + 1;
    // Runs that are lower than all behind them, in order.
    let mut lowest = VecDeque::new();
    (0..runs.len()).filter_map(move |at| {
        while lowest.back().is_some_and(|&back| runs[back] > runs[at]) {
            lowest.pop_back();
        }
        lowest.push_back(at);
        let start = (at + 1).checked_sub(inside)?;
        while lowest[0] < start {
            lowest.pop_front();
        }
        Some(lowest[0])
    })
}

fn next_place(sorted: &mut Sorted) -> Result<Option<u64>, FileError> {
    Ok(sorted.next()?.map(|place| u64::from_be_bytes(place.try_into().expect("eight bytes"))))
}

/// The text without these ranges of bytes; a character that is only partly in one stays.
pub fn without(text: &str, ranges: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for range in ranges {
        let start = text.ceil_char_boundary(range.start).max(from);
        let end = text.floor_char_boundary(range.end).max(start);
        out.push_str(&text[from..start]);
        from = end;
    }
    out.push_str(&text[from..]);
    out
}

/// Of every window of `length` symbols the polynomial of its symbols modulo 2⁶¹ − 1, the first with the highest power.
fn rolling<T: Copy + Into<u64>>(symbols: &[T], length: usize) -> Vec<u64> {
    /// Any large number will do: 2⁶¹ divided by the golden ratio.
    const BASE: u64 = 0x13C6_EF37_2FE9_4F83;
    let times = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        let folded = (product as u64 & PRIME) + (product >> 61) as u64;
        if folded >= PRIME { folded - PRIME } else { folded }
    };
    let plus = |a: u64, b: u64| if a + b >= PRIME { a + b - PRIME } else { a + b };
    // Ids begin at 0, which would not tell a run of them from a shorter one.
    let value = |symbol: T| (Into::<u64>::into(symbol) % (PRIME - 1)) + 1;
    if symbols.len() < length {
        return Vec::new();
    }
    let highest = (1..length).fold(1, |power, _| times(power, BASE));
    let mut hash = symbols[..length].iter().fold(0, |hash, &symbol| plus(times(hash, BASE), value(symbol)));
    let mut hashes = Vec::with_capacity(symbols.len() - length + 1);
    hashes.push(hash);
    for (&old, &new) in symbols.iter().zip(&symbols[length..]) {
        let rest = plus(hash, PRIME - times(value(old), highest));
        hash = plus(times(rest, BASE), value(new));
        hashes.push(hash);
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Positions covered by a stretch of `length` that also begins elsewhere, by comparing all with all.
    fn brute_force(documents: &[&[u8]], length: usize, which: Occurrences) -> Vec<Vec<bool>> {
        let windows: Vec<(usize, usize)> = (0..documents.len())
            .flat_map(|d| (0..(documents[d].len() + 1).saturating_sub(length)).map(move |at| (d, at)))
            .collect();
        let window = |(d, at): (usize, usize)| &documents[d][at..at + length];
        let mut covered: Vec<Vec<bool>> = documents.iter().map(|d| vec![false; d.len()]).collect();
        for &here in &windows {
            let mut others = windows.iter().filter(|&&there| match which {
                Occurrences::Later => there < here,
                Occurrences::All => there != here,
            });
            if others.any(|&there| window(there) == window(here)) {
                covered[here.0][here.1..here.1 + length].fill(true);
            }
        }
        covered
    }

    proptest! {
        #[test]
        fn the_same_as_comparing_all_with_all(
            texts in prop::collection::vec("[ab]{0,12}", 0..6), length in 1_usize..6, all: bool, memory in 0_usize..2000,
        ) {
            let which = if all { Occurrences::All } else { Occurrences::Later };
            let documents: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let found = repeated(&documents, length, which, Spill::to_temporary(memory)).unwrap();
            let mut covered: Vec<Vec<bool>> = documents.iter().map(|d| vec![false; d.len()]).collect();
            for (covered, ranges) in covered.iter_mut().zip(&found) {
                prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
                ranges.iter().for_each(|range| covered[range.clone()].fill(true));
            }
            prop_assert_eq!(covered, brute_force(&documents, length, which));
        }

        #[test]
        fn a_rolled_hash_is_that_of_the_window(symbols in prop::collection::vec(any::<u64>(), 0..30), length in 1_usize..8) {
            let each: Vec<u64> = symbols.windows(length).map(|window| rolling(window, length)[0]).collect();
            prop_assert_eq!(rolling(&symbols, length), each);
        }
    }

    #[test]
    fn token_ids_and_characters() {
        let ids: [&[u32]; 2] = [&[0, 0, 0, 7, 8, 9], &[7, 8, 9, 0, 0]];
        let found = repeated(&ids, 3, Occurrences::Later, Spill::to_temporary(0)).unwrap();
        assert_eq!(found, [vec![], vec![0..3]]);
        // The last byte of 灯 is not part of the stretch that is cut out, nor is the first of 塔.
        assert_eq!(without("a灯bc塔d", &[1..3, 4..7, 0..0]), "a灯塔d");
        assert_eq!(without("", &[]), "");
    }
}
