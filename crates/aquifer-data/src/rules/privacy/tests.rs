use super::*;
use crate::rules::{Stage, Value};
use aquifer_corpus::Document;

fn edited(table: toml::Table, text: &str) -> (Vec<f64>, String) {
    let stage = Stage::build(table).unwrap();
    let document = Document::new("d", text);
    let answer = stage.ask(&Page::new(&document), true);
    let counts = answer.values.iter().map(|value| match value {
        Some(Value::Number(count)) => *count,
        other => panic!("{other:?} is no count"),
    });
    (counts.collect(), answer.text.unwrap_or_else(|| text.to_owned()))
}

#[test]
fn addresses_are_those_of_datatrove() {
    let cases: Vec<[String; 2]> =
        serde_json::from_str(include_str!("../../../tests/golden/privacy/addresses.json")).unwrap();
    assert!(cases.len() > 60);
    for [text, want] in cases {
        let (_, got) = edited(toml::toml! { rule = "privacy" kinds = ["email", "ip"] }, &text);
        assert_eq!(got, want, "{text:?}");
    }
}

#[test]
fn chinese_hits_are_found_and_near_misses_are_not() {
    let mut hits = [0; KINDS.len()];
    let mut misses = 0;
    for line in include_str!("../../../tests/golden/privacy/chinese.txt").lines().filter(|line| !line.starts_with('#'))
    {
        let (text, want) = unmarked(line);
        for (at, entry) in KINDS.iter().enumerate() {
            let mine: Vec<_> =
                want.iter().filter(|(name, _)| *name == entry.column).map(|(_, range)| range.clone()).collect();
            hits[at] += mine.len();
            assert_eq!((entry.find)(&text), mine, "{}: {text}", entry.column);
        }
        misses += usize::from(want.is_empty());
    }
    assert!(hits[2..].iter().all(|hits| *hits >= 8) && misses >= 40, "{hits:?} {misses}");
}

/// A line without its marks `⟦column|piece⟧`, and the pieces.
fn unmarked(line: &str) -> (String, Vec<(&str, Range<usize>)>) {
    let (mut text, mut found) = (String::new(), Vec::new());
    let mut parts = line.split('⟦');
    text.push_str(parts.next().unwrap());
    for part in parts {
        let (marked, rest) = part.split_once('⟧').unwrap();
        let (name, piece) = marked.split_once('|').unwrap();
        found.push((name, text.len()..text.len() + piece.len()));
        text.push_str(piece);
        text.push_str(rest);
    }
    (text, found)
}

#[test]
fn what_is_found_is_counted_and_replaced_in_turns() {
    let text = "a@b.cn、c@d.cn、e@f.cn，电话13812345678，8.8.8.8与10.0.0.1";
    let (counts, now) = edited(toml::toml! { rule = "privacy" }, text);
    assert_eq!(counts, [3.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let want =
        "email@example.com、firstname.lastname@example.org、email@example.com，电话[PHONE]，22.214.171.124与10.0.0.1";
    assert_eq!(now, want);
    let own = toml::toml! {
        rule = "privacy"
        kinds = ["ip"]
        public_ips_only = false
        replacements = { ip = ["<IP>"] }
    };
    assert_eq!(edited(own, text).1, text.replace("8.8.8.8", "<IP>").replace("10.0.0.1", "<IP>"));
    let message = Stage::build(toml::toml! { rule = "privacy" kinds = ["passport"] }).err().unwrap().to_string();
    assert!(message.contains("id_card"), "{message}");
}
