use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/shingles/shingles.json")).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn texts_are_simplified_as_by_datatrove() {
    let golden = golden();
    let texts = strings(&golden["texts"]);
    for case in golden["simplified"].as_array().unwrap() {
        let simplify: Simplify = serde_json::from_value(case["simplify"].clone()).unwrap();
        for (text, expected) in texts.iter().zip(strings(&case["out"])) {
            assert_eq!(simplify.apply(text), expected, "{text:?} by {simplify:?}");
        }
    }
}

#[test]
fn hashes_are_the_peers() {
    let golden = golden();
    let mut texts: Vec<String> = strings(&golden["texts"]).into_iter().map(str::to_owned).collect();
    texts.push(texts.join(" ").repeat(3));
    for case in golden["hashed"].as_array().unwrap() {
        let hash: Hash = serde_json::from_value(case["hash"].clone()).unwrap();
        for (text, expected) in texts.iter().zip(strings(&case["of"])) {
            assert_eq!(hash.of(text.as_bytes()).to_string(), expected, "{text:?} by {hash:?}");
        }
        let shingler = Shingler { hash, ..Shingler::new(5, white_space_words()) };
        let shingles: Vec<String> = shingler.shingles(&texts[3]).iter().map(u64::to_string).collect();
        assert_eq!(shingles, strings(&case["shingles"]));
    }
}

#[test]
fn short_texts_have_no_shingle() {
    let shingler = Shingler::new(3, white_space_words());
    assert_eq!(["", "one", "one two", "one two three"].map(|text| shingler.shingles(text).len()), [0, 0, 0, 1]);
    assert_eq!(Shingler::new(0, white_space_words()).shingles("a b").len(), 2);
}

proptest! {
    #[test]
    fn simplifying_never_fails(text in "\\PC{0,40}[\0-\u{A0}]{0,5}\\PC{0,10}", flags in 0_u8..128) {
        let on = |bit: u8| flags >> bit & 1 == 1;
        let simplify = Simplify {
            lowercase: on(0), numbers: on(1), weekdays: on(2), months: on(3), punctuation: on(4), white_space: on(5),
            diacritics: on(6),
        };
        let once = simplify.apply(&text);
        prop_assert_eq!(once.trim(), once.as_str());
    }

    #[test]
    fn a_span_is_its_words(text in "[ a-c]{0,30}") {
        let mut ranges = Vec::new();
        (white_space_words())(&text, &mut ranges);
        let words: Vec<&str> = text.split_whitespace().collect();
        let spaced = SpacedWords::new(&text, &ranges);
        prop_assert_eq!(spaced.span(0..spaced.len()), words.join(" "));
        prop_assert_eq!(spaced.runs(2).collect::<Vec<_>>(), words.windows(2).map(|w| w.join(" ")).collect::<Vec<_>>());
    }
}
