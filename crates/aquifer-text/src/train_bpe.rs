//! Learning a byte-level BPE vocabulary.
//!
//! Sennrich, Haddow & Birch, "Neural machine translation of rare words with subword units", ACL 2016, algorithm 1,
//! over UTF-8 bytes. The most frequent pair is merged first, of equally frequent ones the one with the lowest ids, so
//! the result depends on the word counts alone: not on threads, nor on the order of the texts.

use crate::byte_alphabet::byte_to_char;
use crate::special;
use crate::split::{Splitter, pre_tokenizer_json};
use crate::{TextError, Tokenizer};
use aquifer_record::{Bar, Stop};
use aquifer_tensor::threads::{self, parallel_for};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Mutex;

/// What to learn.
#[derive(Clone, Debug)]
pub struct BpeOptions {
    /// Entries of the finished vocabulary, special tokens and the 256 bytes included.
    pub vocab_size: usize,
    /// Pairs seen less often than this are never merged; a small corpus may then end with fewer entries.
    pub min_frequency: u64,
}

impl BpeOptions {
    /// `vocab_size` entries from pairs seen at least twice.
    pub fn new(vocab_size: usize) -> Self {
        BpeOptions { vocab_size, min_frequency: 2 }
    }
}

/// Smallest vocabulary there is: the special tokens and every byte.
pub(crate) const BASE: usize = special::ALL.len() + 256;
/// Texts are counted in batches of about this many bytes, so that a corpus need not fit in memory.
const BATCH_BYTES: usize = 16 << 20;

type Pair = (u32, u32);

/// Learns a vocabulary from `texts`.
///
/// `bar` advances by the bytes read; `stop` is looked at between batches and merges.
///
/// # Errors
/// [`TextError::Training`] when the vocabulary is smaller than its 260 fixed entries or there is no text,
/// [`TextError::Stopped`] when asked to stop.
pub fn train_bpe<S: AsRef<str> + Sync>(
    texts: impl IntoIterator<Item = S>,
    options: &BpeOptions,
    bar: &dyn Bar,
    stop: &Stop,
) -> Result<Tokenizer, TextError> {
    if options.vocab_size < BASE {
        let asked = options.vocab_size;
        let why = format!(
            "a byte-level vocabulary has at least {BASE} entries (256 bytes and 4 special tokens), not {asked}"
        );
        return Err(TextError::Training(why));
    }
    let counts = count_words(texts, bar, stop)?;
    if counts.is_empty() {
        return Err(TextError::Training("the texts are empty".into()));
    }
    let merges = learn_merges(&counts, options, stop)?;
    Tokenizer::from_json(tokenizer_json(&merges), Tokenizer::default_config())
}

/// Words and how often each occurs, sorted, so that nothing below depends on a hash table's order.
fn count_words<S: AsRef<str> + Sync>(
    texts: impl IntoIterator<Item = S>,
    bar: &dyn Bar,
    stop: &Stop,
) -> Result<Vec<(Box<str>, u64)>, TextError> {
    let splitter = Splitter::new();
    let mut total: FxHashMap<Box<str>, u64> = FxHashMap::default();
    let mut texts = texts.into_iter();
    loop {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some(text) = texts.next()
        {
            bytes += text.as_ref().len();
            batch.push(text);
        }
        if batch.is_empty() {
            break;
        }
        if stop.requested() {
            return Err(TextError::Stopped);
        }
        let runs = threads::count().max(1).min(batch.len());
        let results: Mutex<Vec<Result<FxHashMap<Box<str>, u64>, TextError>>> = Mutex::new(Vec::new());
        parallel_for(runs, |run| {
            let mut counts: FxHashMap<Box<str>, u64> = FxHashMap::default();
            let mut count = || {
                for text in batch.iter().skip(run).step_by(runs) {
                    splitter.words(text.as_ref(), |word| match counts.get_mut(word) {
                        Some(n) => *n += 1,
                        None => _ = counts.insert(word.into(), 1),
                    })?;
                    bar.advance(text.as_ref().len() as u64);
                }
                Ok(())
            };
            let outcome = count();
            results.lock().expect("no code panics while it holds this lock").push(outcome.map(|()| counts));
        });
        for counts in results.into_inner().expect("no code panics while it holds this lock") {
            for (word, n) in counts? {
                *total.entry(word).or_default() += n;
            }
        }
    }
    let mut counts: Vec<_> = total.into_iter().collect();
    counts.sort_unstable();
    Ok(counts)
}

/// The pairs to merge in order, and the bytes of every token made.
pub(crate) struct Merges {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) tokens: Vec<Vec<u8>>,
}

fn learn_merges(counts: &[(Box<str>, u64)], options: &BpeOptions, stop: &Stop) -> Result<Merges, TextError> {
    let mut tokens = base_tokens();
    let mut id_of_byte = [0_u32; 256];
    for (id, token) in tokens.iter().enumerate().skip(special::ALL.len()) {
        id_of_byte[token[0] as usize] = id as u32;
    }
    let mut ids: FxHashMap<Vec<u8>, u32> = tokens.iter().cloned().zip(0..).collect();
    let mut words: Vec<Vec<u32>> =
        counts.iter().map(|(word, _)| word.bytes().map(|b| id_of_byte[b as usize]).collect()).collect();

    let mut pair_counts: FxHashMap<Pair, i64> = FxHashMap::default();
    let mut places: FxHashMap<Pair, Vec<u32>> = FxHashMap::default();
    for (at, word) in words.iter().enumerate() {
        for pair in word.windows(2).map(|w| (w[0], w[1])) {
            *pair_counts.entry(pair).or_default() += counts[at].1 as i64;
            let list = places.entry(pair).or_default();
            if list.last() != Some(&(at as u32)) {
                list.push(at as u32);
            }
        }
    }
    let mut queue: BinaryHeap<(i64, Reverse<Pair>)> = pair_counts.iter().map(|(&p, &n)| (n, Reverse(p))).collect();

    let mut pairs = Vec::new();
    while tokens.len() < options.vocab_size {
        let Some((count, Reverse(pair))) = queue.pop() else { break };
        let current = pair_counts[&pair];
        if current != count {
            // Counts in the queue only ever lag: put the true one back and look again.
            if current > 0 {
                queue.push((current, Reverse(pair)));
            }
            continue;
        }
        if count < options.min_frequency.max(1) as i64 {
            break;
        }
        if stop.requested() {
            return Err(TextError::Stopped);
        }
        let bytes = [tokens[pair.0 as usize].as_slice(), tokens[pair.1 as usize].as_slice()].concat();
        // Two ways to spell one token (`ab`+`c`, `a`+`bc`) share its id, as in the tokenizer.json format.
        let new = *ids.entry(bytes).or_insert_with_key(|bytes| {
            tokens.push(bytes.clone());
            tokens.len() as u32 - 1
        });
        pairs.push(pair);

        let mut grown: FxHashSet<Pair> = FxHashSet::default();
        let list = places.remove(&pair).unwrap_or_default();
        for at in list {
            let n = counts[at as usize].1 as i64;
            merge_word(&mut words[at as usize], pair, new, |changed, by| {
                *pair_counts.entry(changed).or_default() += by * n;
                if by > 0 {
                    let list = places.entry(changed).or_default();
                    if list.last() != Some(&at) {
                        list.push(at);
                    }
                    grown.insert(changed);
                }
            });
        }
        pair_counts.insert(pair, 0);
        queue.extend(grown.into_iter().filter(|p| pair_counts[p] > 0).map(|p| (pair_counts[&p], Reverse(p))));
    }
    Ok(Merges { pairs, tokens })
}

/// Replaces each `pair` in `word` by `new`, left to right, and reports which neighbouring pairs came and went.
fn merge_word(word: &mut Vec<u32>, pair: Pair, new: u32, mut changed: impl FnMut(Pair, i64)) {
    let (mut read, mut write) = (0, 0);
    while read < word.len() {
        if read + 1 < word.len() && (word[read], word[read + 1]) == pair {
            if write > 0 {
                changed((word[write - 1], pair.0), -1);
                changed((word[write - 1], new), 1);
            }
            if let Some(&next) = word.get(read + 2) {
                changed((pair.1, next), -1);
                changed((new, next), 1);
            }
            word[write] = new;
            read += 2;
        } else {
            word[write] = word[read];
            read += 1;
        }
        write += 1;
    }
    word.truncate(write);
}

/// The special tokens, then the bytes in the order of their stand-in characters.
fn base_tokens() -> Vec<Vec<u8>> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.sort_by_key(|&b| byte_to_char(b));
    let special = special::ALL.iter().map(|s| s.as_bytes().to_vec());
    special.chain(bytes.into_iter().map(|b| vec![b])).collect()
}

fn tokenizer_json(merges: &Merges) -> Value {
    let written = |id: u32| match special::ALL.get(id as usize) {
        Some(token) => token.to_string(),
        None => merges.tokens[id as usize].iter().map(|&b| byte_to_char(b)).collect(),
    };
    let vocab: Map<String, Value> = (0..merges.tokens.len() as u32).map(|id| (written(id), json!(id))).collect();
    let pairs: Vec<Value> = merges.pairs.iter().map(|&(a, b)| json!([written(a), written(b)])).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added_tokens_json(),
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer_json(),
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": pairs
        }
    })
}

/// The special tokens, as `tokenizer.json` lists them.
pub(crate) fn added_tokens_json() -> Vec<Value> {
    let entry = |(id, content): (usize, &&str)| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    special::ALL.iter().enumerate().map(entry).collect()
}
