//! Real text, where it is at hand: `AQUIFER_DATA`, else `../shared/data` beside the workspace.

#![allow(clippy::unwrap_used)]

use aquifer_record::{Silent, Stop};
use aquifer_tensor::threads;
use aquifer_text::{BpeOptions, NgramModel, train_bpe, train_char};
use std::path::PathBuf;
use std::time::Instant;

fn shakespeare() -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("AQUIFER_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let text = std::fs::read_to_string(folder.join("lm_text/tinyshakespeare.txt"));
    if text.is_err() {
        eprintln!("skipped: no lm_text/tinyshakespeare.txt in {}", folder.display());
    }
    text.ok()
}

#[test]
fn shakespeare_as_pieces() {
    let Some(text) = shakespeare() else { return };
    let begin = Instant::now();
    let tokenizer = train_bpe([&text], &BpeOptions::new(2048), &Silent, &Stop::new()).unwrap();
    let learnt = begin.elapsed();
    let paragraphs: Vec<&str> = text.split_inclusive("\n\n").collect();
    let begin = Instant::now();
    let ids = tokenizer.encode_batch(&paragraphs).unwrap();
    let encoded = begin.elapsed();
    let n_tokens: usize = ids.iter().map(Vec::len).sum();
    let begin = Instant::now();
    let ngram = NgramModel::train(ids.iter().map(Vec::as_slice), tokenizer.vocab_size(), 5);
    let counted = begin.elapsed();
    eprintln!(
        "{} bytes, {n_tokens} tokens; learnt in {learnt:?}, encoded in {encoded:?}, {} n-grams in {counted:?}",
        text.len(),
        ngram.len()
    );
    let back: String = ids.iter().map(|ids| tokenizer.decode(ids).unwrap()).collect();
    assert_eq!(back, text);
    assert!((2.5..5.0).contains(&(text.len() as f64 / n_tokens as f64)));
    assert_eq!(threads::with(1, || tokenizer.encode_batch(&paragraphs).unwrap()), ids);
}

/// 90 % to learn from, 10 % held out: a 5-gram model of characters is near 2 bits.
#[test]
fn shakespeare_as_characters() {
    let Some(text) = shakespeare() else { return };
    let tokenizer = train_char([&text]).unwrap();
    assert_eq!(tokenizer.vocab_size(), 247);
    let (train, heldout) = text.split_at(text.len() * 9 / 10);
    let (train, ids) = (tokenizer.encode(train).unwrap(), tokenizer.encode(heldout).unwrap());
    assert_eq!(ids.len(), heldout.len());
    let model = NgramModel::train([train.as_slice()], tokenizer.vocab_size(), 5);
    let bpb = model.bits_per_byte([(ids.as_slice(), heldout.len() as u64)]);
    eprintln!("5-gram over characters: {bpb:.4} bits a byte");
    assert!((1.9..2.6).contains(&bpb), "{bpb}");
}
