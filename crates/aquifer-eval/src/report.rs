//! Scores as the run folder keeps them, baselines beside.

use crate::{ChoiceScore, HeldoutScore};
use aquifer_record::eval::{Baseline, KindScore, TaskScore};

/// The held-out text's line of an `EvalReport`.
pub fn heldout_task(score: &HeldoutScore, baselines: &[(&str, &HeldoutScore)]) -> TaskScore {
    TaskScore {
        task: "held-out text".into(),
        metric: "bits per byte".into(),
        higher_is_better: false,
        n: score.bytes,
        value: score.bits_per_byte(),
        tokens: Some([score.tokens, score.tokens_in_all]),
        baselines: baselines.iter().map(|(name, s)| baseline(name, s.bits_per_byte())).collect(),
        ..TaskScore::default()
    }
}

/// The questions' lines: accuracy by likelihood, with its kinds, and by likelihood a byte.
pub fn choice_tasks(task: &str, score: &ChoiceScore, baselines: &[(&str, &ChoiceScore)]) -> Vec<TaskScore> {
    let line = |metric: &str, value: fn(&ChoiceScore) -> aquifer_metrics::Score| {
        let found = value(score);
        let mut beside = vec![baseline("chance", score.chance())];
        beside.extend(baselines.iter().map(|(name, s)| baseline(name, value(s).value)));
        TaskScore {
            task: task.into(),
            metric: metric.into(),
            higher_is_better: true,
            n: found.n as u64,
            value: found.value,
            interval: Some([found.interval.low, found.interval.high]),
            baselines: beside,
            ..TaskScore::default()
        }
    };
    let mut plain = line("accuracy", ChoiceScore::accuracy);
    let kinds = score.by_kind();
    if kinds.len() > 1 || kinds.iter().any(|(kind, _)| !kind.is_empty()) {
        plain.by_kind = kinds.into_iter().map(|(kind, s)| KindScore { kind, n: s.n as u64, value: s.value }).collect();
    }
    vec![plain, line("accuracy per byte", ChoiceScore::accuracy_per_byte)]
}

fn baseline(name: &str, value: f64) -> Baseline {
    Baseline { name: name.into(), value }
}
