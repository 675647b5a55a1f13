//! `aquifer data catalog …`: cards beside their shards, and what the index over them finds.

#![allow(clippy::unwrap_used)]

mod common;

use common::Scratch;
use serde_json::json;

fn catalog<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["data", "catalog", "--catalog", "data"][..], more].concat()
}

#[test]
fn cards_are_written_found_and_held_against_their_files() {
    let s = Scratch::new();
    s.write("data/crawl/a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    s.write("data/clean/part/b.jsonl", "{\"text\": \"one\"}\n");
    let add = |folder: &str, name: &str, more: &[&str]| {
        let fixed = ["add", folder, "--name", name, "--licence", "CC-BY-4.0", "--language", "zh-Hant"];
        catalog(&[&fixed[..], more].concat()).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |arguments: &[String]| s.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let first = add("data/crawl", "crawl", &["--from", "https://example.org/dump", "--count"]);
    run(&first);
    run(&add("data/clean", "clean", &["--from", "crawl", "--by", "aquifer data run"]));
    let again: Vec<&str> = first.iter().map(String::as_str).collect();
    s.refused(&again, &["is there already"]);
    let absent = ["add", "data/clean", "--name", "x", "--licence", "MIT", "--from", "crwal", "--force"];
    s.refused(&catalog(&absent), &["no data set `crwal`"]);
    s.refused(&catalog(&["add", "data/clean", "--name", "crawl", "--licence", "MIT", "--force"]), &["choose another"]);

    let list = s.run(&[&catalog(&["list"])[..], &["--json"]].concat()).json();
    assert_eq!(
        (&list[0]["name"], &list[1]["documents"], &list[1]["folder"]),
        (&json!("clean"), &json!(2), &json!("crawl"))
    );
    assert!(s.run(&catalog(&["search", "crawl", "--language", "zh"])).out.contains("CC-BY-4.0"));
    assert_eq!(s.run(&[&catalog(&["search", "--language", "en"])[..], &["--json"]].concat()).json(), json!([]));
    let shown = s.run(&catalog(&["show", "clean", "--verify"])).out;
    assert!(shown.contains("from crawl by aquifer data run\n  from https://example.org/dump\n"), "{shown}");

    s.write("data/crawl/a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"six\"}\n");
    s.refused(&catalog(&["show", "crawl", "--verify"]), &["a.jsonl has another content", "1 of 1 files"]);
    run(&add("data/crawl", "crawl", &["--force"]));
    let shown = s.run(&catalog(&["show", "clean"])).out;
    assert!(shown.contains("(which has changed since)"), "{shown}");
    s.refused(&catalog(&["show", "nothing"]), &["there is no data set `nothing`"]);
}
