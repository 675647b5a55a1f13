//! A recipe from text to model, cut off and done again.

#![allow(clippy::unwrap_used)]

use aquifer_optim::{Outcome, Watch};
use aquifer_record::manifest::Status;
use aquifer_record::{FileError, MetricLine, RunFolder, Silent, Stop};
use aquifer_train::{Job, Places, Recipe, RunError, Trained, recipe_of, run_recipe};
use std::path::Path;

const RECIPE: &str = r#"
data = "text.txt"
tokenizer = "char"
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
steps = 10
peak_lr = 1e-2
[run]
eval_every = 3
checkpoint_every = 4
sample_every = 5
export = "best"
"#;

fn recipe() -> Recipe {
    Recipe::parse(RECIPE, Path::new("tiny.toml"), &[]).unwrap()
}

fn workplace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..300).map(|i| format!("line {} follows line {}.\n", i, i * 7 % 100)).collect();
    std::fs::write(dir.path().join("text.txt"), text).unwrap();
    dir
}

fn go(dir: &Path, name: &str, recipe: &Recipe, resume: bool, stop_after: Option<u64>) -> Result<Trained, RunError> {
    let runs = dir.join("runs");
    let run = match resume {
        true => RunFolder::open(&runs, name).unwrap(),
        false => RunFolder::create(&runs, name).unwrap(),
    };
    let places = Places { recipe_folder: dir.to_path_buf(), data_folders: Vec::new() };
    let job = Job {
        recipe,
        reasons: &[("model.width".to_owned(), "so that the test is quick".to_owned())],
        places: &places,
        run: &run,
        resume,
        memory_limit: 1 << 30,
        around: None,
        cpu: "a test's",
        command: &[],
    };
    let stop = Stop::new();
    run_recipe(&job, &mut StopAfter(stop_after, stop.clone()), &Silent, &stop)
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

#[test]
fn a_run_leaves_everything_and_can_be_done_again() {
    let dir = workplace();
    let first = go(dir.path(), "first", &recipe(), false, None).unwrap();
    let Outcome::Finished(Some(loss)) = first.outcome else { panic!("{:?}", first.outcome) };
    assert!(loss.mean().is_finite() && loss.bits_per_byte().is_some());
    let run = RunFolder::open(&dir.path().join("runs"), "first").unwrap();
    for file in ["recipe.toml", "forecast.json", "metrics.jsonl", "manifest.json", "model/config.json"] {
        assert!(run.join(file).is_file(), "{file}");
    }
    for file in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        assert!(run.model().join(file).is_file(), "{file}");
    }
    let text = std::fs::read_to_string(run.join("recipe.toml")).unwrap();
    assert!(text.contains("# Why: so that the test is quick") && text.contains("warmup_steps = 0"), "{text}");
    let manifest = run.manifest().unwrap();
    assert_eq!((manifest.status, manifest.seed), (Status::Finished, 1));
    assert!(
        ["recipe", "data", "heldout", "tokenizer", "weights"].iter().all(|what| manifest.hashes.contains_key(*what))
    );
    assert!(run.forecast().unwrap().outcome.is_some());
    let lines = run.metrics().unwrap();
    assert_eq!(lines.iter().filter(|line| line.loss.is_some()).count(), 10);
    assert_eq!(lines.iter().filter(|line| line.eval_loss.is_some()).count(), 4);

    // Again from the run folder alone, in other pieces.
    std::fs::remove_file(dir.path().join("text.txt")).unwrap();
    let mut again = recipe_of(&run).unwrap();
    again.batch.micro = Some(3);
    let second = go(dir.path(), "second", &again, false, None).unwrap();
    assert_eq!(second.manifest.hashes, manifest.hashes);
}

#[test]
fn a_stopped_run_goes_on_to_the_same_weights() {
    let dir = workplace();
    let whole = go(dir.path(), "whole", &recipe(), false, None).unwrap();
    for at in [1, 4, 9, 10] {
        let name = format!("stopped-{at}");
        let stopped = go(dir.path(), &name, &recipe(), false, Some(at)).unwrap();
        assert_eq!(stopped.outcome, Outcome::Stopped(at));
        assert_eq!(stopped.manifest.status, Status::Stopped);
        let run = RunFolder::open(&dir.path().join("runs"), &name).unwrap();
        let own = Recipe::load(&run.join("recipe.toml"), &[]).unwrap();
        let resumed = go(dir.path(), &name, &own, true, None).unwrap();
        assert_eq!(resumed.manifest.hashes, whole.manifest.hashes, "stopped after {at}");
        let steps: Vec<u64> = run.metrics().unwrap().iter().filter(|l| l.loss.is_some()).map(|l| l.step).collect();
        assert_eq!(steps, (1..=10).collect::<Vec<_>>());
    }
}

#[test]
fn training_goes_on_from_a_model() {
    let dir = workplace();
    go(dir.path(), "first", &recipe(), false, None).unwrap();
    let mut further = recipe();
    further.init_from = Some(dir.path().join("runs/first/model"));
    let second = go(dir.path(), "second", &further, false, None).unwrap();
    let lines = RunFolder::open(&dir.path().join("runs"), "second").unwrap().metrics().unwrap();
    assert!(lines[0].loss.unwrap() < 5.0, "a model that was trained begins below a new one: {:?}", lines[0].loss);
    assert!(matches!(second.outcome, Outcome::Finished(_)));
}

#[test]
fn what_cannot_be_done_is_told_and_recorded() {
    let dir = workplace();
    let mut missing = recipe();
    missing.data = "nowhere.txt".into();
    let told = go(dir.path(), "missing", &missing, false, None).err().unwrap().to_string();
    assert!(told.contains("nowhere.txt") && told.contains("--set data=PATH"), "{told}");
    let manifest = RunFolder::open(&dir.path().join("runs"), "missing").unwrap().manifest().unwrap();
    assert_eq!(manifest.status, Status::Failed);

    let mut huge = recipe();
    (huge.model.width, huge.model.heads, huge.model.layers) = (8192, 64, 100);
    let told = go(dir.path(), "huge", &huge, false, None).err().unwrap().to_string();
    assert!(told.contains("model.width") && told.contains("GiB"), "{told}");
}

#[test]
fn the_recipes_of_the_workspace_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "toml") {
            let recipe = Recipe::load(&entry.path(), &[]).unwrap();
            assert!(!recipe.about.is_empty() && aquifer_train::resolve(&recipe).is_ok());
            read += 1;
        }
    }
    assert!(read >= 2);
}
