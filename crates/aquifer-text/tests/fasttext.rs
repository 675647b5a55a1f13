//! Agreement with PyPI's `fasttext`, by the models and goldens of `tests/golden/fasttext/make.py`; damaged files.

#![allow(clippy::unwrap_used)]

use aquifer_testkit::Fixture;
use aquifer_text::fasttext::{FastText, Scratch};
use serde_json::Value;
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/fasttext")).join(name)
}

const MODELS: [&str; 8] = [
    "softmax.bin",
    "words_only.bin",
    "hs.bin",
    "ova.bin",
    "ns.bin",
    "quantised.ftz",
    "pruned.ftz",
    "quantised_output.ftz",
];

fn check(ours: &[(String, f32)], theirs: &[Value], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: {ours:?} {theirs:?}");
    let p = |i: usize| theirs[i][1].as_f64().unwrap();
    for (i, (label, probability)) in ours.iter().enumerate() {
        assert!((f64::from(*probability) - p(i)).abs() < 1e-5, "{what}: {probability} and {}", p(i));
        assert!(*label == theirs[i][0], "{what}: {label} and {}", theirs[i]);
    }
}

#[test]
fn the_package_agrees() {
    let goldens = Fixture::golden(env!("CARGO_MANIFEST_DIR"), "fasttext/goldens.json");
    let texts: Vec<String> = serde_json::from_value(goldens.value("texts").clone()).unwrap();
    for name in MODELS {
        let model = FastText::load(&file(name)).unwrap();
        let mut scratch = Scratch::default();
        for case in goldens.value("models")[name].as_array().unwrap() {
            let (k, threshold) = (case["k"].as_u64().unwrap() as usize, case["threshold"].as_f64().unwrap() as f32);
            for (text, theirs) in texts.iter().zip(case["predictions"].as_array().unwrap()) {
                let what = format!("{name}, {k} at {threshold}: `{text}`");
                let ours = model.predict_with(text, k, threshold, &mut scratch);
                assert_eq!(ours, model.predict(text, k, threshold), "{what}: with an empty scratch");
                let ours: Vec<_> = ours.iter().map(|p| (p.label.to_owned(), p.probability)).collect();
                check(&ours, theirs.as_array().unwrap(), &what);
            }
        }
    }
}

#[test]
fn a_line_break_is_a_space() {
    let model = FastText::load(&file("ova.bin")).unwrap();
    assert_eq!(model.predict("the quiet\nriver\n", 9, 0.0), model.predict("the quiet river", 9, 0.0));
}

#[test]
fn what_is_saved_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.bin");
    for name in MODELS {
        let model = FastText::load(&file(name)).unwrap();
        match name.ends_with(".bin") {
            true => {
                model.save(&copy).unwrap();
                assert!(std::fs::read(file(name)).unwrap() == std::fs::read(&copy).unwrap(), "{name}");
            }
            // Not the same file: quantised rows are spelled out.
            false => assert_eq!(model.save(&copy).is_err(), name != "quantised.ftz"),
        }
    }
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    for name in MODELS {
        let bytes = std::fs::read(file(name)).unwrap();
        for cut in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
            assert!(FastText::from_bytes(&bytes[..cut], name).is_err(), "{name} cut to {cut}");
        }
        // Every byte of the head, then some of the rest, is set to something else.
        for at in (0..200).chain((200..bytes.len()).step_by(131)) {
            for lie in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut bytes = bytes.clone();
                bytes[at] = lie;
                if let Ok(model) = FastText::from_bytes(&bytes, name) {
                    model.predict("the quiet river \u{1F980}", 3, 0.0);
                }
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let bytes = std::fs::read(file("softmax.bin")).unwrap();
    let reason = |bytes: &[u8]| FastText::from_bytes(bytes, "m.bin").err().unwrap().to_string();
    let says = |bytes: &[u8], what: &str| {
        let message = reason(bytes);
        assert!(message.contains(what), "{message}");
    };
    says(b"PK\x03\x04", "`m.bin` is not a fastText model that can be used: it should begin with 793712314");
    says(&bytes[..9000], "input matrix: the weights should be");
    let mut vectors = bytes.clone();
    vectors[36] = 2;
    says(&vectors, "it holds word vectors (kind 2), not a classifier (kind 3)");
}
