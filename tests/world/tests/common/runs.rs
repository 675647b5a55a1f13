//! A corpus, and what one process makes of it.

use super::binary;
use aquifer_record::sha256_hex;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Files of the corpus.
pub const FILES: usize = 8;

/// Rules, a comparison, and rules again: four steps.
const RECIPE: &str =
    "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"near\"\n[[stage]]\nrule = \"gopher_repetition\"\n";

/// Writes `raw/` and `p.toml`, takes them to `whole/` in one process, and gives its outcome.
pub fn whole(dir: &Path) -> BTreeMap<String, String> {
    write_corpus(dir);
    let mut run = Command::new(binary());
    let out =
        run.current_dir(dir).args(["data", "run", "p.toml", "raw", "--out", "whole", "--quiet"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    outcome(&dir.join("whole"))
}

fn write_corpus(dir: &Path) {
    std::fs::create_dir(dir.join("raw")).unwrap();
    for file in 0..FILES {
        let text = |i: usize| match i % 5 {
            0 => format!("%%% &&& {file}{i} ((("),
            1 => format!("A text that every file has, number {i}, and it is long enough to be compared with others."),
            2 => "Again and again. ".repeat(i % 9 + 1),
            _ => (0..40).map(|word| format!("word{} ", (i * 31 + word * (file + 7)) % 9973)).collect(),
        };
        let rows = (0..4000).map(|i| serde_json::json!({ "text": text(i) }).to_string() + "\n");
        std::fs::write(dir.join(format!("raw/{file}.jsonl")), rows.collect::<String>()).unwrap();
    }
    std::fs::write(dir.join("p.toml"), RECIPE).unwrap();
}

/// The files of a finished run, by name and hash: all but those of its submission, and those that name folders.
pub fn outcome(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    add(folder, "", &mut found);
    found.retain(|name, _| {
        !name.starts_with("slurm/") && !["parts.json", "report.html", ".lock"].contains(&name.as_str())
    });
    assert!(found.contains_key("data.json"), "the run is not finished: {:?}", found.keys());
    assert!(!found.keys().any(|name| name.starts_with("work/") || name.contains(".writing")), "{:?}", found.keys());
    found
}

fn add(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_string_lossy());
        match path.is_dir() {
            true => add(&path, &format!("{name}/"), found),
            false => drop(found.insert(name, sha256_hex(&std::fs::read(&path).unwrap()))),
        }
    }
}
