//! The same bits, whatever the threads, the micro-batches and the interruptions.

use crate::*;
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_record::{FileError, MetricLine, Silent, Stop};
use aquifer_tensor::random::Stream;
use aquifer_tensor::threads;
use std::path::Path;
use std::sync::Arc;

const STEPS: u64 = 12;

/// Tokens that mostly follow from the one before, so that there is something to learn.
fn source(documents: usize, seed: u64) -> Arc<InMemory> {
    let mut source = InMemory::new();
    let stream = Stream::new(seed, "test", "");
    for doc in 0..documents {
        let len = 3 + doc * 29 % 83;
        let mut tokens = vec![stream.below(0, doc as u64, 61) as u32];
        for at in 1..len {
            let odd = stream.below(doc as u64, at as u64, 7) == 0;
            tokens.push(if odd { stream.word(1, at as u64) % 61 } else { (tokens[at - 1] * 5 + 7) % 61 });
        }
        let mask = (doc % 3 == 0).then(|| (0..len).map(|i| i % 5 != 0).collect());
        source.push(format!("doc{doc}"), tokens, mask);
    }
    Arc::new(source)
}

fn config() -> TrainConfig {
    TrainConfig {
        grain_len: 33,
        grains_per_step: 6,
        micro_batch: 6,
        lanes: 4,
        schedule: Schedule {
            shape: Shape::Cosine,
            steps: STEPS,
            warmup_steps: 3,
            decay_steps: 0,
            peak_lr: 1e-2,
            floor: 0.1,
        },
        optimizer: OptimizerSettings::default(),
        clip: 0.5,
        dropout: 0.0,
        seed: 3,
        eval_every: 4,
        eval_grains: 3,
        checkpoint_every: 3,
        keep: 2,
        keep_best: true,
        sample_every: 0,
    }
}

fn decoder(precision: Precision) -> Decoder {
    let shape = DecoderConfig { min_shard: 64, max_position_embeddings: 40, ..DecoderConfig::small(64, 2, 4, 2, 61) };
    Decoder::init(shape, 5, precision).unwrap()
}

fn trainer(config: TrainConfig, folder: Option<&Path>) -> Trainer {
    let folder = folder.map(Path::to_path_buf);
    Trainer::new(decoder(Precision::F32), config, source(40, 1), Some(source(9, 2)), folder, "job").unwrap()
}

fn finish(mut trainer: Trainer) -> (String, TrainState) {
    let outcome = trainer.run(&mut (), &Silent, &Stop::new()).unwrap();
    assert!(matches!(outcome, Outcome::Finished(Some(_))));
    (trainer.decoder().weights_sha256(), TrainState { seconds: 0.0, look_seconds: 0.0, ..trainer.state().clone() })
}

#[test]
fn threads_and_micro_batches_change_no_bit() {
    let whole = finish(trainer(config(), None));
    for count in [1, 2, 3] {
        for micro_batch in [1, 2, 4, 6, 100] {
            let config = TrainConfig { micro_batch, ..config() };
            let other = threads::with(count, || finish(trainer(config, None)));
            assert_eq!(other, whole, "{count} threads, micro-batches of {micro_batch}");
        }
    }
    let other = finish(trainer(TrainConfig { seed: 4, ..config() }, None));
    assert_ne!(other.0, whole.0);
}

#[test]
fn training_learns() {
    let mut losses = Losses::default();
    let config = TrainConfig { schedule: Schedule { steps: 60, ..config().schedule }, ..config() };
    trainer(config, None).run(&mut losses, &Silent, &Stop::new()).unwrap();
    assert!(losses.0[0] > 3.9 && losses.0[59] < losses.0[0] - 1.0, "{:?}", losses.0);
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl Watch for Losses {
    fn line(&mut self, line: &MetricLine) -> Result<(), FileError> {
        self.0.extend(line.loss);
        Ok(())
    }
}

/// Requests a stop once a step is done.
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
fn a_stop_at_any_step_and_a_resume_change_no_bit() {
    let whole = finish(trainer(config(), None));
    for at in 1..STEPS {
        let dir = tempfile::tempdir().unwrap();
        let stop = Stop::new();
        let outcome =
            trainer(config(), Some(dir.path())).run(&mut StopAfter(at, stop.clone()), &Silent, &stop).unwrap();
        assert_eq!(outcome, Outcome::Stopped(at));
        let mut resumed = trainer(TrainConfig { micro_batch: 2, ..config() }, Some(dir.path()));
        assert!(resumed.resume(&Silent).unwrap());
        assert_eq!(resumed.state().step, at);
        assert_eq!(finish(resumed), whole, "stopped after step {at}");
    }
}

#[test]
fn dropout_is_resumed_where_it_stood() {
    let config = || TrainConfig { dropout: 0.2, ..config() };
    let whole = finish(trainer(config(), None));
    assert_ne!(whole, finish(trainer(TrainConfig { dropout: 0.0, ..config() }, None)));
    for at in [1, 5, 11] {
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::new());
        trainer(config(), Some(dir.path())).run(&mut StopAfter(at, stop.clone()), &Silent, &stop).unwrap();
        let mut resumed = trainer(TrainConfig { micro_batch: 1, ..config() }, Some(dir.path()));
        assert!(resumed.resume(&Silent).unwrap());
        assert_eq!(threads::with(3, || finish(resumed)), whole, "stopped after step {at}");
    }
}

#[test]
fn other_optimisers_learn_and_keep_the_same_promises() {
    for (method, peak_lr) in [(Method::Lion, 2e-3), (Method::Muon, 1e-2)] {
        let optimizer = OptimizerSettings { method, ..OptimizerSettings::default() };
        let config = |steps| {
            let schedule = Schedule { steps, peak_lr, ..config().schedule };
            TrainConfig { optimizer, schedule, ..config() }
        };
        let whole = finish(trainer(config(STEPS), None));
        let other = TrainConfig { micro_batch: 2, ..config(STEPS) };
        assert_eq!(threads::with(3, || finish(trainer(other, None))), whole, "{}", method.name());
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::new());
        trainer(config(STEPS), Some(dir.path())).run(&mut StopAfter(7, stop.clone()), &Silent, &stop).unwrap();
        let mut resumed = trainer(config(STEPS), Some(dir.path()));
        assert!(resumed.resume(&Silent).unwrap());
        assert_eq!(finish(resumed), whole, "{} after a resume", method.name());
        let mut losses = Losses::default();
        trainer(config(60), None).run(&mut losses, &Silent, &Stop::new()).unwrap();
        assert!(losses.0[59] < losses.0[0] - 1.0, "{}: {:?}", method.name(), losses.0);
    }
}

#[test]
fn after_a_kill_or_damage_the_last_good_checkpoint_gives_the_same_bits() {
    let whole = finish(trainer(config(), None));
    let dir = tempfile::tempdir().unwrap();
    let stop = Stop::new();
    trainer(config(), Some(dir.path())).run(&mut StopAfter(8, stop.clone()), &Silent, &stop).unwrap();
    // The newest is cut short, as no kill leaves it but a broken disk may.
    let newest = dir.path().join("step-000008/optimizer.safetensors");
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let mut resumed = trainer(config(), Some(dir.path()));
    assert!(resumed.resume(&Silent).unwrap());
    assert!(resumed.state().step < 8);
    assert_eq!(finish(resumed), whole);
}

#[test]
fn checkpoints_of_another_job_and_only_damaged_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    finish(trainer(config(), Some(dir.path())));
    let other = |job: &str| {
        let folder = Some(dir.path().to_path_buf());
        Trainer::new(decoder(Precision::F32), config(), source(40, 1), None, folder, job).unwrap().resume(&Silent)
    };
    assert!(matches!(other("another"), Err(TrainError::Foreign { .. })));
    for (_, folder) in Checkpoints::in_folder(dir.path()).list() {
        std::fs::write(folder.join("model.safetensors"), b"gone").unwrap();
    }
    let told = other("job").unwrap_err().to_string();
    assert!(told.contains("step-000012") && told.contains("model.safetensors"), "{told}");
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_the_documents() {
    let mut broken = decoder(Precision::F32);
    let before = {
        broken.params.update_with(|_, value| value.as_f32_mut()[0] = f32::INFINITY);
        broken.weights_sha256()
    };
    let mut trainer = Trainer::new(broken, config(), source(40, 1), None, None, "job").unwrap();
    let told = trainer.run(&mut (), &Silent, &Stop::new()).unwrap_err().to_string();
    assert!(told.contains("step 1") && told.contains("`doc") && told.contains("peak_lr"), "{told}");
    assert_eq!(trainer.decoder().weights_sha256(), before);
}

#[test]
fn the_best_checkpoint_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = trainer(config(), Some(dir.path()));
    trainer.run(&mut (), &Silent, &Stop::new()).unwrap();
    let best = trainer.state().best.unwrap();
    let kept: Vec<u64> = Checkpoints::in_folder(dir.path()).list().into_iter().map(|(step, _)| step).collect();
    assert!(kept.contains(&best.step) && kept.contains(&STEPS) && kept.len() <= 3, "{kept:?}, best {best:?}");
    assert_eq!(trainer.best_decoder().unwrap().unwrap().0, best);
}

#[test]
fn a_full_disk_is_told_and_leaves_earlier_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = trainer(config(), Some(dir.path()));
    let told = {
        let (folder, mut full) = (dir.path().to_path_buf(), FullAfter(4));
        let told = trainer.run(&mut full, &Silent, &Stop::new()).unwrap_err().to_string();
        assert!(Checkpoints::in_folder(folder).newest_good().good.is_some());
        told
    };
    assert!(told.contains("full"), "{told}");
}

/// A record that cannot be kept from some step on.
struct FullAfter(u64);

impl Watch for FullAfter {
    fn line(&mut self, line: &MetricLine) -> Result<(), FileError> {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        if line.step > self.0 { Err(FileError::at("write", "metrics.jsonl")(full)) } else { Ok(()) }
    }
}
