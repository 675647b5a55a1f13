//! `aquifer data instruct …` from files to files.

#![allow(clippy::unwrap_used)]

mod common;

use aquifer_testkit::{ScriptedServer, chat_answer, chat_question, http_answer};
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

/// Evolves, answers, tags, examines; every seventh request meets an overloaded server.
fn model(n: usize, body: &str) -> Vec<u8> {
    let asked = chat_question(body);
    match () {
        () if n % 7 == 3 => http_answer("503 Service Unavailable", "retry-after: 0\r\n", "{}"),
        () if asked.contains("the new exercise") || asked.contains("Write another one") => {
            chat_answer(&format!("{} Say why, in full.", asked.split("~~~~").nth(1).unwrap_or_default().trim()))
        }
        () if asked.contains("\"tags\"") => chat_answer("{\"tags\": [\"Cooking\", \"How To\"]}"),
        () if asked.contains("\"correct\"") && asked.contains("A poor answer") => {
            chat_answer("{\"fault\": \"too poor\", \"correct\": false}")
        }
        () if asked.contains("\"correct\"") => chat_answer("{\"fault\": \"\", \"correct\": true}"),
        () if asked.contains("An examiner") => chat_answer("A better answer."),
        () => chat_answer("A poor answer."),
    }
}

#[test]
fn new_rows_are_evolved_tagged_examined_and_never_asked_for_twice() {
    let s = Scratch::new();
    s.write("pool.json", pool());
    let server = ScriptedServer::start(model);
    let url = server.url();
    let ask = |verb: &str, from: &str, out: &str, more: &[&str]| {
        let fixed = ["data", "instruct", verb, from, "--out", out, "--endpoint", &url, "--model", "m", "--json"];
        s.run(&[&fixed[..], more].concat()).json()
    };
    let estimate = ask("evolve", "pool.json", "new.jsonl", &[]);
    assert_eq!((&estimate["estimate"]["questions"], server.asked()), (&json!(30), 0));
    let evolved = ask("evolve", "pool.json", "new.jsonl", &["--rounds", "2", "--yes"]);
    assert_eq!((&evolved["rows"], &evolved["dropped"]), (&json!(60), &json!({})));
    let row = &lines(&s, "new.jsonl")[59];
    let steps: Vec<&str> =
        row["lineage"].as_array().unwrap().iter().map(|step| step["model"].as_str().unwrap()).collect();
    assert_eq!((steps, &row["lineage"][0]["parent"]), (vec!["m"; 3], &json!("29")));
    assert_eq!((&row["output"], row["lineage"][2]["prompt"].as_str().unwrap().len()), (&json!("A poor answer."), 64));
    let asked = server.asked();
    ask("evolve", "pool.json", "new.jsonl", &["--rounds", "2", "--yes", "--force"]);
    assert_eq!(server.asked(), asked);

    assert_eq!(ask("tag", "new.jsonl", "tagged.jsonl", &["--yes"])["rows"], 60);
    assert_eq!(lines(&s, "tagged.jsonl")[0]["tags"], json!(["cooking", "how to"]));
    let verified = ask("verify", "tagged.jsonl", "right.jsonl", &["--yes", "--correct-only"]);
    assert_eq!(
        (&verified["rows"], &verified["rewritten"], &verified["with_a_fault"]),
        (&json!(60), &json!(60), &json!(0))
    );
    let row = &lines(&s, "right.jsonl")[0];
    assert_eq!((&row["output"], &row["verified"]), (&json!("A better answer."), &json!(true)));
    assert_eq!(row["lineage"].as_array().unwrap().last().unwrap()["operation"], "correct");
}
