//! Parquet files as pyarrow writes them: every compression and encoding gives the rows that were put in.
//! `tests/golden/parquet/make.py` makes them.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used)]

use aquifer_corpus::{Document, ReadError, ReadOptions, Skipped, parquet_rows, read_documents, unpacked};
use serde_json::{Value, json};
use std::path::PathBuf;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/parquet").join(name)
}

fn read(name: &str, options: &ReadOptions) -> Vec<Result<Document, Skipped>> {
    read_documents(&golden(name), options).unwrap().collect()
}

#[test]
fn rows_come_as_objects_and_no_more_than_may_be_held() {
    let rows = parquet_rows(&golden("dialogues.parquet"), 1 << 20).unwrap();
    let documents = read("dialogues.parquet", &ReadOptions::default());
    assert_eq!(rows.len(), documents.len());
    assert!(rows.iter().all(|(_, row)| row.as_ref().unwrap()["messages"][0]["content"].is_string()));
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=rows.len()).collect::<Vec<_>>());
    assert!(matches!(parquet_rows(&golden("dialogues.parquet"), 10), Err(ReadError::TooMuch(10))));
    assert!(parquet_rows(&golden("make.py"), 1 << 20).is_err());
}

#[test]
fn every_encoding_gives_the_rows_that_were_written() {
    let text = std::fs::read(golden("rows.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&text).unwrap();
    for name in ["snappy_dictionary", "zstd_plain", "gzip_plain", "snappy_strings"] {
        let file = format!("{name}.parquet");
        let read = read(&file, &ReadOptions::default());
        assert_eq!(read.len(), rows.len(), "{name}");
        for (i, (got, row)) in read.into_iter().zip(&rows).enumerate() {
            if row["text"].is_null() {
                let skipped = got.unwrap_err();
                assert_eq!((skipped.file.as_str(), skipped.line), (file.as_str(), Some(i as u64 + 1)));
                assert!(skipped.reason.contains("`text` should be a string, it is null"), "{name}: {skipped}");
                continue;
            }
            let got = got.unwrap();
            assert_eq!(
                (got.id.as_str(), got.text.as_str()),
                (row["id"].as_str().unwrap(), row["text"].as_str().unwrap())
            );
            for key in ["year", "score", "kept", "kind", "source"] {
                assert_eq!(got.metadata[key], row[key], "{name}, row {i}, {key}");
            }
        }
        let held = unpacked(&golden(&file)).unwrap().bytes;
        assert!((2_000..40_000).contains(&held), "{name}: {held}");
    }
}

#[test]
fn other_columns_hold_text_and_dialogues() {
    let talks = read("dialogues.parquet", &ReadOptions::default());
    let turns = talks[3].as_ref().unwrap().messages().unwrap();
    assert_eq!((talks.len(), turns[0].content.as_str(), turns[1].role.as_str()), (5, "How is it at 3?", "assistant"));
    let options = ReadOptions { text_field: Some("kind".to_owned()), ..ReadOptions::default() };
    let kinds = read("snappy_dictionary.parquet", &options);
    assert_eq!(kinds[1].as_ref().unwrap().text, "story");
    assert_eq!(kinds[1].as_ref().unwrap().metadata["year"], json!(1901));
}

#[test]
fn a_column_that_is_missing_is_told_once() {
    let told = |name: &str, field: Option<&str>| {
        let options = ReadOptions { text_field: field.map(str::to_owned), ..ReadOptions::default() };
        let mut read = read(name, &options);
        assert_eq!(read.len(), 1, "{name}");
        read.remove(0).unwrap_err().to_string()
    };
    let message = told("no_text.parquet", None);
    for part in ["no_text.parquet", "no column `text` or `content` or `messages`", "`id`, `year`", "--text-field"] {
        assert!(message.contains(part), "`{part}` is not in {message}");
    }
    assert!(told("zstd_plain.parquet", Some("body")).contains("no column `body`"));
}

#[test]
fn damage_is_a_skip_with_a_reason() {
    let sound = std::fs::read(golden("zstd_plain.parquet")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    for (at, keep) in
        [(0, sound.len() / 2), (0, 0), (sound.len() - 6, sound.len()), (300, sound.len()), (900, sound.len())]
    {
        let mut bytes = sound[..keep].to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0xFF;
        }
        std::fs::write(&path, &bytes).unwrap();
        let rows: Vec<_> = read_documents(&path, &ReadOptions::default()).unwrap().collect();
        assert!(rows.len() <= 40 && (keep > 900 || rows[0].is_err()), "{at}, {keep}");
        unpacked(&path).unwrap();
    }
}
