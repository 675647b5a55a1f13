//! `aquifer bench`: everything about it that is not a timing.
#![allow(clippy::unwrap_used)]

mod common;

use common::Scratch;

/// Rows of our own making in the form of the published ones.
const TABLES: &str = include_str!("../../aquifer-record/src/perf/import/flagperf_excerpt.jsonl");

#[test]
fn lists_say_what_would_be_measured_and_unknown_names_suggest() {
    let s = Scratch::new();
    let listed = s.run(&["bench", "ops", "--list"]).out;
    for shown in ["linear", "bf16", "attention_backward", "adamw", "Instructions here", "ulp", "*softmax"] {
        assert!(listed.contains(shown), "{shown} is missing from {listed}");
    }
    assert!(listed.lines().all(|line| line.chars().count() <= 100), "{listed}");
    let all = s.run(&["bench", "ops", "--list", "--json"]).json();
    assert!(all.as_array().unwrap().iter().all(|one| one["error_budget"].is_string()));
    let suite = s.run(&["bench", "ops", "--suite", "flagperf", "--list"]);
    assert!(suite.out.contains("cross_entropy_loss"), "{}", suite.out);
    assert_eq!(suite.err, "", "none of its cases is missing");
    s.refused(&["bench", "ops", "--filter", "sofmax"], &["`sofmax`", "`softmax`"]);
    s.refused(&["bench", "model", "--filter", "gpt-71m"], &["`gpt-71m`", "`gpt-17m train`"]);
    s.refused(&["bench", "ops", "--seconds", "-1"], &["--seconds"]);
    s.refused(&["bench", "model", "--precision", "bf17"], &["--precision", "bf17"]);
    assert!(s.run(&["bench", "model", "--list"]).out.contains("llama-13m decode 16"));
}

#[test]
fn one_operator_is_measured_recorded_and_drawn() {
    let s = Scratch::new();
    let brief = ["--seconds", "0", "--samples", "2", "--threads", "1"];
    s.run(&[&["bench", "device", "--out", "peaks.jsonl"], &brief[..]].concat());
    let ops = ["bench", "ops", "--filter", "column_sums", "--device", "peaks.jsonl", "--out", "ops.jsonl", "--json"];
    let out = s.run(&[&ops[..], &brief[..]].concat()).out;
    let records: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Two shapes, warm and cold.
    assert_eq!(records.len(), 4);
    for record in &records {
        assert_eq!((&record["suite"], &record["name"]), (&"ops".into(), &"column_sums".into()));
        assert!(record["median"].as_f64().unwrap() > 0.0 && record["samples"].as_u64().unwrap() >= 2, "{record}");
        assert!(record["share_of_peak"].is_number() && record["error"].as_f64() <= record["error_budget"].as_f64());
    }
    assert_eq!(s.read("ops.jsonl"), out.as_bytes());
    s.write("all.jsonl", [s.read("peaks.jsonl"), s.read("ops.jsonl")].concat());
    s.run(&["bench", "report", "all.jsonl", "ops.jsonl", "--out", "page.html"]);
    let page = String::from_utf8(s.read("page.html")).unwrap();
    for shown in ["column_sums", "Comparison", "1.00 ×", "Peaks of the machine"] {
        assert!(page.contains(shown), "{shown} is missing");
    }
    s.refused(&["bench", "ops", "--device", "ops.jsonl"], &["ops.jsonl", "bench device"]);
    s.refused(&["bench", "report", "missing.jsonl"], &["missing.jsonl"]);
}

#[test]
fn published_tables_become_records_and_a_page() {
    let s = Scratch::new();
    s.write("tables.jsonl", TABLES);
    let said = s.run(&["bench", "import", "tables.jsonl", "--out", "records.jsonl"]);
    assert!(said.err.contains("tables.jsonl: ") && said.err.contains("rows gave none"), "{}", said.err);
    s.run(&["bench", "report", "records.jsonl"]);
    let page = String::from_utf8(s.read("bench.html")).unwrap();
    assert!(page.contains("big_model-torch") && page.contains("250 TFLOP/s"), "{page}");
    s.write("other.txt", "no table");
    s.refused(&["bench", "import", "other.txt"], &["other.txt", "FlagPerf", "MLPerf"]);
    s.refused(&["bench", "import", "missing.csv"], &["missing.csv"]);
}
