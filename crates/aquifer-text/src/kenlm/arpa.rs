//! ARPA files: n-grams as text, `log₁₀ p <tab> words <tab> log₁₀ of the backoff`.

use super::MAX_ORDER;
use super::hash::{hash_word, prepend};
use super::hashed::{InMemory, negative};
use super::search::Weights;
use std::collections::hash_map::Entry;

/// What a model without `<unk>` gives to unknown words, as KenLM does.
const UNKNOWN: f32 = -100.0;

/// Reads a whole file.
///
/// # Errors
/// What is wrong, with the number of the line.
pub(super) fn read(bytes: &[u8]) -> Result<InMemory, String> {
    let mut lines = Lines { left: bytes, number: 0 };
    read_lines(&mut lines, bytes.len()).map_err(|reason| format!("line {}: {reason}", lines.number))
}

fn read_lines(lines: &mut Lines, length: usize) -> Result<InMemory, String> {
    let counts = read_counts(lines, length)?;
    let order = counts.len();
    let mut model = InMemory { middles: vec![Default::default(); order - 2], ..InMemory::default() };
    read_unigrams(lines, counts[0], &mut model)?;
    for (i, &count) in counts.iter().enumerate().skip(1) {
        read_ngrams(lines, i + 1, order, count, &mut model)?;
    }
    match lines.next_filled()? {
        br"\end\" => Ok(model),
        other => Err(format!("expected \\end\\, but found {}", shown(other))),
    }
}

fn read_counts(lines: &mut Lines, length: usize) -> Result<Vec<usize>, String> {
    let mut line = lines.next_filled()?;
    while line.starts_with(b"#") {
        line = lines.next_filled()?;
    }
    if line != br"\data\" {
        return Err(format!("this is neither a binary of KenLM nor an ARPA file: {} stands for \\data\\", shown(line)));
    }
    let mut counts = Vec::new();
    let mut shortest_file = 0usize;
    loop {
        let line = lines.next()?;
        if is_blank(line) {
            break;
        }
        let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("ngram "));
        let parts = text.and_then(|text| text.split_once('='));
        let numbers = parts.and_then(|(n, count)| Some((n.trim().parse().ok()?, count.trim().parse().ok()?)));
        let Some((n, count)) = numbers.filter(|&(n, _): &(usize, usize)| n == counts.len() + 1) else {
            return Err(format!("expected `ngram {}=` and a count, but found {}", counts.len() + 1, shown(line)));
        };
        counts.push(count);
        // A number, n words, what stands between them and the end of the line.
        shortest_file = shortest_file.saturating_add(count.saturating_mul(2 * n + 2));
    }
    if !(2..=MAX_ORDER).contains(&counts.len()) {
        return Err(format!("n-grams are up to {} words long; 2 to {MAX_ORDER} can be read", counts.len()));
    }
    if shortest_file > length {
        return Err(format!("so many n-grams {counts:?} take {shortest_file} bytes or more; the file has {length}"));
    }
    Ok(counts)
}

fn read_unigrams(lines: &mut Lines, count: usize, model: &mut InMemory) -> Result<(), String> {
    lines.header(1)?;
    model.unigrams = Vec::with_capacity(count + 1);
    model.unigrams.push(Weights { prob: UNKNOWN, backoff: 0.0 });
    for _ in 0..count {
        let Line { weights, words } = parse(lines.next()?, 1)?;
        if is_unknown(words[0]) {
            model.unigrams[0] = weights;
        } else {
            model.words.entry(hash_word(words[0])).or_insert(model.unigrams.len() as u32);
            model.unigrams.push(weights);
        }
    }
    for special in ["<s>", "</s>"] {
        if !model.words.contains_key(&hash_word(special.as_bytes())) {
            return Err(format!("the 1-grams lack {special}"));
        }
    }
    Ok(())
}

fn read_ngrams(lines: &mut Lines, n: usize, order: usize, count: usize, model: &mut InMemory) -> Result<(), String> {
    lines.header(n)?;
    for _ in 0..count {
        let Line { weights, words } = parse(lines.next()?, n)?;
        // The last word first, as n-grams are looked up.
        let mut ids = [0; MAX_ORDER];
        for (id, word) in ids.iter_mut().zip(words[..n].iter().rev()) {
            *id = match model.words.get(&hash_word(word)) {
                Some(&id) => id,
                None if is_unknown(word) => 0,
                None => return Err(format!("{} is not among the 1-grams", shown(word))),
            };
        }
        let ids = &ids[..n];
        // The hashes of its last two words, last three, ….
        let mut suffixes = [0; MAX_ORDER];
        let mut hash = u64::from(ids[0]);
        for (suffix, &id) in suffixes.iter_mut().zip(&ids[1..]) {
            hash = prepend(hash, id);
            *suffix = hash;
        }
        let prob = negative(weights.prob);
        if n == order {
            model.longest.entry(hash).or_insert(prob);
        } else {
            model.middles[n - 2].entry(hash).or_insert(Weights { prob, ..weights });
        }
        extend_left(model, ids, &suffixes);
        let context = match n {
            2 => Some(&mut model.unigrams[ids[1] as usize]),
            _ => model.middles[n - 3].get_mut(&of(&ids[1..])),
        };
        set_extension(
            &mut context.ok_or_else(|| format!("its first {} words are not among the {}-grams", n - 1, n - 1))?.backoff,
        );
    }
    Ok(())
}

/// Tells the n-grams that this one ends in that something longer does. Where some were pruned (SRILM does), they are
/// put back with the probability that backing off gives them, so that the walk from the last word backwards passes.
fn extend_left(model: &mut InMemory, ids: &[u32], suffixes: &[u64; MAX_ORDER]) {
    let mut basis = ids.len() - 1;
    while basis > 1 {
        match model.middles[basis - 2].entry(suffixes[basis - 2]) {
            Entry::Occupied(_) => break,
            Entry::Vacant(blank) => drop(blank.insert(Weights { prob: 0.0, backoff: -0.0 })),
        }
        basis -= 1;
    }
    let known = match basis {
        1 => &mut model.unigrams[ids[0] as usize].prob,
        _ => &mut model.middles[basis - 2].get_mut(&suffixes[basis - 2]).expect("it was just found").prob,
    };
    *known = known.abs();
    let mut prob = -*known;
    for length in basis + 1..ids.len() {
        let context = match length {
            2 => Some(&mut model.unigrams[ids[1] as usize]),
            _ => model.middles[length - 3].get_mut(&of(&ids[1..length])),
        };
        if let Some(context) = context {
            set_extension(&mut context.backoff);
            prob += context.backoff;
        }
        let blank = model.middles[length - 2].get_mut(&suffixes[length - 2]).expect("it was just inserted");
        blank.prob = prob.abs();
    }
}

/// The hash of an n-gram, its last word first.
fn of(ids: &[u32]) -> u64 {
    ids[1..].iter().fold(u64::from(ids[0]), |hash, &id| prepend(hash, id))
}

fn set_extension(backoff: &mut f32) {
    if *backoff == 0.0 {
        *backoff = 0.0;
    }
}

fn is_unknown(word: &[u8]) -> bool {
    matches!(word, b"<unk>" | b"<UNK>")
}

/// One n-gram.
struct Line<'a> {
    weights: Weights,
    words: [&'a [u8]; MAX_ORDER],
}

fn parse(line: &[u8], n: usize) -> Result<Line<'_>, String> {
    let mut fields = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).filter(|field| !field.is_empty());
    let expected = || format!("expected a number, {n} words and perhaps a backoff, but found {}", shown(line));
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<f32>().ok().filter(|x| !x.is_nan());
    let prob = fields.next().and_then(number).ok_or_else(expected)?;
    if prob > 0.0 {
        return Err(format!("{prob} is no logarithm of a probability: it is above zero"));
    }
    let mut words = [&[][..]; MAX_ORDER];
    for word in &mut words[..n] {
        *word = fields.next().ok_or_else(expected)?;
    }
    let backoff = match fields.next() {
        // Zero is written as −0: nothing longer was seen to begin with this n-gram, so far.
        None => -0.0,
        Some(field) => match number(field).filter(|x| x.is_finite()).ok_or_else(expected)? {
            0.0 => -0.0,
            backoff => backoff,
        },
    };
    match fields.next() {
        Some(_) => Err(expected()),
        None => Ok(Line { weights: Weights { prob, backoff }, words }),
    }
}

struct Lines<'a> {
    left: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], String> {
        if self.left.is_empty() {
            return Err("the file ends too early".into());
        }
        let end = self.left.iter().position(|&byte| byte == b'\n').unwrap_or(self.left.len());
        let line = &self.left[..end];
        self.left = &self.left[(end + 1).min(self.left.len())..];
        self.number += 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn next_filled(&mut self) -> Result<&'a [u8], String> {
        loop {
            let line = self.next()?;
            if !is_blank(line) {
                return Ok(line.trim_ascii_end());
            }
        }
    }

    fn header(&mut self, n: usize) -> Result<(), String> {
        let line = self.next_filled()?;
        let expected = format!("\\{n}-grams:");
        if line == expected.as_bytes() {
            Ok(())
        } else {
            Err(format!("expected {expected}, but found {}", shown(line)))
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

/// The beginning of a line, for messages.
fn shown(line: &[u8]) -> String {
    format!("`{}`", String::from_utf8_lossy(&line[..line.len().min(60)]))
}
