//! From a text to the rows it is the mean of.

use super::FastText;
use super::LABEL_PREFIX;
use super::args::Args;
use super::dictionary::{Dictionary, END, Entry};
use super::hash::{BASIS, extend, hash};
use super::matrix::sum_rows;

/// Memory a series of predictions uses again: the sums of recent words, and what one text needs.
#[derive(Default)]
pub struct Scratch {
    words: Vec<Remembered>,
    /// `dim` numbers for each of `words`.
    sums: Vec<f32>,
    hashes: Vec<u32>,
    rows: Vec<u32>,
    sum: Vec<f32>,
    total: Vec<f32>,
}

/// Longest word that is remembered, in bytes.
const REMEMBERED_BYTES: usize = 27;

#[derive(Clone, Copy, Default)]
struct Remembered {
    word: [u8; REMEMBERED_BYTES],
    /// Zero: nothing here yet.
    length: u8,
    n_rows: u32,
}

/// The mean of the rows of a text, or nothing if it has none.
pub(super) fn hidden<'s>(model: &FastText, text: &[u8], scratch: &'s mut Scratch) -> Option<&'s [f32]> {
    let FastText { args, dictionary, input, .. } = model;
    scratch.fit(args.dim);
    scratch.total.fill(0.0);
    scratch.hashes.clear();
    let mut n_rows = 0;
    for (word, hash) in words(text) {
        let Some(entry) = as_word(dictionary, word, hash) else { continue };
        n_rows += scratch.add_word(model, word, hash, entry);
        if args.word_ngrams > 1 {
            scratch.hashes.push(hash);
        }
    }
    scratch.rows.clear();
    word_ngrams(args, dictionary, &scratch.hashes, &mut scratch.rows);
    for &row in &scratch.rows {
        for (total, x) in scratch.total.iter_mut().zip(input.row(row as usize)) {
            *total += x;
        }
    }
    n_rows += scratch.rows.len();
    if n_rows == 0 {
        return None;
    }
    let scale = (1.0 / n_rows as f64) as f32;
    for x in &mut scratch.total {
        *x *= scale;
    }
    Some(&scratch.total)
}

impl Scratch {
    fn fit(&mut self, dim: usize) {
        if self.total.len() != dim {
            // A quarter of a megabyte of sums, so that they stay near the core.
            let n = ((1 << 16) / dim).next_power_of_two().clamp(64, 4096);
            self.words = vec![Remembered::default(); n];
            self.sums = vec![0.0; n * dim];
            self.sum = vec![0.0; dim];
            self.total = vec![0.0; dim];
        }
    }

    /// Adds the sum of a word's rows to the total; how many rows it has.
    fn add_word(&mut self, model: &FastText, word: &[u8], hash: u32, entry: Option<u32>) -> usize {
        let dim = model.args.dim;
        let place = (hash ^ (hash >> 15)) as usize & (self.words.len() - 1);
        let remembered = &mut self.words[place];
        let sum = match word.len() {
            1..=REMEMBERED_BYTES => &mut self.sums[place * dim..][..dim],
            _ => &mut self.sum,
        };
        let known = usize::from(remembered.length) == word.len() && remembered.word[..word.len()] == *word;
        let n_rows = if known {
            remembered.n_rows as usize
        } else {
            self.rows.clear();
            word_rows(&model.args, &model.dictionary, word, entry, &mut self.rows);
            sum_rows(&model.input, &self.rows, sum);
            if word.len() <= REMEMBERED_BYTES {
                remembered.word[..word.len()].copy_from_slice(word);
                remembered.length = word.len() as u8;
                remembered.n_rows = self.rows.len() as u32;
            }
            self.rows.len()
        };
        for (total, x) in self.total.iter_mut().zip(sum) {
            *total += *x;
        }
        n_rows
    }
}

/// All rows of a text: those of its words, then those of their n-grams.
pub(super) fn text_rows(args: &Args, dictionary: &Dictionary, text: &[u8], rows: &mut Vec<u32>) {
    rows.clear();
    let mut hashes = Vec::new();
    for (word, hash) in words(text) {
        if let Some(entry) = as_word(dictionary, word, hash) {
            word_rows(args, dictionary, word, entry, rows);
            hashes.push(hash);
        }
    }
    word_ngrams(args, dictionary, &hashes, rows);
}

/// The row of a word, if it has one; nothing for what is or looks like a label.
fn as_word(dictionary: &Dictionary, word: &[u8], hash: u32) -> Option<Option<u32>> {
    match dictionary.find(word, hash) {
        Some(Entry::Word(row)) => Some(Some(row)),
        Some(Entry::Label(_)) => None,
        None => (!word.starts_with(LABEL_PREFIX.as_bytes())).then_some(None),
    }
}

/// The words of a text with their hashes, up to the first end of a line, which is the last word.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left?;
        let start = text.iter().position(|&byte| !is_space(byte));
        let Some(start) = start else {
            left = None;
            return Some((END, hash(END)));
        };
        let text = &text[start..];
        let mut hash = BASIS;
        let mut end = 0;
        while end < text.len() && !is_space(text[end]) {
            hash = extend(hash, text[end]);
            end += 1;
        }
        let (word, rest) = text.split_at(end);
        left = (word != END).then_some(rest);
        Some((word, hash))
    })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0B | 0x0C | 0)
}

/// The rows of one word: its own, and those of its character n-grams.
pub(super) fn word_rows(args: &Args, dictionary: &Dictionary, word: &[u8], row: Option<u32>, rows: &mut Vec<u32>) {
    rows.extend(row);
    if args.maxn == 0 || word == END {
        return;
    }
    // Every n-gram of `<word>`, by start and then by length: each is hashed by one more character than the last. A
    // single `<` or `>` is none.
    let bracketed = |i: usize| match i {
        0 => b'<',
        i if i <= word.len() => word[i - 1],
        _ => b'>',
    };
    let length = word.len() + 2;
    let continues = |i: usize| i < length && bracketed(i) & 0xC0 == 0x80;
    for start in (0..length).filter(|&start| !continues(start)) {
        let (mut hash, mut end) = (BASIS, start);
        for n in 1..=args.maxn {
            if end == length {
                break;
            }
            hash = extend(hash, bracketed(end));
            end += 1;
            while continues(end) {
                hash = extend(hash, bracketed(end));
                end += 1;
            }
            if n >= args.minn && !(n == 1 && (start == 0 || end == length)) {
                rows.extend(dictionary.row_of(dictionary.bucket_of.of(hash)));
            }
        }
    }
}

/// The rows of the n-grams of words, by first word and then by length. Hashes are taken as signed, as fastText does.
pub(super) fn word_ngrams(args: &Args, dictionary: &Dictionary, hashes: &[u32], rows: &mut Vec<u32>) {
    if args.word_ngrams < 2 {
        return;
    }
    for (i, &first) in hashes.iter().enumerate() {
        let mut hash = first as i32 as u64;
        for &next in hashes[i + 1..].iter().take(args.word_ngrams - 1) {
            hash = hash.wrapping_mul(116_049_371).wrapping_add(next as i32 as u64);
            rows.extend(dictionary.row_of(dictionary.bucket_of.of_wide(hash)));
        }
    }
}
