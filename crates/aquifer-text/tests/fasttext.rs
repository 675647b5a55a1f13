//! Agreement with PyPI's `fasttext`, by the models and goldens of `tests/golden/fasttext/make.py`; damaged files.

#![allow(clippy::unwrap_used)]

use aquifer_record::{Silent, Stop};
use aquifer_tensor::threads;
use aquifer_testkit::Fixture;
use aquifer_text::fasttext::{Example, FastText, Loss, QuantiseOptions, Scratch, TrainOptions};
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

/// Three made-up languages, told apart by their syllables.
fn made_up(n: usize) -> Vec<(String, &'static str)> {
    let languages = [("ka", "ka ke ko ri ta"), ("lu", "lu li le mo ne"), ("zs", "zsa zse gyo szi nya")];
    let stream = aquifer_tensor::random::Stream::new(1, "made up", "");
    let sentence = |i: usize| {
        let (label, syllables) = languages[i % 3];
        let syllables: Vec<&str> = syllables.split(' ').collect();
        let mut draws = stream.sequence(i as u64);
        let mut word = |_| -> String { (0..2 + draws.below(2)).map(|_| *draws.pick(&syllables)).collect() };
        ((0..4).map(&mut word).collect::<Vec<_>>().join(" "), label)
    };
    (0..n).map(sentence).collect()
}

fn learnt(loss: Loss, n: usize) -> (FastText, TrainOptions, Vec<(String, &'static str)>) {
    let texts = made_up(n);
    let examples: Vec<Example> = texts.iter().map(|(text, label)| Example { labels: vec![label], text }).collect();
    let (char_ngrams, learning_rate) = ((2, 3), 0.3);
    let options =
        TrainOptions { dim: 8, char_ngrams, word_ngrams: 2, buckets: 1000, learning_rate, loss, ..Default::default() };
    (FastText::train(&examples, &options, &Silent, &Stop::new()).unwrap(), options, texts)
}

fn accuracy(model: &FastText, texts: &[(String, &str)]) -> f64 {
    let right = texts.iter().filter(|(text, label)| model.predict(text, 1, 0.0)[0].label == *label).count();
    right as f64 / texts.len() as f64
}

#[test]
fn every_loss_is_learnt() {
    let unseen = made_up(900).split_off(600);
    for loss in [Loss::Softmax, Loss::HierarchicalSoftmax, Loss::OneVsAll] {
        let (model, ..) = learnt(loss, 600);
        assert!(accuracy(&model, &unseen) > 0.98, "{loss:?}: {}", accuracy(&model, &unseen));
    }
}

#[test]
fn pruned_and_quantised_a_model_still_knows() {
    let unseen = made_up(900).split_off(600);
    let (mut model, options, texts) = learnt(Loss::Softmax, 600);
    let full = model.quantise(&QuantiseOptions::default()).unwrap();
    assert!(accuracy(&FastText::from_bytes(&full, "full").unwrap(), &unseen) > 0.98);
    model.prune(400);
    let examples: Vec<Example> = texts.iter().map(|(text, label)| Example { labels: vec![label], text }).collect();
    model.fit(&examples, 3, options.learning_rate, 1, &Silent, &Stop::new()).unwrap();
    for norms in [false, true] {
        let small = model.quantise(&QuantiseOptions { piece: 3, norms, ..Default::default() }).unwrap();
        assert!(small.len() < full.len() * 2 / 3, "{} of {}", small.len(), full.len());
        let model = FastText::from_bytes(&small, "small").unwrap();
        assert!(accuracy(&model, &unseen) > 0.98, "norms {norms}: {}", accuracy(&model, &unseen));
    }
}

#[test]
fn training_gives_the_same_bits_for_any_thread_count() {
    let bytes = |threads| {
        threads::with(threads, || {
            let (mut model, ..) = learnt(Loss::Softmax, 60);
            model.prune(500);
            model.quantise(&QuantiseOptions::default()).unwrap()
        })
    };
    assert!(bytes(1) == bytes(2));
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
