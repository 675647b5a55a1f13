//! `aquifer data label`, from documents and a model that does not always behave to a classifier that learnt from it.

#![allow(clippy::unwrap_used)]

mod common;

use aquifer_testkit::{ScriptedServer, chat_answer, chat_question, http_answer};
use common::Scratch;
use serde_json::json;
use std::time::Duration;

const RUBRIC: &str = "name = 'sea'\nprompt = \"Is this of the sea?\\n{text}\\n{classes}\"\n\
    [answer]\nfield = 'of'\n[[class]]\nname = 'sea'\n[[class]]\nname = 'land'\n";

fn rows(n: usize) -> String {
    let row = |i: usize| {
        let text = if i.is_multiple_of(3) { "wave salt harbour sail" } else { "moss fern oak path" };
        json!({"id": format!("d{i}"), "text": format!("{text} {i}"), "source": (["a", "b"][i % 2])}).to_string() + "\n"
    };
    (0..n).map(row).collect()
}

/// Says what is true, unless it is overloaded, talks around it or breaks off.
fn model(n: usize, body: &str) -> Vec<u8> {
    let label = if chat_question(body).contains("wave") { "sea" } else { "Land" };
    let answer = chat_answer(&format!("I think {{\"of\": \"{label}\"}}"));
    match n % 11 {
        3 => http_answer("503 Service Unavailable", "retry-after: 0\r\n", "{}"),
        5 => chat_answer("It is hard to say."),
        7 => answer[..150].to_vec(),
        _ => answer,
    }
}

#[test]
fn a_sample_is_costed_labelled_once_and_learnt_from() {
    let s = Scratch::new();
    s.write("rows.jsonl", rows(240));
    s.write("sea.toml", RUBRIC);
    let server = ScriptedServer::start(model);
    let url = server.url();
    let label = |sample: &str, out: &str, more: &[&str]| {
        let fixed = ["data", "label", "rows.jsonl", "--rubric", "sea.toml", "--endpoint", &url, "--model", "m"];
        let rest = ["--sample", sample, "--out", out, "--journal", "asked.jsonl", "--json"];
        s.run(&[&fixed[..], &rest, more].concat()).json()
    };
    let estimate = label("100", "labels.jsonl", &["--price-in", "2", "--price-out", "4"]);
    assert_eq!((&estimate["estimate"]["questions"], server.asked()), (&json!(100), 0));
    assert!(estimate["cost_at_most"].as_f64().unwrap() > 0.08);
    assert!(!s.path("labels.jsonl").exists());

    let first = label("100", "labels.jsonl", &["--yes"]);
    assert_eq!((&first["labelled"], &first["without_label"]), (&json!(100), &json!({})));
    let asked = server.asked();
    assert!(asked > 100);
    let more = label("200", "more.jsonl", &["--yes"]);
    assert_eq!(more["labelled"], 200);
    assert!(server.asked() < asked + 160, "answers were asked for twice");
    let asked = server.asked();
    label("200", "again.jsonl", &[]);
    assert_eq!((s.read("more.jsonl"), server.asked()), (s.read("again.jsonl"), asked));

    let text = String::from_utf8(s.read("more.jsonl")).unwrap();
    for row in text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let sea = row["text"].as_str().unwrap().contains("wave");
        assert_eq!(row["metadata"]["label"], if sea { "sea" } else { "land" });
    }
    let learnt =
        s.run(&["data", "train-classifier", "more.jsonl", "--out", "sea.bin", "--buckets", "1000", "--json"]).json();
    assert_eq!((&learnt["accuracy"], &learnt["kappa"]), (&json!(1.0), &json!(1.0)));
}

#[test]
fn strata_are_even_and_mistakes_are_named() {
    let s = Scratch::new();
    s.write("rows.jsonl", rows(40));
    s.write("sea.toml", RUBRIC);
    let server = ScriptedServer::start(model);
    let url = server.url();
    let fixed = ["data", "label", "rows.jsonl", "--model", "m", "--endpoint", &url];
    let with = |more: &[&'static str]| [&fixed[..], more].concat();
    let even =
        with(&["--rubric", "sea.toml", "--sample", "10", "--stratify", "source", "--out", "even.jsonl", "--yes"]);
    s.run(&even);
    let text = String::from_utf8(s.read("even.jsonl")).unwrap();
    let odd = |line: &&str| {
        line.split("\"id\":\"d").nth(1).unwrap().split('"').next().unwrap().parse::<usize>().unwrap() % 2 == 1
    };
    assert_eq!((text.lines().count(), text.lines().filter(odd).count()), (10, 5));
    s.refused(
        &with(&["--rubric", "qualty", "--out", "x.jsonl"]),
        &["neither a rubric of ours (quality, industry) nor a file"],
    );
    s.refused(&with(&["--rubric", "quality", "--out", "x.txt"]), &["should end with .jsonl"]);
    let absent = ["--rubric", "quality", "--sample", "3", "--stratify", "lang", "--out", "x.jsonl"];
    s.refused(&with(&absent), &["no document has a field `lang`"]);
    s.refused(&with(&["--rubric", "quality", "--out", "x.jsonl", "--key-env", "NO_SUCH_KEY"]), &["NO_SUCH_KEY"]);
    let lost =
        ScriptedServer::start(|_, _| http_answer("404 Not Found", "", "{\"error\": {\"message\": \"no model m\"}}"));
    let url = lost.url();
    let asking = ["data", "label", "rows.jsonl", "--model", "m", "--endpoint", &url, "--rubric", "quality", "--yes"];
    s.refused(&[&asking[..], &["--out", "x.jsonl"]].concat(), &["404", "no model m"]);
}

#[test]
fn a_killed_command_goes_on_where_it_was() {
    let s = Scratch::new();
    s.write("rows.jsonl", rows(60));
    s.write("sea.toml", RUBRIC);
    let server = ScriptedServer::start(|_, _| {
        std::thread::sleep(Duration::from_millis(20));
        chat_answer("{\"of\": \"sea\"}")
    });
    let url = server.url();
    let fixed = ["data", "label", "rows.jsonl", "--rubric", "sea.toml", "--endpoint", &url, "--model", "m", "--yes"];
    let label = [&fixed[..], &["--out", "labels.jsonl", "--at-once", "2"]].concat();
    let mut child = common::binary(&s.path("")).args(&label).spawn().unwrap();
    while server.asked() < 20 {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!s.path("labels.jsonl").exists());
    s.run(&label);
    // Of those under way when it was killed the answers were lost.
    assert!((60..=62).contains(&server.asked()), "{}", server.asked());
    assert_eq!(String::from_utf8(s.read("labels.jsonl")).unwrap().lines().count(), 60);
}
