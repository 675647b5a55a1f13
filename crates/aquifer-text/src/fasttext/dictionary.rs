//! Words, labels, and which row each n-gram's bucket has.

use super::LABEL_PREFIX;
use super::args::Args;
use super::bytes::Bytes;
use super::hash::{Remainder, hash};
use super::matrix::Matrix;
use std::collections::BTreeMap;

/// fastText's end of a line: a word of its own, without subwords.
pub(super) const END: &[u8] = b"</s>";
/// Label counts from here on would break the tree of the hierarchical softmax (it marks unfinished nodes with 10¹⁵).
const MAX_COUNT: i64 = 1_000_000_000_000_000;
/// Most buckets a pruned model may have: its index takes a quarter of a byte each.
const MAX_PRUNED_BUCKET: u32 = 1 << 27;

/// The words and labels of a model.
pub(super) struct Dictionary {
    /// All words and then all labels with their prefix, end to end; entry i is `text[ends[i - 1]..ends[i]]`.
    text: Vec<u8>,
    ends: Vec<usize>,
    pub(super) n_words: usize,
    /// How often each word was seen.
    pub(super) word_counts: Vec<i64>,
    /// Without their prefix.
    pub(super) labels: Vec<String>,
    pub(super) label_counts: Vec<i64>,
    /// Words and labels in the training text.
    pub(super) n_tokens: i64,
    table: Table,
    pub(super) buckets: Buckets,
    pub(super) bucket_of: Remainder,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Word(u32),
    Label(u32),
}

/// Which buckets have a row.
pub(super) enum Buckets {
    /// All; bucket b is row `n_words + b`.
    All,
    /// Those that survived pruning: 64 buckets a cell, with the number of survivors before it. Their rows lie in the
    /// order of the buckets.
    Some(Vec<(u64, u32)>),
}

impl Dictionary {
    /// Words in the order of their rows, then labels, each with its count.
    pub(super) fn new(words: &[(Vec<u8>, i64)], labels: &[(Vec<u8>, i64)], n_tokens: i64, bucket: u32) -> Self {
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(words.len() + labels.len());
        for (entry, _) in words.iter().chain(labels) {
            text.extend_from_slice(entry);
            ends.push(text.len());
        }
        let label = |bytes: &[u8]| {
            let name = String::from_utf8_lossy(bytes);
            name.strip_prefix(LABEL_PREFIX).unwrap_or(&name).to_owned()
        };
        let mut dictionary = Dictionary {
            text,
            ends,
            n_words: words.len(),
            word_counts: words.iter().map(|&(_, count)| count).collect(),
            labels: labels.iter().map(|(name, _)| label(name)).collect(),
            label_counts: labels.iter().map(|&(_, count)| count).collect(),
            n_tokens,
            table: Table::default(),
            buckets: Buckets::All,
            bucket_of: Remainder::new(bucket),
        };
        let mut table = Table::new(dictionary.ends.len());
        for i in 0..dictionary.ends.len() {
            let entry = dictionary.entry(i);
            table.insert(hash(entry), i as u32, |other| dictionary.entry(other as usize) == entry);
        }
        dictionary.table = table;
        dictionary
    }

    /// With the map of a pruned model, from bucket to row.
    pub(super) fn read(bytes: &mut Bytes, args: &Args) -> Result<(Self, Option<BTreeMap<u32, u32>>), String> {
        let (size, n_words) = (bytes.small_size("the dictionary's size")?, bytes.small_size("the number of words")?);
        let n_labels = bytes.small_size("the number of labels")?;
        let n_tokens = bytes.i64("the number of tokens")?;
        let n_kept = bytes.i64("the number of kept n-grams")?;
        if n_words.checked_add(n_labels) != Some(size) {
            return Err(format!("its dictionary of {size} cannot be {n_words} words and {n_labels} labels"));
        }
        // An entry is at least an end, a count and a kind.
        if n_labels == 0 || size > bytes.left() / 10 {
            return Err(format!("its dictionary claims {n_words} words and {n_labels} labels"));
        }
        let (mut words, mut labels) = (Vec::with_capacity(n_words), Vec::with_capacity(n_labels));
        for i in 0..size {
            let word = bytes.word("an entry of the dictionary")?.to_vec();
            let count = bytes.i64("a count")?;
            let is_label = bytes.flag("a kind of entry")?;
            if is_label != (i >= n_words) {
                return Err(format!("entry {i} of its dictionary is out of place: words come first, then labels"));
            }
            if !(0..MAX_COUNT).contains(&count) {
                return Err(format!("entry {i} of its dictionary was seen {count} times"));
            }
            if is_label { labels.push((word, count)) } else { words.push((word, count)) }
        }
        let dictionary = Dictionary::new(&words, &labels, n_tokens, args.bucket);
        let n_kept = match usize::try_from(n_kept) {
            Err(_) => return Ok((dictionary, None)),
            Ok(n) if n <= bytes.left() / 8 => n,
            Ok(n) => return Err(format!("it claims {n} kept n-grams")),
        };
        if args.bucket > MAX_PRUNED_BUCKET {
            return Err(format!(
                "it is pruned to {n_kept} of {} buckets; at most {MAX_PRUNED_BUCKET} are believed",
                args.bucket
            ));
        }
        let mut kept = BTreeMap::new();
        for _ in 0..n_kept {
            let (bucket, row) = (bytes.small_size("a bucket")?, bytes.small_size("a row")?);
            if bucket >= args.bucket as usize {
                return Err(format!("it keeps bucket {bucket} of {}", args.bucket));
            }
            kept.insert(bucket as u32, row as u32);
        }
        Ok((Dictionary { buckets: Buckets::Some(Vec::new()), ..dictionary }, Some(kept)))
    }

    pub(super) fn is_pruned(&self) -> bool {
        matches!(self.buckets, Buckets::Some(_))
    }

    /// Checks that every word and bucket has its row of `input`; brings those of a pruned model into bucket order.
    pub(super) fn claim_rows(&mut self, input: &mut Matrix, kept: Option<BTreeMap<u32, u32>>) -> Result<(), String> {
        let rows = input.rows();
        let missing = |row: usize| format!("it needs row {row} of its input matrix, which has {rows}");
        let Some(kept) = kept else {
            let needed = self.n_words + self.bucket_of.divisor() as usize;
            return if rows < needed { Err(missing(needed - 1)) } else { Ok(()) };
        };
        if rows < self.n_words {
            return Err(missing(self.n_words - 1));
        }
        let mut data = input.data[..self.n_words * input.dim].to_vec();
        let mut cells = vec![(0, 0); (self.bucket_of.divisor() as usize).div_ceil(64)];
        for (&bucket, &row) in &kept {
            let row = self.n_words + row as usize;
            if row >= rows {
                return Err(missing(row));
            }
            data.extend_from_slice(input.row(row));
            cells[bucket as usize / 64].0 |= 1 << (bucket % 64);
        }
        let mut before = 0;
        for (bits, rank) in &mut cells {
            *rank = before;
            before += u64::count_ones(*bits);
        }
        input.data = data;
        self.buckets = Buckets::Some(cells);
        Ok(())
    }

    fn entry(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start..self.ends[i]]
    }

    /// `hash` is [`hash`] of the word.
    pub(super) fn find(&self, word: &[u8], hash: u32) -> Option<Entry> {
        let i = self.table.find(hash, |i| self.entry(i as usize) == word)?;
        let n_words = self.n_words as u32;
        Some(if i < n_words { Entry::Word(i) } else { Entry::Label(i - n_words) })
    }

    /// The row of a bucket, if it has one.
    #[inline(always)]
    pub(super) fn row_of(&self, bucket: u32) -> Option<u32> {
        match &self.buckets {
            Buckets::All => Some(self.n_words as u32 + bucket),
            Buckets::Some(cells) => {
                let (bits, before) = cells[bucket as usize / 64];
                let bit = 1u64 << (bucket % 64);
                (bits & bit != 0).then(|| self.n_words as u32 + before + (bits & (bit - 1)).count_ones())
            }
        }
    }

    /// The same labels with these words only.
    pub(super) fn with_words(&self, rows: &[usize], bucket: u32) -> Self {
        let words: Vec<_> = rows.iter().map(|&i| (self.entry(i).to_vec(), self.word_counts[i])).collect();
        let labels = self.label_counts.iter().enumerate();
        let labels: Vec<_> = labels.map(|(i, &count)| (self.entry(self.n_words + i).to_vec(), count)).collect();
        Dictionary::new(&words, &labels, self.n_tokens, bucket)
    }

    /// As fastText writes it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (size, n_words) = (self.ends.len() as i32, self.n_words as i32);
        out.extend([size, n_words, size - n_words].iter().flat_map(|n| n.to_le_bytes()));
        out.extend(self.n_tokens.to_le_bytes());
        let kept: Vec<u32> = match &self.buckets {
            Buckets::All => Vec::new(),
            Buckets::Some(_) => (0..self.bucket_of.divisor()).filter(|&bucket| self.row_of(bucket).is_some()).collect(),
        };
        out.extend(if self.is_pruned() { kept.len() as i64 } else { -1 }.to_le_bytes());
        for (i, count) in self.word_counts.iter().chain(&self.label_counts).enumerate() {
            out.extend_from_slice(self.entry(i));
            out.push(0);
            out.extend(count.to_le_bytes());
            out.push(u8::from(i >= self.n_words));
        }
        for (row, bucket) in kept.iter().enumerate() {
            out.extend(bucket.to_le_bytes());
            out.extend((row as u32).to_le_bytes());
        }
    }
}

/// Entries by their hash, open addressing; a later equal entry replaces the earlier, as in fastText.
#[derive(Default)]
struct Table {
    slots: Vec<(u32, u32)>,
}

const EMPTY: u32 = u32::MAX;

impl Table {
    fn new(entries: usize) -> Self {
        Table { slots: vec![(0, EMPTY); (entries * 2 + 1).next_power_of_two()] }
    }

    /// Where the entry is, or where it would be.
    #[inline(always)]
    fn slot(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let (its_hash, entry) = self.slots[at];
            if entry == EMPTY || (its_hash == hash && is_it(entry)) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, hash: u32, entry: u32, is_it: impl Fn(u32) -> bool) {
        let at = self.slot(hash, is_it);
        self.slots[at] = (hash, entry);
    }

    fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (_, entry) = self.slots[self.slot(hash, is_it)];
        (entry != EMPTY).then_some(entry)
    }
}
