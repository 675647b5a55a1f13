//! The whole way, on the small world and on real text.

use crate::dedup::near::Near;
use crate::dedup::spill::Spill;
use crate::dedup::{Method, near};
use crate::pipeline::RunOptions;
use crate::prepare::{PrepareOptions, Prepared, prepare};
use crate::small_world::{self, Planted, World, WorldSize};
use crate::test_data;
use aquifer_corpus::{Document, ReadOptions, read_documents, write_documents};
use aquifer_record::{Silent, Stop};
use std::path::PathBuf;

fn prepared(path: PathBuf, options: &PrepareOptions) -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    prepare(&[path], &folder.path().join("run"), options, &Silent, &Stop::new()).unwrap().unwrap()
}

fn of_world(world: &World, options: &PrepareOptions) -> Prepared {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world.jsonl.zst");
    write_documents(&path, &world.documents).unwrap();
    prepared(path, options)
}

fn preset(name: &str) -> PrepareOptions {
    PrepareOptions::preset(name).unwrap()
}

#[test]
fn planted_defects_are_caught_and_clean_documents_stay() {
    for seed in 0..3 {
        let world = small_world::generate(&WorldSize::Standard.options(seed));
        let prepared = of_world(&world, &PrepareOptions { held_out: 0.0, ..preset("short") });
        let scores = small_world::score(&world, &prepared.train);
        for score in &scores {
            let share = score.caught as f64 / score.count as f64;
            let fine = match score.planted {
                Planted::Clean => share <= 0.01 && score.changed == 0,
                Planted::ExactDuplicate => share >= 0.95,
                _ => share >= 0.9,
            };
            assert!(fine, "seed {seed}: {score:?}");
        }
        let check = small_world::check(&world, &prepared.train);
        assert!(check.passed && check.worst_option_ratio < 1.2, "{check:?}");
        eprintln!("seed {seed}: {scores:?}\n{check:?}");
        assert!(crate::world_report::checks(&check).iter().all(|claim| claim.holds));
        assert_eq!(crate::world_report::planted(&scores).last().unwrap().kind, "clean documents lost");
    }
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let world = small_world::generate(&WorldSize::Fast.options(0));
    let run = |threads| {
        let run = RunOptions { threads, ..RunOptions::default() };
        of_world(&world, &PrepareOptions { run, ..preset("plain") })
    };
    let (one, three) = (run(1), run(3));
    assert_eq!((&one.train, &one.held_out, &one.report), (&three.train, &three.held_out, &three.report));
    assert_eq!(aquifer_tensor::threads::with(3, || run(2)).train, one.train);
}

#[test]
fn editions_of_one_book_are_near_duplicates() {
    let Some(path) = test_data("web_raw/book_editions_neardup.jsonl.zst") else { return };
    let documents: Vec<Document> = read_documents(&path, &ReadOptions::default()).unwrap().flatten().collect();
    let works: Vec<String> = documents.iter().map(|d| d.metadata["work"].to_string()).collect();
    let first = Method::Near(Near::default()).clusters(&documents, Spill::to_temporary(1 << 20)).unwrap().of;
    for (i, &of) in first.iter().enumerate() {
        eprintln!(
            "{} {}: like {of}, {:.3}",
            works[i],
            documents[i].metadata["edition"],
            near::similarity(&documents[i].text, &documents[of as usize].text)
        );
    }
    for i in 0..documents.len() {
        assert_eq!(works[i], works[first[i] as usize], "{first:?}");
    }
    let mut kept: Vec<u32> = first.clone();
    kept.sort_unstable();
    kept.dedup();
    assert_eq!(kept.len(), 2, "two books: {first:?}");
}

#[test]
fn real_text_is_read_and_prepared_with_no_other_flag() {
    for name in ["tinyshakespeare.txt", "books_en.jsonl.zst", "zh_novel_xiyouji.txt.gz", "code_rust.jsonl.zst"] {
        let Some(path) = test_data(&format!("lm_text/{name}")) else { return };
        let start = std::time::Instant::now();
        let prepared = prepared(path, &preset("plain"));
        let (train, held) = (&prepared.report.splits["train"], &prepared.report.splits["heldout"]);
        let raw = prepared.report.stages[0].input;
        eprintln!(
            "{name}: {} bytes, prepared {:.2} s; {train:?} {held:?} {:?}",
            raw.bytes,
            start.elapsed().as_secs_f64(),
            prepared.report.languages
        );
        for stage in &prepared.report.stages {
            eprintln!("  {} {} → {} {:?}", stage.name, stage.input.documents, stage.output.documents, stage.reasons);
        }
        let share = held.bytes as f64 / (held.bytes + train.bytes) as f64;
        assert!((0.03..0.08).contains(&share), "{name}: {share}");
        assert!(train.bytes + held.bytes > raw.bytes * 7 / 10, "{name}");
        assert_eq!(prepared.report.skipped_total, 0);
    }
}
