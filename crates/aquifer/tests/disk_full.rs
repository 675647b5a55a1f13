//! A disk that fills: an error that says so, nothing half-written under a final name, earlier outputs as they were,
//! and a run that goes on to the same bits once there is room.
#![allow(clippy::unwrap_used)]

mod common;

use aquifer_corpus::{Document, ShardMeta, ShardWriter, write_documents};
use aquifer_data::pipeline::{Pipeline, Recipe as PipelineRecipe, RunOptions};
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_record::files::fill_disk_after;
use aquifer_record::{RunFolder, Silent, Stop};
use aquifer_text::train_char;
use aquifer_train::{Job, Places, Recipe, RunError, run_recipe};
use common::files;
use std::path::Path;
use std::process::Command;

/// Writes once with room, then again with less and less, into the same folder.
fn each_file_is_old_or_new(what: &str, write: impl Fn(&Path, u64) -> Result<(), String>) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1).unwrap();
    let old = files(dir.path());
    let twin = tempfile::tempdir().unwrap();
    write(twin.path(), 2).unwrap();
    let new = files(twin.path());
    let total: usize = new.values().map(Vec::len).sum();
    for share in [0, 1, 50, 99] {
        fill_disk_after(Some((total * share / 100) as u64));
        let outcome = write(dir.path(), 2);
        fill_disk_after(None);
        let message = outcome.expect_err(what);
        assert!(message.contains("the disk is full"), "{what}, {share} %: {message}");
        assert!(message.contains(&*dir.path().to_string_lossy()), "{what} names no file: {message}");
        for (name, bytes) in files(dir.path()) {
            let whole = old.get(&name) == Some(&bytes) || new.get(&name) == Some(&bytes);
            assert!(whole, "{what}, {share} %: `{name}` is neither the old file nor the new one");
        }
    }
}

fn train(dir: &Path, name: &str, resume: bool) -> Result<String, RunError> {
    let recipe = Recipe::parse(&format!("{}[run]\ncheckpoint_every = 1\n", common::TINY), Path::new("tiny.toml"), &[])?;
    let runs = dir.join("runs");
    let run = if resume { RunFolder::open(&runs, name)? } else { RunFolder::create(&runs, name)? };
    let job = Job {
        recipe: &recipe,
        reasons: &[],
        places: &Places { recipe_folder: dir.to_path_buf(), data_folders: Vec::new() },
        run: &run,
        resume,
        memory_limit: 1 << 30,
        around: None,
        cpu: "a test's",
        command: &[],
    };
    let trained = run_recipe(&job, &mut (), &Silent, &Stop::new())?;
    Ok(trained.manifest.hashes["weights"].clone())
}

/// One test, since the seam's budget belongs to the whole process.
#[test]
fn a_full_disk_is_told_and_spoils_nothing() {
    each_file_is_old_or_new("documents", |dir, version| {
        let document =
            |i: u64| Document { id: format!("{i}"), text: format!("text {}", i * version), ..Document::default() };
        write_documents(&dir.join("out.jsonl"), (0..500).map(document)).map(drop).map_err(|e| e.to_string())
    });
    each_file_is_old_or_new("a vocabulary", |dir, version| {
        let tokenizer = train_char([format!("version {version}")]).map_err(|e| e.to_string())?;
        tokenizer.save(dir).map_err(|e| e.to_string())
    });
    each_file_is_old_or_new("a model", |dir, version| {
        let config = DecoderConfig::small(64, 1, 2, 2, 300);
        Decoder::init(config, version, Precision::F32).unwrap().save(dir).map_err(|e| e.to_string())
    });
    each_file_is_old_or_new("shards", |dir, version| {
        let meta = ShardMeta { vocab_size: 300, tokenizer_sha256: String::new() };
        let mut writer = ShardWriter::create(dir, meta).map_err(|e| e.to_string())?;
        for i in 0..100 {
            writer.push(&format!("{i}"), 9, &[version as u32, i], None).map_err(|e| e.to_string())?;
        }
        writer.finish().map(drop).map_err(|e| e.to_string())
    });
    a_run_goes_on_after_a_full_disk();
    a_pipeline_goes_on_after_a_full_disk();
}

fn a_pipeline_goes_on_after_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    let text = |i: usize| format!("Number {} of them stood at the harbour and saw {} boats.", i % 300, i % 300 * 7);
    write_documents(&input, (0..900).map(|i| Document::new(i.to_string(), text(i)))).unwrap();
    let recipe = "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"exact\"\n[[stage]]\ndedup = \"near\"\n";
    let run = |name: &str| {
        let recipe = PipelineRecipe::parse(recipe, "test").unwrap();
        let pipeline = Pipeline::open(recipe, std::slice::from_ref(&input), &dir.path().join(name))?;
        pipeline.run(&RunOptions::default(), &Silent, &Stop::new())
    };
    run("whole").unwrap().unwrap();
    let expected = files(&dir.path().join("whole"));
    let total: usize = expected.values().map(Vec::len).sum();
    let mut full = 0;
    for share in [1, 5, 20, 50, 80] {
        let name = format!("full-{share}");
        fill_disk_after(Some((total * share / 100) as u64));
        let outcome = run(&name);
        fill_disk_after(None);
        if let Err(error) = outcome {
            assert!(error.to_string().contains("the disk is full"), "{share} %: {error}");
            full += 1;
        }
        run(&name).unwrap().unwrap();
        assert!(files(&dir.path().join(&name)) == expected, "{share} %");
    }
    assert!(full >= 4, "only {full} of 5 runs met the full disk");
}

fn a_run_goes_on_after_a_full_disk() {
    let s = common::Scratch::with_recipe();
    let dir = s.path(".");
    let expected = train(&dir, "whole", false).unwrap();
    let whole = files(&s.path("runs/whole"));
    let total: usize = whole.values().map(Vec::len).sum();
    // Checkpoints that are gone by the end were written too, so that even the whole size is not enough.
    let mut full = 0;
    for share in [2, 10, 30, 60, 90] {
        let name = format!("full-{share}");
        fill_disk_after(Some((total * share / 100) as u64));
        let outcome = train(&dir, &name, false);
        fill_disk_after(None);
        if let Err(error) = outcome {
            let told = error.to_string();
            assert!(told.contains("the disk is full"), "{share} %: {told}");
            full += 1;
        }
        if s.path(&format!("runs/{name}/recipe.toml")).exists() {
            assert_eq!(train(&dir, &name, true).unwrap(), expected, "{share} %");
        }
    }
    assert!(full >= 4, "only {full} of 5 runs met the full disk");
    assert_eq!(files(&s.path("runs/whole")), whole, "another run was touched");
}

/// The same through the real binary on a real full disk, where a small one can be mounted.
#[test]
fn a_small_tmpfs_fills() {
    let s = common::Scratch::new();
    let line = "{\"text\":\"The tide comes in, and the tide goes out again, and nobody counts.\"}\n";
    s.write("small.jsonl", line.repeat(20));
    s.write("large.jsonl", (0..20_000).map(|i| line.replace("tide", &format!("tide {i}"))).collect::<String>());
    std::fs::create_dir(s.path("disk")).unwrap();
    // The mount lives and dies with the namespace of this one shell.
    let script = r#"mount -t tmpfs -o size=400k tmpfs disk 2>/dev/null || exit 77
        "$0" data clean small.jsonl --out disk/kept.jsonl || exit 1
        before=$(cksum < disk/kept.jsonl)
        "$0" data clean large.jsonl --out disk/large.jsonl && exit 2
        "$0" data clean large.jsonl --out disk/kept.jsonl --force && exit 3
        "$0" quickstart --fast --runs disk/runs && exit 4
        test "$before" = "$(cksum < disk/kept.jsonl)" || exit 5
        ls -A disk
        exit 0"#;
    let binary = env!("CARGO_BIN_EXE_aquifer");
    for flags in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let shell =
            Command::new("unshare").args(flags).args(["sh", "-c", script, binary]).current_dir(s.path(".")).output();
        let Ok(output) = shell else { continue };
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.code() == Some(77) || err.contains("unshare") {
            continue;
        }
        assert!(output.status.success(), "{}: {out}{err}", output.status);
        assert_eq!(
            out.lines().collect::<Vec<_>>(),
            ["kept.jsonl", "kept.jsonl.run", "large.jsonl.run", "runs"],
            "{err}"
        );
        assert_eq!(err.matches("the disk is full").count(), 3, "{err}");
        assert!(err.contains("disk/large.jsonl") && !err.contains("panicked"), "{err}");
        return;
    }
    eprintln!("skipped: no small tmpfs can be mounted here");
}
