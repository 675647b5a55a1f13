use super::*;
use aquifer_text::shingles::{sentences, white_space_words, words};
use aquifer_text::words::Language;
use serde_json::Value;

fn by(options: SentenceOptions) -> SentenceDedup {
    SentenceDedup { options, sentences: sentences(Language::English), words: words(Language::English) }
}

fn run(dedup: &SentenceDedup, texts: &[&str], index: &[u64], memory: usize) -> Vec<Fate> {
    let spill = Spill::to_temporary(memory);
    let repeated = dedup.repeated(texts.iter().copied(), index, &spill).unwrap();
    texts.iter().zip(&repeated.starts).map(|(text, starts)| dedup.cut(text, starts)).collect()
}

#[test]
fn texts_are_cut_as_by_datatrove() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/dedup/sentence.json")).unwrap();
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for case in golden["cases"].as_array().unwrap() {
        let dedup = by(serde_json::from_value(case["options"].clone()).unwrap());
        let indexed = case["indexed"].as_u64().unwrap() as usize;
        let spill = Spill::to_temporary(0);
        let index = dedup.repeated(texts[..indexed].iter().copied(), &[], &spill).unwrap().new;
        let found = run(&dedup, &texts, &index, 0);
        for (i, (fate, expected)) in found.iter().zip(case["kept"].as_array().unwrap()).enumerate() {
            let expected = match expected {
                Value::Null => Fate::Goes,
                Value::String(text) => Fate::Cut(text.clone()),
                _ => Fate::Stays,
            };
            assert_eq!(*fate, expected, "{i} {:?} by {:?}", texts[i], dedup.options);
        }
        assert_eq!(found, run(&dedup, &texts, &index, 1 << 20));
    }
}

#[test]
fn lines_and_paragraphs_stay_once() {
    let cut = |text: &str| Fate::Cut(text.to_owned());
    let menu = "Home | About\r\n";
    let texts = [&format!("{menu}First text.\nHome, about!\n"), &format!("{menu}Second text.\n"), menu, "\n\n", ""];
    let lines = by(SentenceOptions::lines());
    assert_eq!(
        run(&lines, &texts, &[], 0),
        [cut("Home | About\nFirst text."), cut("Second text."), Fate::Goes, Fate::Stays, Fate::Goes]
    );
    let texts = ["A b.\nC d.\n\nE f.\n\n\n", "E f.\n\nG h.\n\nA b.\nI j."];
    let paragraphs = SentenceDedup { words: white_space_words(), ..by(SentenceOptions::paragraphs()) };
    assert_eq!(run(&paragraphs, &texts, &[], 0), [Fate::Stays, cut("G h.\n\nA b.\nI j.")]);
}

#[test]
fn lines_end_as_in_python() {
    // Python 3.11: "a\r\nb\rc\x0b\x0cd\x1ce\x85f\u2028\n".splitlines()
    let text = "a\r\nb\rc\x0b\x0cd\x1ce\u{85}f\u{2028}\n";
    let mut found = Vec::new();
    lines(text, |line, _| found.push(&text[line]));
    assert_eq!(found, ["a", "b", "c", "", "d", "e", "f", ""]);
}
