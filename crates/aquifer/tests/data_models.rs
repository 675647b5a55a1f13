//! `aquifer data train-classifier` and `train-ngram`, from a file of text to a model that is read again.

#![allow(clippy::unwrap_used)]

mod common;

use aquifer_text::fasttext::FastText;
use aquifer_text::kenlm::KenLm;
use common::Scratch;
use serde_json::json;

fn rows() -> String {
    let topics = [("sea", ["wave", "harbour", "salt", "sail"]), ("wood", ["tree", "moss", "axe", "fern"])];
    let row = |i: usize| {
        let (label, words) = topics[i % 2];
        let text: Vec<&str> = (0..5).map(|k| words[(i / 2 + k * k) % 4]).collect();
        json!({"text": text.join(" "), "topic": label}).to_string() + "\n"
    };
    (0..200).map(row).collect::<String>() + "{\"text\": \"nothing said of it\"}\n"
}

#[test]
fn a_classifier_is_learnt_and_told_how_good_it_is() {
    let s = Scratch::new();
    s.write("rows.jsonl", rows());
    let train = ["data", "train-classifier", "rows.jsonl", "--label-field", "topic", "--buckets", "1000"];
    for out in ["topics.bin", "topics.ftz"] {
        let said = s.run(&[&train[..], &["--out", out, "--json"]].concat()).json();
        assert_eq!((&said["labels"], &said["without_label"], &said["accuracy"]), (&json!(2), &json!(1), &json!(1.0)));
        let model = FastText::load(&s.path(out)).expect("it was just written");
        assert_eq!(model.predict("salt and a sail", 1, 0.0)[0].label, "sea");
    }
    s.refused(&[&train[..], &["--out", "topics.bin"]].concat(), &["`topics.bin` is there already"]);
    s.refused(&[&train[..], &["--out", "topics"]].concat(), &["should end with .bin or .ftz"]);
    let absent = ["data", "train-classifier", "rows.jsonl", "--label-field", "subject", "--out", "x.bin"];
    s.refused(&absent, &["no document has a label in `subject`"]);
}

#[test]
fn an_ngram_model_is_learnt() {
    let s = Scratch::new();
    s.write("lines.txt", "the sea is wide\nthe sea is deep\nthe wood is deep\n");
    let train = ["data", "train-ngram", "lines.txt", "--order", "3", "--out", "lines.arpa"];
    s.refused(&train, &["seen once, twice, three and four times"]);
    let said = s.run(&[&train[..], &["--discount-fallback", "--json"]].concat()).json();
    assert_eq!(said["ngrams"][0], 9);
    let model = KenLm::load(&s.path("lines.arpa")).expect("it was just written");
    assert!(model.perplexity("the sea is deep") < model.perplexity("deep is sea the"));
}
