//! The memory forecast of a run is what the run then holds, to the byte. One test alone in its process: the count is the
//! process's.

#![allow(clippy::unwrap_used)]

use aquifer_optim::Watch;
use aquifer_record::{FileError, MetricLine, RunFolder, Silent, Stop};
use aquifer_tensor::memory;
use aquifer_train::{Job, Places, Recipe, run_recipe};
use std::path::Path;

fn recipe(method: &str, precision: &str, micro: usize, dropout: f32, tied: bool) -> Recipe {
    let text = format!(
        r#"
data = "text.txt"
tokenizer = "char"
val_fraction = 0.2
precision = "{precision}"
[model]
layers = 2
width = 64
heads = 4
min_shard = 32
tied = {tied}
dropout = {dropout}
[batch]
sequence = 24
grains = 8
micro = {micro}
lanes = 4
[optimizer]
name = "{method}"
[schedule]
steps = 5
peak_lr = 1e-2
[run]
eval_every = 2
checkpoint_every = 4
sample_every = 2
"#
    );
    Recipe::parse(&text, Path::new("tiny.toml"), &[]).unwrap()
}

/// Asks for a stop after this step.
struct StopAfter(u64, Stop);

impl Watch for StopAfter {
    fn line(&mut self, line: &MetricLine) -> Result<(), FileError> {
        if line.step == self.0 {
            self.1.request();
        }
        Ok(())
    }
}

#[test]
fn what_was_told_is_what_was_held() {
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..300).map(|i| format!("line {i} follows{} line.\n", " a".repeat(i * 7 % 20))).collect();
    std::fs::write(dir.path().join("text.txt"), text).unwrap();
    let places = Places { recipe_folder: dir.path().to_path_buf(), data_folders: Vec::new() };
    for (i, (method, precision, micro, dropout, tied)) in [
        ("adamw", "f32", 8, 0.0, true),
        ("adamw", "bf16", 3, 0.1, false),
        ("muon", "bf16x3", 8, 0.0, false),
        ("muon", "f32", 1, 0.0, true),
        ("lion", "bf16x6", 2, 0.0, true),
    ]
    .into_iter()
    .enumerate()
    {
        let recipe = recipe(method, precision, micro, dropout, tied);
        let run = RunFolder::create(&dir.path().join("runs"), &format!("run{i}")).unwrap();
        // Stopped on its way, and gone on with: both sittings hold what was told.
        for (resume, stop_after) in [(false, 3), (true, u64::MAX)] {
            let job = Job {
                recipe: &recipe,
                reasons: &[],
                places: &places,
                run: &run,
                resume,
                memory_limit: 1 << 30,
                around: None,
                cpu: "a test's",
                command: &[],
            };
            let stop = Stop::new();
            let trained = run_recipe(&job, &mut StopAfter(stop_after, stop.clone()), &Silent, &stop).unwrap();
            let (told, held) = (trained.forecast.memory_bytes, trained.forecast.outcome.unwrap().memory_bytes);
            let what = format!("{method}, {precision}, {micro} grains at once, resumed: {resume}");
            println!("{what}: told {told}, held {held}");
            assert_eq!(told, held, "{what}: {:?}", trained.forecast.memory_parts);
        }
        assert_eq!((memory::live_bytes(), memory::reserved_bytes()), (0, 0), "a run leaves nothing behind");
    }
}
