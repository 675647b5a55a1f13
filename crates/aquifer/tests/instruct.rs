//! `aquifer data instruct …` from files to files.

#![allow(clippy::unwrap_used)]

mod common;

use common::Scratch;
use serde_json::{Value, json};

fn lines(s: &Scratch, name: &str) -> Vec<Value> {
    String::from_utf8(s.read(name)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn pool() -> String {
    let row = |i: usize| {
        let topic = ["boil pasta", "prove a theorem", "paint a fence"][i % 3];
        json!({"id": i, "instruction": format!("How do I {topic}?"), "input": format!("case {i}"), "output": "So.",
            "quality": i % 5, "tags": [topic, format!("t{}", i % 4)]})
    };
    let rows: Vec<Value> = (0..30).map(row).chain([json!({"instruction": "", "output": "x"})]).collect();
    Value::Array(rows).to_string()
}

#[test]
fn findings_are_listed_and_fail_when_asked() {
    let s = Scratch::new();
    s.write("pool.json", pool());
    let said = s.run(&["data", "instruct", "check", "pool.json", "--list", "found.jsonl", "--json"]).json();
    assert_eq!((&said["layout"], &said["rows"], &said["rows_with_errors"]), (&json!("alpaca"), &json!(31), &json!(1)));
    assert_eq!(said["findings"], json!({"empty-turn": 1}));
    let found = &lines(&s, "found.jsonl")[0];
    assert_eq!((&found["row"], &found["kind"]), (&json!(31), &json!("empty-turn")));
    s.refused(&["data", "instruct", "check", "pool.json", "--strict"], &["1 of 31 rows of `pool.json` have errors"]);
    s.write("other.json", "[{\"a\": 1}]");
    s.refused(&["data", "instruct", "check", "other.json"], &["no row of `other.json` has a layout known here", "`a`"]);
}

#[test]
fn layouts_are_converted_and_what_is_converted_becomes_shards() {
    let s = Scratch::new();
    s.write("pool.json", pool());
    let convert = |from: &str, to: &str, out: &str| {
        s.run(&["data", "instruct", "convert", from, "--to", to, "--out", out, "--json"]).json()
    };
    let said = convert("pool.json", "messages", "talk.jsonl.gz");
    assert_eq!((&said["rows"], &said["left_out"]), (&json!(30), &json!({"errors (`check` names them)": 1})));
    convert("talk.jsonl.gz", "sharegpt", "share.jsonl");
    let row = &lines(&s, "share.jsonl")[4];
    assert_eq!(
        (&row["conversations"][0]["value"], &row["quality"]),
        (&json!("How do I prove a theorem?\n\ncase 4"), &json!(4))
    );
    assert_eq!(convert("talk.jsonl.gz", "preference", "none.jsonl")["rows"], 0);
    let stats = s.run(&["data", "stats", "talk.jsonl.gz", "--json"]).json();
    assert!(stats.to_string().contains("30"), "{stats}");
    s.refused(
        &["data", "instruct", "convert", "pool.json", "--to", "alpaca", "--out", "share.jsonl"],
        &["is there already"],
    );
}

#[test]
fn parts_are_chosen_by_distance_rank_and_tags() {
    let s = Scratch::new();
    s.write("pool.json", pool());
    let select = |more: &[&str]| {
        s.run(&[&["data", "instruct", "select", "pool.json", "--force", "--out", "part.jsonl"][..], more].concat());
        lines(&s, "part.jsonl")
    };
    let topics = |rows: &[Value]| {
        let mut topics: Vec<String> = rows.iter().map(|row| row["tags"][0].as_str().unwrap().to_owned()).collect();
        topics.sort();
        topics.dedup();
        topics.len()
    };
    let apart = select(&["--count", "3"]);
    assert_eq!((apart.len(), topics(&apart)), (3, 3));
    assert_eq!((&apart[0]["instruction"], &apart[0]["input"]), (&json!("How do I boil pasta?"), &json!("case 0")));
    assert_eq!(apart, select(&["--count", "3", "--threads", "1"]));
    let best = select(&["--count", "6", "--by", "rank", "--score", "quality", "--nearest", "1.1"]);
    assert!(best.iter().all(|row| row["quality"] == 4));
    let tagged = select(&["--count", "4", "--by", "tags"]);
    assert_eq!((tagged.len(), topics(&tagged)), (4, 3));
    let good = select(&["--count", "100", "--score", "quality", "--min-score", "3"]);
    assert_eq!(good.len(), 12);
    let absent = [
        "data",
        "instruct",
        "select",
        "pool.json",
        "--count",
        "3",
        "--by",
        "tags",
        "--tags",
        "labels",
        "--out",
        "x.jsonl",
    ];
    s.refused(&absent, &["no row has tags in `labels`"]);
}
