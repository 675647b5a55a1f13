use super::*;
use crate::shingles::words;
use crate::words::Language;
use proptest::prelude::*;
use serde_json::Value;

fn golden_index(golden: &Value, case: &Value) -> Contamination {
    let options: ContaminationOptions = serde_json::from_value(case["options"].clone()).unwrap();
    let mut index = Contamination::new(&options, words(Language::English));
    for (set, items) in golden["items"].as_object().unwrap() {
        for item in items.as_array().unwrap() {
            index.add(set, &Item { query: item[0].as_str(), label: item[1].as_str().unwrap() });
        }
    }
    index
}

#[test]
fn hashes_and_verdicts_are_datatroves() {
    let golden: Value =
        serde_json::from_str(include_str!("../../tests/golden/contamination/contamination.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let index = golden_index(&golden, case);
        let folder = tempfile::tempdir().unwrap();
        index.save(folder.path()).unwrap();
        let mut loaded = Contamination::new(&index.options, words(Language::English));
        loaded.load(folder.path()).unwrap();
        assert_eq!((loaded.len(), loaded.sets().len()), (index.len(), 2));

        let all = case["sets"].as_object().unwrap().values().flat_map(|set| set.as_array().unwrap());
        let mut all: Vec<u64> = all.map(|hash| hash.as_str().unwrap().parse().unwrap()).collect();
        all.sort_unstable();
        all.dedup();
        let mut found: Vec<u64> = index.hashes.keys().copied().collect();
        found.sort_unstable();
        assert_eq!(found, all, "{:?}", index.options);

        for (text, verdict) in golden["texts"].as_array().unwrap().iter().zip(case["verdicts"].as_array().unwrap()) {
            let text = text.as_str().unwrap();
            let expected = verdict.as_array().map(|v| (v[0].as_str().unwrap().to_owned(), v[1].as_str().unwrap()));
            assert_eq!(loaded.first(text), expected, "{text:?} by {:?}", index.options);
            assert_eq!(index.spans(text).is_empty(), expected.is_none(), "{text:?} by {:?}", index.options);
        }
    }
}

#[test]
fn spans_lie_in_the_text_as_given() {
    let options = ContaminationOptions { n_grams: 3, ..Default::default() };
    let mut index = Contamination::new(&options, words(Language::English));
    index.add("a", &Item { query: None, label: "one two three four" });
    index.add("b", &Item { query: None, label: "渡船，九点，离开，小岛" });
    let told = |text: &'static str| {
        index.spans(text).into_iter().map(|s| (&text[s.bytes], s.set.to_owned(), s.runs)).collect::<Vec<_>>()
    };
    let (a, b) = (|| "a".to_owned(), || "b".to_owned());
    assert_eq!(told("Well: «One» two,\n\nTHREE four? Five."), [("«One» two,\n\nTHREE four?", a(), 2)]);
    assert_eq!(told("one two three, one two three"), [("one two three, one two three", a(), 2)]);
    assert_eq!(told("one two three x one two three"), [("one two three", a(), 1), ("one two three", a(), 1)]);
    assert_eq!(told("昨天渡船九点 渡船，九点，离开，小岛。再见"), [("渡船，九点，离开，小岛", b(), 2)]);
    assert_eq!(told("one two"), []);
}

#[test]
fn names_and_files_that_cannot_be() {
    let mut index = Contamination::new(&ContaminationOptions::default(), words(Language::English));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short.index.hashes"), [0; 9]).unwrap();
    assert!(index.load(folder.path()).unwrap_err().to_string().contains("no multiple of 8"));
    assert!(index.load(&folder.path().join("none")).is_err());
    index.add("a/b", &Item { query: None, label: "x" });
    assert!(index.save(folder.path()).unwrap_err().to_string().contains("slash"));
}

proptest! {
    #[test]
    fn pieces_give_the_words_of_the_whole(text in "(\\PC|[a-z0-9 .,'\n。，]|[ΣΑ]|\\p{Mn}){0,30}") {
        let shingler = Shingler::new(2, words(Language::English));
        let (found, places) = located::words(&shingler, &text);
        let whole = shingler.words_of(&text);
        prop_assert_eq!(found.span(0..found.len()), whole.span(0..whole.len()));
        prop_assert!(places.iter().all(|place| place.start < place.end && text.get(place.clone()).is_some()));
    }
}
