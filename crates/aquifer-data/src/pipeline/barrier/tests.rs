use super::super::{Pipeline, Recipe, RunOptions};
use aquifer_corpus::{ReadOptions, read_documents};
use aquifer_record::{Silent, Stop};
use std::path::{Path, PathBuf};

/// Two dumps of pages: copies within each and across, near copies, the same addresses.
fn dumps(dir: &Path) -> [PathBuf; 2] {
    // Of letters only: digits are made equal before words are compared.
    let word = |n: u32| -> String { (0..4).map(|k| char::from(b'a' + (n >> (4 * k) & 15) as u8)).collect() };
    [0, 1].map(|dump| {
        let path = dir.join(format!("{dump}.jsonl"));
        let line = |i: u32| {
            let (subject, kind) = (i % 60 + 20 * dump, i / 60);
            let mut text: Vec<String> = (0..60).map(|w| word(subject * 97 + w * 7)).collect();
            match kind {
                0 => {}
                1 => text.push(word(60_000 + i)),
                _ => text.iter_mut().for_each(|w| *w += &word(i + 200 * dump)),
            }
            let url = format!("http://a.org/{}", i % 90 + 30 * dump);
            let id = format!("{dump}-{i}");
            serde_json::json!({ "id": id, "text": text.join(" "), "url": url }).to_string() + "\n"
        };
        std::fs::write(&path, (0..180).map(line).collect::<String>()).unwrap();
        path
    })
}

fn open(stage: &str, inputs: &[PathBuf], out: &Path) -> Pipeline {
    let recipe = Recipe::parse(&format!("[[stage]]\n{stage}\n"), "test").unwrap();
    Pipeline::open(recipe, inputs, out).unwrap()
}

/// The ids that stay.
fn run(stage: &str, inputs: &[PathBuf], out: &Path, memory: u64) -> Vec<String> {
    let options = RunOptions { threads: 2, memory, ..RunOptions::default() };
    open(stage, inputs, out).run(&options, &Silent, &Stop::new()).unwrap().unwrap();
    let kept = read_documents(&out.join("documents"), &ReadOptions::default()).unwrap();
    kept.map(|document| document.unwrap().id).collect()
}

#[test]
fn a_dump_after_another_is_what_both_at_once_are() {
    let dir = tempfile::tempdir().unwrap();
    let dumps = dumps(dir.path());
    for stage in ["exact", "url", "minhash", "bloom"] {
        let at = |name: &str| dir.path().join(format!("{stage}-{name}"));
        // A filter is held as it is; everything else goes to the disk.
        let (more, least) = if stage == "bloom" { ("\nbytes = 65536\nn_grams = 5", 1 << 16) } else { ("", 16) };
        let stage = format!("dedup = \"{stage}\"{more}");
        let both = run(&stage, &dumps, &at("both"), 1 << 20);
        let saved = format!("{stage}\nsave_index = true");
        let first = run(&saved, &dumps[..1], &at("first"), 1 << 20);
        // By the folder of the run; its index is the same, however little memory there was.
        let later = format!("{saved}\nindex = {:?}", at("first"));
        let second = run(&later, &dumps[1..], &at("second"), 1 << 20);
        let little = run(&later, &dumps[1..], &at("little"), least);
        let of = |dump: &str| both.iter().filter(|id| id.starts_with(dump)).cloned().collect::<Vec<_>>();
        assert_eq!((&second, &second), (&of("1"), &little), "{stage}");
        assert!(!second.is_empty() && second.len() < 180 && !first.is_empty(), "{stage}: {}", second.len());
        // Of the first dump everything stays that it keeps by itself: what only a later dump joins was given out.
        assert!(of("0").iter().all(|id| first.contains(id)));
        if !stage.contains("minhash") {
            assert_eq!(first, of("0"));
        }
        let index = |name: &str| {
            let folder = std::fs::read_dir(at(name).join("index")).unwrap();
            folder.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(index("second"), index("little"));
        // The second run's index holds the first one's too: nothing of either is new any more.
        let file = std::fs::read_dir(at("second").join("index")).unwrap().next().unwrap().unwrap().path();
        let again = format!("{stage}\nindex = [{file:?}]");
        assert_eq!(run(&again, &dumps, &at("again"), 1 << 20), Vec::<String>::new(), "{again}");
    }
}

#[test]
fn an_index_of_other_keys_ends_the_run_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let dumps = dumps(dir.path());
    let first = dir.path().join("first");
    run("dedup = \"minhash\"\nsave_index = true", &dumps[..1], &first, 1 << 20);
    let refused = |stage: &str, out: &str| {
        let stage = format!("{stage}\nindex = {:?}", first.join("index/minhash.index"));
        let out = dir.path().join(out);
        let error = open(&stage, &dumps[1..], &out).run(&RunOptions::default(), &Silent, &Stop::new());
        assert!(!out.join("done").exists(), "nothing was begun");
        error.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let other = refused("dedup = \"minhash\"\nbuckets = 13", "other");
    assert!(other.contains("\"buckets\":14") && other.contains("\"buckets\":13"), "{other}");
    assert!(refused("dedup = \"exact\"", "exact").contains("cannot be compared"));
    let wrong = |stage: &str| Recipe::parse(&format!("[[stage]]\n{stage}"), "t").unwrap_err().to_string();
    assert!(wrong("dedup = \"near\"\nsave_index = true").contains("exact, url, minhash and bloom"));
    assert!(wrong("dedup = \"exact\"\nsave_index = true\nname = \"a/b\"").contains("letters, digits"));
    assert!(wrong("dedup = \"exact\"\nindex = 3").contains("a path or a list"));
    assert!(wrong("dedup = \"exact\"\nkeep = \"datatrove\"").contains("for `minhash`"));
    assert!(wrong("dedup = \"minhash\"\ntokenizer = \"nowhere.json\"").contains("nowhere.json"));
    assert!(wrong("dedup = \"semantic\"\nthreshold = 0").contains("threshold"));
}

#[test]
fn cuts_and_explanations_know_what_an_earlier_run_met() {
    let dir = tempfile::tempdir().unwrap();
    let dumps = dumps(dir.path());
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    run("dedup = \"exact\"\nsave_index = true", &dumps[..1], &first, 1 << 20);
    let kept = run(&format!("dedup = \"exact\"\nindex = {first:?}"), &dumps[1..], &second, 1 << 20);
    let pipeline = Pipeline::reopen(&second).unwrap();
    // Dump 1 begins with a subject that dump 0 has, too.
    let told = pipeline.explain("1-0", &Stop::new()).unwrap().unwrap();
    assert_eq!(told.stages[0].columns[3].value, Some(crate::rules::Value::Number(1.0)));
    assert!(!told.stages[0].columns[3].holds);
    let cut = super::super::Cut::of(&pipeline);
    let all = super::super::Condition::parse("true", cut.schema()).unwrap();
    let outcome = cut.run(&all, Some(crate::dedup::Keep::Earliest), None, &Silent, &Stop::new()).unwrap().unwrap();
    assert_eq!(outcome.kept.documents, kept.len() as u64);
    let stay = |_: &str, pair: super::super::Duplicate| {
        assert!(kept.contains(&pair.of));
        Ok::<_, super::PipelineError>(())
    };
    pipeline.duplicates(stay).unwrap();
}

#[test]
fn datatroves_choice_and_meaning_are_barriers_like_others() {
    let dir = tempfile::tempdir().unwrap();
    let dumps = dumps(dir.path());
    let earliest = run("dedup = \"minhash\"", &dumps, &dir.path().join("earliest"), 1 << 20);
    let datatrove = run("dedup = \"minhash\"\nkeep = \"datatrove\"", &dumps, &dir.path().join("datatrove"), 1 << 20);
    assert_eq!(earliest.len(), datatrove.len());
    let semantic = "dedup = \"semantic\"\nkeep = \"longest\"\nwidth = 16";
    let little = run(semantic, &dumps, &dir.path().join("little"), 16);
    assert_eq!(run(semantic, &dumps, &dir.path().join("much"), 1 << 24), little);
    assert!(little.len() < 300, "{}", little.len());
    let pipeline = Pipeline::reopen(&dir.path().join("much")).unwrap();
    let mut pairs = 0;
    let counted = pipeline.duplicates(|_, pair| {
        pairs += 1;
        assert!(pair.similarity.is_some());
        Ok::<_, super::PipelineError>(())
    });
    counted.unwrap();
    assert_eq!(pairs + little.len(), 360);
}
