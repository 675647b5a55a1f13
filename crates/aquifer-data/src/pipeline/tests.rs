use super::*;
use crate::dedup::Keep;
use aquifer_corpus::{Document, Message, ReadOptions, collect_documents, read_documents, write_documents};
use aquifer_record::{Silent, Stop};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod shards;

pub(super) const RECIPE: &str = "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"exact\"\n[[stage]]\nrule = \"noise\"\nname = \"again\"\nletters = { at_least = 0.6 }\n";

/// Three files of documents, some of them noise, some copies across files.
pub(super) fn corpus(dir: &Path) -> PathBuf {
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
    std::fs::write(input.join("picture.png"), "no text").unwrap();
    input
}

/// Every file of a finished run, by name.
pub(super) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
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

pub(super) fn pipeline(input: &Path, out: &Path) -> Pipeline {
    Pipeline::open(Recipe::parse(RECIPE, "test").unwrap(), &[input.to_path_buf()], out).unwrap()
}

pub(super) fn options(threads: usize, share: &str) -> RunOptions {
    RunOptions { threads, share: share.parse().unwrap(), memory: 1 << 12, step: None }
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
    assert_eq!(report.skipped_total, 4);
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

fn finished(dir: &Path) -> (Pipeline, PathBuf) {
    let (input, out) = (corpus(dir), dir.join("out"));
    pipeline(&input, &out).run(&options(2, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    (Pipeline::reopen(&out).unwrap(), out)
}

#[test]
fn a_cut_keeps_what_its_condition_says_and_one_of_each_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (run, _) = finished(dir.path());
    let cut = Cut::of(&run);
    let file = dir.path().join("cut.jsonl.gz");
    let ids = |condition: &str, keep| {
        let condition = Condition::parse(condition, cut.schema()).unwrap();
        let outcome = cut.run(&condition, keep, Some(CutTo::File(&file)), &Silent, &Stop::new()).unwrap().unwrap();
        let found = collect_documents(read_documents(&file, &ReadOptions::default()).unwrap(), &Silent, &Stop::new());
        let found: Vec<String> = found.unwrap().documents.into_iter().map(|d| d.id).collect();
        assert_eq!(found.len() as u64, outcome.kept.documents);
        (outcome, found)
    };
    // The recipe's own bounds give the run's own outcome.
    let (outcome, same) = ids("noise.letters >= 0.5 and again.letters >= 0.6", Some(Keep::Earliest));
    let kept = read_documents(&dir.path().join("out/documents"), &ReadOptions::default()).unwrap();
    let kept: Vec<String> = kept.map(|d| d.unwrap().id).collect();
    assert_eq!((outcome.documents, outcome.rescued), (1200, 0));
    assert_eq!(same, kept);
    // A wider bound behind the barrier brings back what fell there; what fell before it is measured again.
    let (outcome, wide) = ids("again.letters >= 0.5", Some(Keep::Earliest));
    assert_eq!((outcome.rescued, wide.len()), (57, kept.len() + 57));
    assert_eq!(outcome.measured, 3 * 58 + 2 * 57 * 2);
    assert!(wide.contains(&"0.jsonl#3".to_owned()) && !wide.contains(&"1.jsonl#3".to_owned()));
    // Without a bound everything stays that is not a copy, and those that were never compared.
    let (outcome, all) = ids("true", Some(Keep::Earliest));
    assert_eq!(all.len(), 1200 - 2 * 57 * 2);
    assert_eq!(outcome.not_compared, [("exact".to_owned(), 3 * 58)]);
    assert_eq!(ids("true", None).1.len(), 1200);
    assert!(all.is_sorted_by_key(|id| (id[..1].to_owned(), id[8..].parse::<u32>().unwrap())));
}

#[test]
fn a_document_is_explained_from_its_file_on() {
    let dir = tempfile::tempdir().unwrap();
    let (run, _) = finished(dir.path());
    let explain = |id: &str| run.explain(id, &Stop::new()).unwrap();
    assert_eq!(explain("nobody"), None);
    let noise = explain("1.jsonl#1").unwrap();
    assert_eq!((noise.dropped_by.as_deref(), noise.file.as_str()), (Some("noise"), "1.jsonl"));
    assert!(!noise.stages[0].columns[0].holds && noise.stages.len() == 2);
    let copy = explain("2.jsonl#2").unwrap();
    assert_eq!(copy.dropped_by.as_deref(), Some("exact"));
    assert_eq!(copy.stages[1].columns[1].value, Some(crate::rules::Value::Number(3.0)));
    assert_eq!(explain("2.jsonl#4").unwrap().dropped_by, None);
}

#[test]
fn documents_of_one_id_are_told_apart_by_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    std::fs::create_dir(&input).unwrap();
    for (name, texts) in [("a.jsonl", ["Rain.", "Snow."]), ("b.jsonl", ["Hail.", "Sleet."])] {
        write_documents(&input.join(name), texts.map(|text| Document::new("same", text))).unwrap();
    }
    let pipeline = pipeline(&input, &dir.path().join("out"));
    pipeline.run(&options(1, "0/1"), &Silent, &Stop::new()).unwrap().unwrap();
    let explain = |id: &str| pipeline.explain(id, &Stop::new()).unwrap().map(|told| (told.file, told.of_this_id));
    assert_eq!(explain("same"), Some(("a.jsonl".to_owned(), 4)));
    assert_eq!(explain("b.jsonl#2"), Some(("b.jsonl".to_owned(), 1)));
    assert_eq!([explain("b.jsonl#3"), explain("b.jsonl#0"), explain("c.jsonl#1")], [None, None, None]);
}

#[test]
fn near_copies_go_whatever_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    let mut text = String::new();
    for i in 0..200_u32 {
        // Of letters only: digits are made equal before words are compared.
        let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
        let word = |n: u32| format!("w{}{}{}", letter(n), letter(n / 26), letter(n / 676));
        let words: Vec<String> = (0..60).map(|w| word(i / 4 * 1000 + w * 7)).collect();
        let mut words = words.join(" ");
        if i % 4 == 3 {
            words += " and an end that is longer";
        }
        text += &(serde_json::json!({ "text": words, "url": format!("http://a.org/{i}") }).to_string() + "\n");
    }
    std::fs::write(&input, text).unwrap();
    let run = |keep: &str, memory: u64, out: &str| {
        let recipe = format!("[[stage]]\ndedup = \"url\"\n[[stage]]\ndedup = \"minhash\"\nkeep = \"{keep}\"\n");
        let recipe = Recipe::parse(&recipe, "test").unwrap();
        let out = dir.path().join(out);
        let pipeline = Pipeline::open(recipe, std::slice::from_ref(&input), &out).unwrap();
        let options = RunOptions { memory, ..options(2, "0/1") };
        pipeline.run(&options, &Silent, &Stop::new()).unwrap().unwrap();
        let kept = read_documents(&out.join("documents"), &ReadOptions::default()).unwrap();
        let ids: Vec<String> = kept.map(|d| d.unwrap().id).collect();
        (ids, files(&out))
    };
    let (little, files_of_little) = run("earliest", 1 << 10, "little");
    let (much, files_of_much) = run("earliest", 1 << 30, "much");
    assert_eq!(files_of_little, files_of_much);
    assert_eq!((little.len(), &little[..2]), (50, &["in.jsonl#1".to_owned(), "in.jsonl#5".to_owned()][..]));
    assert_eq!(much.len(), 50);
    let (longest, _) = run("longest", 1 << 30, "longest");
    assert_eq!(&longest[..2], ["in.jsonl#4", "in.jsonl#8"]);
}

#[test]
fn what_stands_elsewhere_is_cut_out_whatever_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let line = "This line stands in all of the documents there are here, word for word.";
    let said = [Message::new("user", line), Message::new("assistant", "Yes.")];
    let documents = [
        Document::new("a", format!("{line}\nFirst.")),
        Document::new("b", format!("Second.\n{line}")),
        Document::new("c", line),
        Document::dialogue("d", &said),
    ];
    let inputs = [&documents[..2], &documents[2..]].map(|documents| {
        let path = dir.path().join(format!("{}.jsonl", documents[0].id));
        write_documents(&path, documents).unwrap();
        path
    });
    let run = |stage: &str, memory: u64| {
        let out = dir.path().join(format!("{}-{memory}", stage.len()));
        let recipe = Recipe::parse(&format!("[[stage]]\n{stage}\n"), "test").unwrap();
        let pipeline = Pipeline::open(recipe, &inputs, &out).unwrap();
        let options = RunOptions { memory, ..options(2, "0/1") };
        pipeline.run(&options, &Silent, &Stop::new()).unwrap().unwrap();
        let kept: Vec<Document> =
            read_documents(&out.join("documents"), &ReadOptions::default()).unwrap().map(Result::unwrap).collect();
        (kept, files(&out), pipeline)
    };
    for stage in ["dedup = \"lines\"", "dedup = \"substrings\"\nlength = 70"] {
        let (kept, of_little, pipeline) = run(stage, 16);
        assert_eq!(of_little, run(stage, 1 << 20).1);
        assert_eq!(kept.iter().map(|d| d.id.as_str()).collect::<String>(), "abd", "{stage}");
        assert_eq!((&kept[0], kept[1].text.trim_end(), &kept[2]), (&documents[0], "Second.", &documents[3]));
        let told = pipeline.explain("b", &Stop::new()).unwrap().unwrap();
        let step = &told.stages[0];
        assert!(step.edited.unwrap().1 <= 8 && step.columns[1].value.is_some(), "{step:?}");
        assert!(pipeline.explain("c", &Stop::new()).unwrap().unwrap().dropped_by.is_some());
    }
    // `b` and `d` share two of their three runs of 13 words, `c` has no other.
    let stage = "dedup = \"bloom\"\nbytes = 4096\nn_grams = 13";
    let ids = |kept: Vec<Document>| kept.into_iter().map(|d| d.id).collect::<String>();
    assert_eq!(ids(run(stage, 4096).0), "abd");
    assert_eq!(ids(run(&format!("{stage}\nmet = {{ at_most = 0.3 }}"), 4096).0), "a");
    let recipe = Recipe::parse(&format!("[[stage]]\n{stage}"), "t").unwrap();
    let pipeline = Pipeline::open(recipe, &inputs, &dir.path().join("too large")).unwrap();
    let too_large =
        pipeline.run(&RunOptions { memory: 4095, ..options(1, "0/1") }, &Silent, &Stop::new()).err().unwrap();
    assert!(too_large.to_string().contains("4096 bytes"), "{too_large}");
    let refused = |stage: &str| Recipe::parse(&format!("[[stage]]\n{stage}"), "t").unwrap_err().to_string();
    assert!(refused("dedup = \"bloom\"\nbytes = 0").contains("at least 1"));
    assert!(refused("dedup = \"lines\"\nkeep = \"longest\"").contains("keep"));
    assert!(refused("dedup = \"near\"\nthreshold = 2").contains("threshold"));
    assert!(refused("dedup = \"exact\"\nkeep = \"best\"").contains("score"));
    assert!(refused("dedup = \"line\"").contains("there are exact"));
}
