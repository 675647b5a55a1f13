//! A recipe that reads several token shards in turn, ours and other programs'.

#![allow(clippy::unwrap_used)]

use aquifer_corpus::{Document, Message, ShardFormat};
use aquifer_optim::{Outcome, Watch};
use aquifer_record::manifest::Manifest;
use aquifer_record::{FileError, MetricLine, RunFolder, Silent, Stop};
use aquifer_tensor::threads;
use aquifer_text::{LossOn, Marks, ShardOptions, Tokenizer, train_char, write_shards};
use aquifer_train::{Job, Places, Recipe, run_recipe};
use std::path::Path;

const RECIPE: &str = r#"
val_fraction = 0.2
precision = "f32"
[model]
layers = 1
width = 32
heads = 2
min_shard = 32
[batch]
sequence = 24
grains = 4
lanes = 2
[schedule]
steps = 12
peak_lr = 1e-2
[run]
checkpoint_every = 4
"#;

/// `data = …` or a mixture of these sources.
fn recipe(data: &str, sources: &[(&str, f64)]) -> Recipe {
    let mut recipe = Recipe::parse(RECIPE, Path::new("tiny.toml"), &[]).unwrap();
    recipe.data = data.to_owned();
    if !sources.is_empty() {
        recipe.mixture.sources = Some(sources.iter().map(|(name, _)| (*name).to_owned()).collect());
        recipe.mixture.weights = Some(sources.iter().map(|(_, weight)| *weight).collect());
    }
    recipe
}

/// Three sources of one tokenizer: lines, dialogues with a mask, and datatrove's layout; and the last in Megatron's.
fn workplace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let line = |i: usize| format!("line {i} follows line {}.", i * 7 % 100);
    let tokenizer = train_char((0..100).map(line).chain(["Why, then? Of course. 字".to_owned()])).unwrap();
    tokenizer.save(&dir.path().join("tokenizer")).unwrap();
    let write = |name: &str, options: &ShardOptions, documents: Vec<Document>| {
        write_shards(&dir.path().join(name), &tokenizer, documents, options, &Stop::new()).unwrap();
    };
    let own = ShardOptions::new(LossOn::Assistant);
    let lines = |n: usize, from: usize| (0..n).map(|i| Document::new(format!("l{i}"), line(from + i) + "字")).collect();
    write("lines", &own, lines(90, 0));
    let turns = [Message::new("user", "Why, then?"), Message::new("assistant", "Of course.")];
    write("talk", &own, (0..20).map(|i| Document::dialogue(format!("t{i}"), &turns)).collect());
    for (name, format) in [("trove", ShardFormat::Datatrove), ("megatron", ShardFormat::Megatron)] {
        let options = ShardOptions { marks: Marks::End, format, ..own.clone() };
        write(name, &options, lines(40, 30));
    }
    dir
}

struct StopAfter(Option<u64>, Stop);

impl Watch for StopAfter {
    fn line(&mut self, line: &MetricLine) -> Result<(), FileError> {
        if self.0.is_some_and(|step| line.step == step) {
            self.1.request();
        }
        Ok(())
    }
}

fn go(dir: &Path, name: &str, recipe: &Recipe, stop_after: Option<u64>) -> Result<Manifest, String> {
    let runs = dir.join("runs");
    let resume = runs.join(name).exists();
    let run = if resume { RunFolder::open(&runs, name) } else { RunFolder::create(&runs, name) }.unwrap();
    let own = resume.then(|| Recipe::load(&run.join("recipe.toml"), &[]).unwrap());
    let job = Job {
        recipe: own.as_ref().unwrap_or(recipe),
        reasons: &[],
        places: &Places { recipe_folder: dir.to_path_buf(), data_folders: Vec::new() },
        run: &run,
        resume,
        memory_limit: 1 << 30,
        around: None,
        cpu: "a test's",
        command: &[],
    };
    let stop = Stop::new();
    let trained = run_recipe(&job, &mut StopAfter(stop_after, stop.clone()), &Silent, &stop);
    let trained = trained.map_err(|error| error.to_string())?;
    assert_eq!(stop_after.is_none(), matches!(trained.outcome, Outcome::Finished(_)));
    Ok(trained.manifest)
}

const THREE: &[(&str, f64)] = &[("lines", 0.5), ("talk", 0.3), ("trove", 0.2)];

#[test]
fn what_was_read_is_in_the_manifest_and_survives_any_interruption() {
    let dir = workplace();
    let whole = go(dir.path(), "whole", &recipe("", THREE), None).unwrap();
    let [lines, talk, trove] = &whole.mixture[..] else { panic!("{:?}", whole.mixture) };
    for (used, name) in whole.mixture.iter().zip(["lines", "talk", "trove"]) {
        assert!(Path::new(&used.name).is_absolute() && used.name.ends_with(name) && used.documents > 0, "{used:?}");
    }
    // Of 48 grains 24, 14 and 10; of a dialogue only the answer and its end are learned.
    assert!(talk.tokens < lines.tokens / 3 && trove.tokens < lines.tokens / 2, "{:?}", whole.mixture);
    assert!(whole.mixture.iter().all(|used| used.epochs > 0.2 && used.epochs < 0.6), "{:?}", whole.mixture);
    let heldout = whole.hashes.get("heldout").unwrap();

    let mut pieces = recipe("", THREE);
    (pieces.batch.micro, pieces.name) = (Some(3), "pieces".to_owned());
    let threaded = threads::with(3, || go(dir.path(), "pieces", &pieces, None).unwrap());
    assert_eq!((&threaded.hashes, &threaded.mixture), (&whole.hashes, &whole.mixture));
    for at in [1, 5, 11] {
        let name = format!("stopped-{at}");
        let stopped = go(dir.path(), &name, &recipe("", THREE), Some(at)).unwrap();
        assert!(stopped.mixture.iter().zip(&whole.mixture).all(|(part, all)| part.tokens <= all.tokens));
        let resumed = go(dir.path(), &name, &recipe("", THREE), None).unwrap();
        assert_eq!((&resumed.hashes, &resumed.mixture), (&whole.hashes, &whole.mixture), "stopped after {at}");
    }

    let other = go(dir.path(), "other", &recipe("", &[THREE[0], THREE[1], ("trove", 0.3)]), None).unwrap();
    assert_ne!(other.hashes["data"], whole.hashes["data"]);
    assert_eq!((&other.hashes["recipe"], &other.hashes["heldout"]), (&whole.hashes["recipe"], heldout));
}

#[test]
fn a_mixture_of_one_is_that_one() {
    let dir = workplace();
    let alone = go(dir.path(), "alone", &recipe("lines", &[]), None).unwrap();
    let mixed = go(dir.path(), "mixed", &recipe("", &[("lines", 0.4)]), None).unwrap();
    assert_eq!(alone.hashes, mixed.hashes);
    assert_eq!((alone.mixture[0].tokens, alone.mixture[0].name.as_str()), (mixed.mixture[0].tokens, "data"));
}

#[test]
fn temperature_becomes_weights_that_the_run_writes_down() {
    let dir = workplace();
    let mut flat = recipe("", THREE);
    (flat.mixture.weights, flat.mixture.temperature) = (None, Some(1000.0));
    go(dir.path(), "flat", &flat, None).unwrap();
    let own = Recipe::load(&dir.path().join("runs/flat/recipe.toml"), &[]).unwrap();
    let weights = own.mixture.weights.clone().unwrap();
    let total: f64 = weights.iter().sum();
    assert!(weights.iter().all(|weight| (weight / total - 1.0 / 3.0).abs() < 1e-3), "{weights:?}");
    let again = go(dir.path(), "again", &own, None).unwrap();
    let first = RunFolder::open(&dir.path().join("runs"), "flat").unwrap().manifest().unwrap();
    assert_eq!((again.hashes, again.mixture), (first.hashes, first.mixture));
}

#[test]
fn other_layouts_are_trained_on_as_they_are() {
    let dir = workplace();
    let weights = |data: &str| {
        go(dir.path(), &data.replace('/', "-"), &recipe(data, &[]), None).unwrap().hashes["weights"].clone()
    };
    let of_folder = weights("trove");
    assert_eq!(weights("trove/00000_unshuffled.ds"), of_folder);
    assert_eq!(weights("megatron/00000_tokens.bin"), of_folder);
    let told = go(dir.path(), "gone", &recipe("trove/00000_unshuffled.ds.index", &[]), None).unwrap_err();
    assert!(told.contains(".index"), "{told}");
}

#[test]
fn sources_that_cannot_be_mixed_are_named() {
    let dir = workplace();
    let mut names = 0..;
    let mut told = |sources: &[(&str, f64)]| {
        let name = format!("refused-{}", names.next().unwrap());
        go(dir.path(), &name, &recipe("", sources), None).unwrap_err()
    };
    std::fs::write(dir.path().join("text.txt"), "text").unwrap();
    small_vocabulary(dir.path());
    let small = go(dir.path(), "small", &recipe("small/trove", &[]), None).unwrap_err();
    assert!(small.contains("vocabulary of at least") && small.contains("small"), "{small}");
    let text = told(&[("lines", 1.0), ("text.txt", 1.0)]);
    assert!(text.contains("text.txt") && text.contains("aquifer data shard"), "{text}");
    assert!(told(&[("lines", 1.0), ("nowhere", 1.0)]).contains("nowhere"));
    assert!(told(&[("lines", 1.0), ("talk", 1e-9)]).contains("source 2"));

    let other = train_char(["another 音"]).unwrap();
    let options = ShardOptions::new(LossOn::All);
    write_shards(&dir.path().join("other"), &other, [Document::new("a", "thing")], &options, &Stop::new()).unwrap();
    let mixed = told(&[("lines", 1.0), ("other", 1.0)]);
    assert!(
        mixed.contains("other`") && mixed.contains("another") | mixed.contains("made with the tokenizer"),
        "{mixed}"
    );
}

/// Shards of another program beside a tokenizer that is too small for them.
fn small_vocabulary(dir: &Path) {
    std::fs::create_dir_all(dir.join("small/trove")).unwrap();
    for file in ["00000_unshuffled.ds", "00000_unshuffled.ds.index"] {
        std::fs::copy(dir.join("trove").join(file), dir.join("small/trove").join(file)).unwrap();
    }
    let small: Tokenizer = train_char(["ab"]).unwrap();
    small.save(&dir.join("small/tokenizer")).unwrap();
}
