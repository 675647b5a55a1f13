//! Agreement with PyPI's `kenlm`, by the models and goldens of `tests/golden/kenlm/make.py`; damaged files.

#![allow(clippy::unwrap_used)]

use aquifer_record::Stop;
use aquifer_testkit::Fixture;
use aquifer_text::kenlm::{KenLm, NgramOptions, train_ngrams};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kenlm")).join(name)
}

const BINARIES: [&str; 8] = [
    "small.probing",
    "small.trie",
    "small.quantised",
    "small.compressed",
    "five.both",
    "five.probing",
    "pruned.trie",
    "blanks.probing",
];
const ARPAS: [&str; 4] = ["small.arpa", "five.arpa", "pruned.arpa", "blanks.arpa"];

/// Equal to the last bit: the sums are in KenLM's order.
#[test]
fn the_package_agrees() {
    let goldens = Fixture::golden(env!("CARGO_MANIFEST_DIR"), "kenlm/goldens.json");
    let sentences: Vec<String> = serde_json::from_value(goldens.value("sentences").clone()).unwrap();
    for name in BINARIES.into_iter().chain(ARPAS) {
        let model = KenLm::load(&file(name)).unwrap();
        let theirs = &goldens.value("models")[name];
        for (i, sentence) in sentences.iter().enumerate() {
            let what = format!("{name}: `{sentence}`");
            let flags = [(true, true), (true, false), (false, true), (false, false)];
            for ((bos, eos), score) in flags.into_iter().zip(theirs["scores"][i].as_array().unwrap()) {
                assert_eq!(model.score(sentence, bos, eos), score.as_f64().unwrap() as f32, "{what}, {bos}, {eos}");
            }
            let words: Vec<(f32, usize, bool)> = serde_json::from_value(theirs["words"][i].clone()).unwrap();
            let ours: Vec<_> =
                model.scores(sentence, true, true).map(|word| (word.log10, word.ngram_length, word.unknown)).collect();
            assert_eq!(ours, words, "{what}");
            let perplexity = theirs["perplexities"][i].as_f64().unwrap();
            assert!((model.perplexity(sentence) / perplexity - 1.0).abs() < 1e-12, "{what}: {perplexity}");
        }
    }
}

#[test]
fn words_one_by_one_are_the_sentence() {
    let model = KenLm::load(&file("five.both")).unwrap();
    let mut state = model.begin();
    let mut sum = 0.0;
    for word in ["the", "river", "runs", "unseen", "</s>"] {
        let (score, next) = model.advance(&state, word);
        sum += score.log10;
        state = next;
    }
    assert_eq!((sum, model.order()), (model.score("the river runs unseen", true, true), 5));
}

#[test]
fn the_perplexity_of_lines_is_one_mean() {
    let model = KenLm::load(&file("small.trie")).unwrap();
    let (a, b) = ("the river runs", "a small house stands");
    let sum = f64::from(model.score(a, true, true)) + f64::from(model.score(b, true, true));
    let expected = 10f64.powf(-sum / 9.0);
    assert!((model.perplexity_of_lines(&format!("{a}\n{b}")) / expected - 1.0).abs() < 1e-12);
    assert!((model.perplexity_of_lines(a) / model.perplexity(a) - 1.0).abs() < 1e-12);
}

/// An ARPA file by n-gram: log₁₀ of the probability and of the backoff.
fn entries(arpa: &str) -> BTreeMap<String, (f32, f32)> {
    let lines = arpa.lines().filter(|line| line.contains('\t'));
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let backoff = fields.get(2).map_or(0.0, |field| field.parse().unwrap());
        (fields[1].to_owned(), (fields[0].parse().unwrap(), backoff))
    };
    lines.map(entry).collect()
}

#[test]
fn lmplz_learns_the_same() {
    let corpus = std::fs::read_to_string(file("corpus.txt")).unwrap();
    for (name, order, prune) in [("small.arpa", 3, vec![]), ("five.arpa", 5, vec![]), ("pruned.arpa", 4, vec![0, 0, 1])]
    {
        let options = NgramOptions { order, prune, discount_fallback: Some([0.5, 1.0, 1.5]) };
        let mut ours = Vec::new();
        train_ngrams(corpus.lines(), &options, &Stop::new()).unwrap().write(&mut ours).unwrap();
        let ours = String::from_utf8(ours).unwrap();
        let (found, expected) = (entries(&ours), entries(&std::fs::read_to_string(file(name)).unwrap()));
        assert!(found.keys().eq(expected.keys()), "{name}: {} and {} n-grams", found.len(), expected.len());
        for (ngram, (prob, backoff)) in &expected {
            let ours = found[ngram];
            assert!((ours.0 - prob).abs() < 1e-5, "{name}: p of `{ngram}` is {} and {prob}", ours.0);
            assert!((ours.1 - backoff).abs() < 1e-5, "{name}: backoff of `{ngram}` is {} and {backoff}", ours.1);
        }
        let model = KenLm::from_bytes(ours.into_bytes(), name).unwrap();
        let theirs = KenLm::load(&file(name)).unwrap();
        let text = "the river runs under an unseen bridge .";
        assert!((model.score(text, true, true) - theirs.score(text, true, true)).abs() < 1e-4);
    }
}

#[test]
fn what_cannot_be_learnt_is_said() {
    let says = |text: &str, options: &NgramOptions, what: &str| {
        let message = train_ngrams(text.lines(), options, &Stop::new()).err().unwrap().to_string();
        assert!(message.contains(what), "{message}");
    };
    says("a b\nc", &NgramOptions::new(3), "1-grams seen once, twice, three and four times are");
    says("\n <s> </s>", &NgramOptions::new(2), "there is no word");
    says("a", &NgramOptions::new(1), "from 2 to 10");
    says("a", &NgramOptions { prune: vec![2, 1], ..NgramOptions::new(3) }, "none falling");
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    for name in BINARIES.into_iter().chain(ARPAS) {
        let bytes = std::fs::read(file(name)).unwrap();
        for cut in (0..bytes.len()).step_by(bytes.len() / 61 + 1) {
            // What lies behind the n-grams, the words themselves, is never read.
            if let Ok(model) = KenLm::from_bytes(bytes[..cut].to_vec(), name) {
                model.perplexity("the river runs under");
            }
        }
        for at in (0..160).chain((160..bytes.len()).step_by(bytes.len() / 200 + 1)) {
            for lie in [0, 1, 0x7F, 0xFF] {
                let mut bytes = bytes.clone();
                bytes[at] = lie;
                if let Ok(model) = KenLm::from_bytes(bytes, name) {
                    model.perplexity("the river runs under");
                }
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let says = |bytes: &[u8], what: &str| {
        let message = KenLm::from_bytes(bytes.to_vec(), "m").err().unwrap().to_string();
        assert!(message.contains(what), "{message}");
    };
    says(b"", "`m` is not a KenLM model that can be used: line 0: the file ends too early");
    says(b"PK\x03\x04", "neither a binary of KenLM nor an ARPA file");
    let arpa = std::fs::read_to_string(file("blanks.arpa")).unwrap();
    says(arpa.replace("ngram 2=8", "ngram 2=8000000").as_bytes(), "so many n-grams");
    says(arpa.replace("a b c d", "a b c z").as_bytes(), "line 36: `z` is not among the 1-grams");
    says(arpa.replace("-0.05", "0.05").as_bytes(), "above zero");
    says(arpa.replace("-0.3\ta b c\t", "-0.3\ta c c\t").as_bytes(), "its first 2 words are not among the 2-grams");
    says(arpa.replace("\\end\\", "").as_bytes(), "the file ends too early");
    let binary = std::fs::read(file("small.probing")).unwrap();
    says(&binary[..4000], "should take");
    let mut rest = binary.clone();
    rest[96] = 1;
    says(&rest, "rest costs");
    let mut old = binary.clone();
    old[49] = b'4';
    says(&old, "format version 4\"; version 5");
}
