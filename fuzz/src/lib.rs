//! Every reader of bytes from outside, each as a function that may refuse its input but never panic. The fuzz
//! targets call these, and so does the test that replays the committed corpora.

use aquifer_corpus::{Format, ReadOptions, TokenShards, read_stream};
use aquifer_model::DecoderConfig;
use aquifer_model::files::WeightFiles;
use aquifer_text::Tokenizer;
use aquifer_train::Recipe;
use std::io::Cursor;
use std::path::Path;

/// The readers by name, which is also the name of their corpus folder.
pub const READERS: &[(&str, fn(&[u8]))] = &[
    ("documents", documents),
    ("shards", shards),
    ("tokenizer", tokenizer),
    ("config", config),
    ("weights", weights),
    ("recipe", recipe),
];

/// Documents from a stream: compression and format are told from the bytes, then each format is forced.
pub fn documents(data: &[u8]) {
    for format in [None, Some(Format::Text), Some(Format::Jsonl)] {
        if let Ok(documents) = read_stream(Cursor::new(data.to_vec()), "fuzz", format, &ReadOptions::default()) {
            documents.take(10_000).for_each(drop);
        }
    }
}

/// A folder of token shards whose header, or whose tokens, are the input.
pub fn shards(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("shards.json"), data).expect("a temporary file");
    std::fs::write(folder.path().join("part-00000.tokens"), data).expect("a temporary file");
    if let Ok(shards) = TokenShards::open_unhashed(folder.path()) {
        (0..shards.len().min(1000)).for_each(|i| drop(shards.doc(i).to_vec()));
    }
}

/// `tokenizer.json`; what loads must also encode and decode.
pub fn tokenizer(data: &[u8]) {
    let Ok(json) = serde_json::from_slice(data) else { return };
    if let Ok(tokenizer) = Tokenizer::from_json(json, serde_json::Map::new())
        && let Ok(ids) = tokenizer.encode("Ein Text, 一段文字, \u{1F980} <|endoftext|>")
    {
        let _ = tokenizer.decode(&ids);
    }
}

/// `config.json` of a model.
pub fn config(data: &[u8]) {
    if let Ok(json) = serde_json::from_slice(data) {
        let _ = DecoderConfig::from_json(&json);
    }
}

/// `model.safetensors`; every tensor that is listed is read.
pub fn weights(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("model.safetensors"), data).expect("a temporary file");
    if let Ok(mut files) = WeightFiles::open(folder.path()) {
        let names: Vec<String> = files.names().map(str::to_owned).collect();
        let mut out = [0.0; 6];
        for name in names {
            let _ = files.read_into(&name, &[2, 3], &mut out);
        }
    }
}

/// `recipe.toml`.
pub fn recipe(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Recipe::parse(text, Path::new("recipe.toml"), &[]);
    }
}
