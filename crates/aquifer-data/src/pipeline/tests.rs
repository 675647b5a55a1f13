use super::*;
use aquifer_corpus::{ReadOptions, collect_documents, read_documents};
use aquifer_record::{Silent, Stop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const RECIPE: &str = "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"exact\"\n[[stage]]\nrule = \"noise\"\nname = \"again\"\nletters = { at_least = 0.6 }\n";

/// Three files of documents, some of them noise, some copies across files.
fn corpus(dir: &Path) -> PathBuf {
    let input = dir.join("in");
    std::fs::create_dir(&input).unwrap();
    for file in 0..3 {
        let lines = (0..400).map(|i| {
            let text = match i % 7 {
                0 => format!("%%% &&& {file}{i} ((("),
                1 => format!("A line that every file has, number {i}."),
                2 => format!("Half of 0123{i:03} it, truly."),
                _ => format!("Document {i} of file {file} is about rain and nothing else."),
            };
            serde_json::json!({ "text": text }).to_string() + "\n"
        });
        let text: String = lines.collect();
        std::fs::write(input.join(format!("{file}.jsonl")), text + "{broken\n").unwrap();
    }
    input
}

/// Every file of a finished run, by name.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["documents", "dropped", "columns", "done"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            found.insert(name, std::fs::read(path).unwrap());
        }
    }
    found.insert("data.json".to_owned(), std::fs::read(root.join("data.json")).unwrap());
    found
}

fn pipeline(input: &Path, out: &Path) -> Pipeline {
    Pipeline::open(Recipe::parse(RECIPE, "test").unwrap(), &[input.to_path_buf()], out).unwrap()
}

fn options(threads: usize, share: &str) -> RunOptions {
    RunOptions { threads, share: share.parse().unwrap() }
}

#[test]
fn every_document_stays_or_goes_for_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (corpus(dir.path()), dir.path().join("out"));
    let outcome = pipeline(&input, &out).run(&options(2, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    let report = &outcome.report;
    let names: Vec<&str> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["noise", "exact", "again"]);
    let noise = report.stages[0].reasons["noise.letters"];
    let copies = report.stages[1].reasons["exact.copy"];
    assert_eq!((noise, copies), (3 * 58, 2 * 57 * 2));
    assert_eq!(report.skipped_total, 3);
    let kept = read_documents(&outcome.documents, &ReadOptions::default()).unwrap();
    let kept = collect_documents(kept, &Silent, &Stop::new()).unwrap().documents;
    assert_eq!(kept.len() as u64, report.splits["documents"].documents);
    let dropped: u64 = report.stages.iter().flat_map(|stage| stage.reasons.values()).sum();
    assert_eq!(kept.len() as u64 + dropped, 1200);
    // The copies of the first file stay.
    assert!(kept.iter().any(|d| d.id == "0.jsonl#2") && !kept.iter().any(|d| d.id == "1.jsonl#2"));
    let gone = read_documents(&out.join("dropped"), &ReadOptions::default()).unwrap();
    let gone = collect_documents(gone, &Silent, &Stop::new()).unwrap().documents;
    assert_eq!(gone.len() as u64, dropped);
    assert!(gone.iter().all(|d| d.metadata["dropped"]["column"].is_string()));
    assert!(!out.join("work").exists());
}

#[test]
fn threads_shares_and_interruptions_change_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let input = corpus(dir.path());
    let whole = dir.path().join("whole");
    pipeline(&input, &whole).run(&options(1, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    let threads = dir.path().join("threads");
    pipeline(&input, &threads).run(&options(3, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    assert_eq!(files(&whole), files(&threads));
    // Two shares, turn by turn, each going as far as it can.
    let shared = dir.path().join("shared");
    let mut finished = None;
    for turn in 0..6 {
        let share = if turn % 2 == 0 { "1/2" } else { "0/2" };
        finished = pipeline(&input, &shared).run(&options(1, share), &Silent, &Stop::new()).unwrap();
        if finished.is_some() {
            break;
        }
    }
    assert!(finished.is_some());
    assert_eq!(files(&whole), files(&shared));
    // A part that was lost halfway is done again.
    let torn = dir.path().join("torn");
    let pipe = pipeline(&input, &torn);
    let stopped = Stop::new();
    stopped.request();
    assert!(pipe.run(&options(2, "0/1"), &Silent, &stopped).unwrap().is_none());
    pipe.run(&options(2, "1/3"), &Silent, &Stop::new()).unwrap();
    assert!(pipe.run(&options(2, "0/1"), &Silent, &Stop::new()).unwrap().is_some());
    assert_eq!(files(&whole), files(&torn));
}

#[test]
fn a_folder_of_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (corpus(dir.path()), dir.path().join("out"));
    pipeline(&input, &out);
    let other = Recipe::parse("[[stage]]\nrule = \"noise\"", "test").unwrap();
    let message = Pipeline::open(other, std::slice::from_ref(&input), &out).err().unwrap().to_string();
    assert!(message.contains("another recipe"), "{message}");
    let recipe = Recipe::parse(RECIPE, "test").unwrap();
    let message = Pipeline::open(recipe, &[input.join("0.jsonl")], &out).err().unwrap().to_string();
    assert!(message.contains("other input files"), "{message}");
    assert!("3/3".parse::<Share>().is_err() && "x".parse::<Share>().is_err());
}
