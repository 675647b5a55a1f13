//! Token shards in other programs' layouts, byte for byte as those programs write them: `golden/make.py` made the files.

#![allow(clippy::unwrap_used)]

use aquifer_corpus::{Document, ShardFormat, ShardMeta, TokenShards};
use aquifer_record::Stop;
use aquifer_text::{LossOn, Marks, ShardOptions, Tokenizer, write_shards};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

#[test]
fn texts_become_the_files_that_datatrove_writes() {
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(golden("texts.json")).unwrap()).unwrap();
    let ids: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(golden("ids.json")).unwrap()).unwrap();
    let tokenizer = Tokenizer::load(&golden("tokenizer")).unwrap();
    for (name, format) in [("datatrove", ShardFormat::Datatrove), ("megatron", ShardFormat::Megatron)] {
        let dir = tempfile::tempdir().unwrap();
        let tokenizer_name = "tokenizer/tokenizer.json".to_owned();
        let options = ShardOptions { marks: Marks::End, format, tokenizer_name, ..ShardOptions::new(LossOn::All) };
        let documents = texts.iter().enumerate().map(|(i, text)| Document::new(i.to_string(), text.as_str()));
        write_shards(dir.path(), &tokenizer, documents, &options, &Stop::new()).unwrap();
        assert_eq!(files(dir.path()), files(&golden(name)), "{name}");
        let read = TokenShards::open(&golden(name)).unwrap();
        assert_eq!((0..read.len()).map(|i| read.doc(i).to_vec()).collect::<Vec<_>>(), ids, "{name}");
        assert!(read.doc_mask(0).is_none());
    }
}

#[test]
fn losses_are_written_as_datatrove_writes_them() {
    let read = TokenShards::open(&golden("datatrove_loss")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let meta = ShardMeta { vocab_size: 300, tokenizer_sha256: String::new() };
    let mut writer = ShardFormat::Datatrove.writer(dir.path(), meta, "tokenizer/tokenizer.json").unwrap();
    for i in 0..read.len() {
        writer.push(&read.doc_id(i), 0, &read.doc(i).to_vec(), read.doc_mask(i).as_deref()).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(files(dir.path()), files(&golden("datatrove_loss")));
}
