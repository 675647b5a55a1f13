//! A run killed by SIGKILL at any instant, checkpoint writes included, and resumed, ends with the bits of one that was
//! never killed.
#![allow(clippy::unwrap_used)]

mod common;

use aquifer_tensor::random::Stream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Kills that met a running process, in all and at most in one run.
const KILLS: u64 = 20;
const KILLS_OF_A_RUN: u64 = 4;

/// Every step writes a checkpoint, so that about half of the instants fall into one.
const RECIPE: &str = r#"
data = "text.txt"
tokenizer = "char"
val_fraction = 0.1
precision = "f32"
[model]
layers = 2
width = 64
heads = 2
min_shard = 64
[batch]
sequence = 32
grains = 8
micro = 4
[schedule]
steps = 24
peak_lr = 5e-3
[run]
eval_every = 6
eval_grains = 4
checkpoint_every = 1
keep = 2
keep_best = true
"#;

fn train(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command.current_dir(dir).args(["train", "--quiet", "--threads", "2"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Begins the run, or goes on with it where it had come far enough to.
fn begin_or_go_on(dir: &Path, name: &str) -> Child {
    let run = dir.join("runs").join(name);
    if run.join("recipe.toml").exists() {
        return train(dir, &["--resume", &format!("runs/{name}")]).spawn().unwrap();
    }
    if run.exists() {
        std::fs::remove_dir_all(&run).unwrap();
    }
    train(dir, &["recipe.toml", "--name", name]).spawn().unwrap()
}

fn weights(dir: &Path, name: &str) -> String {
    let path = dir.join("runs").join(name).join("manifest.json");
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(manifest["status"], "finished");
    manifest["hashes"]["weights"].as_str().unwrap().to_owned()
}

fn finish(dir: &Path, name: &str) {
    let output = begin_or_go_on(dir, name).wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Kills runs, begun or gone on with by `begin`, until twenty kills met a running process; each run is then finished, and
/// `check`ed under its name. `whole` is what one takes that is left alone.
fn kill_twenty(whole: Duration, begin: impl Fn(&str) -> Child, check: impl Fn(&str)) {
    let instants = Stream::new(7, "kill", "");
    let mut killed = 0;
    let mut run = 0;
    // A run that ends before its kill counts for nothing; how many do depends on the machine's mood.
    while killed < KILLS {
        run += 1;
        assert!(run <= 3 * KILLS, "only {killed} of {KILLS} kills met a running process in {run} runs");
        let name = format!("killed-{run}");
        for kill in 0..KILLS_OF_A_RUN {
            let mut child = begin(&name);
            let wait = whole.mul_f32(0.6 * instants.uniform(run, kill));
            std::thread::sleep(wait.max(Duration::from_millis(2)));
            let running = child.try_wait().unwrap().is_none();
            // SIGKILL on Unix: nothing is flushed, no handler runs.
            child.kill().unwrap();
            child.wait().unwrap();
            if !running {
                break;
            }
            killed += 1;
        }
        check(&name);
    }
}

#[test]
fn twenty_kills_change_no_bit() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text: String = (0..400).map(|i| format!("{i} bottles and {} more make a song.\n", i * 7 % 31)).collect();
    std::fs::write(dir.join("text.txt"), text).unwrap();
    std::fs::write(dir.join("recipe.toml"), RECIPE).unwrap();
    let begun = Instant::now();
    finish(dir, "whole");
    let whole = begun.elapsed();
    let expected = weights(dir, "whole");
    kill_twenty(
        whole,
        |name| begin_or_go_on(dir, name),
        |name| {
            finish(dir, name);
            assert_eq!(weights(dir, name), expected, "{name}");
            let left: Vec<_> = std::fs::read_dir(dir.join("runs").join(name).join("checkpoints")).unwrap().collect();
            assert!(left.len() <= 3, "checkpoints of a finished run: {left:?}");
        },
    );
}

const PIPELINE: &str = r#"
[[stage]]
rule = "repair"
[[stage]]
rule = "noise"
[[stage]]
dedup = "exact"
[[stage]]
rule = "gopher_quality"
words = { at_least = 10 }
stop_words = {}
[[stage]]
dedup = "near"
[[stage]]
dedup = "lines"
"#;

#[test]
fn twenty_kills_of_a_pipeline_change_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::create_dir(dir.join("in")).unwrap();
    for file in 0..5 {
        let line = |i: usize| {
            let place = ["harbour", "mill", "bridge", "tower", "orchard", "well", "gate"][i % 7];
            let (one, two) = (i * 7919 % 1000, (i + file) * 104_729 % 1000);
            let text = match i % 9 {
                0 => format!("%%% {i} &&& ((("),
                1 => format!("All of them say this, word for word, number {}.", i % 40),
                _ => format!(
                    "At the {place} {one} people stood and looked at {two} boats.\nNobody spoke of the {place}, they say."
                ),
            };
            serde_json::json!({ "text": text }).to_string() + "\n"
        };
        std::fs::write(dir.join(format!("in/{file}.jsonl")), (0..2000).map(line).collect::<String>()).unwrap();
    }
    std::fs::write(dir.join("p.toml"), PIPELINE).unwrap();
    let begin = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
        command.current_dir(dir).args(["data", "run", "p.toml", "in", "--quiet", "--threads", "2", "--out", name]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let finish = |name: &str| {
        let output = begin(name).wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        common::files(&dir.join(name))
    };
    let begun = Instant::now();
    let expected = finish("whole");
    let whole = begun.elapsed();
    assert!(expected.contains_key("data.json") && expected.len() > 40, "{:?}", expected.keys());
    kill_twenty(whole, begin, |name| {
        let files = finish(name);
        for (file, bytes) in &expected {
            // The page says the folder's name, the lock the process.
            let own = ["report.html", ".lock"].contains(&file.as_str());
            assert!(own || files.get(file) == Some(bytes), "{name}: {file}");
        }
        assert_eq!(files.len(), expected.len(), "{:?}", files.keys());
    });
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_used() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("text.txt"), "to be or not to be, that is the question. ".repeat(60)).unwrap();
    std::fs::write(dir.join("recipe.toml"), RECIPE).unwrap();
    finish(dir, "run");
    let expected = weights(dir, "run");
    let file = dir.join("runs/run/checkpoints/step-000024/model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    let output = command.current_dir(dir).args(["train", "--resume", "runs/run"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("step-000024") && told.contains("model.safetensors") && told.contains("step-000023"),
        "{told}"
    );
    assert_eq!(weights(dir, "run"), expected);
}
