//! The trained model on text and questions it never saw, beside a 5-gram model of the same tokens.

use crate::context::Context;
use aquifer_corpus::TokenShards;
use aquifer_eval::{
    DecoderScorer, Heldout, LogLikelihood, PromptStyle, Question, choice_tasks, heldout_task, ngram_from_shards,
    score_choices,
};
use aquifer_model::Decoder;
use aquifer_record::progress::Unit;
use aquifer_record::{EvalReport, RunFolder};
use aquifer_text::Tokenizer;
use std::time::Instant;

/// Held-out tokens scored at most: a quickstart should not spend longer on the score than on the training.
const MAX_HELDOUT_TOKENS: u64 = 300_000;

/// Tokens the 5-gram model is made from at most; it takes about a hundred bytes for each.
const MAX_NGRAM_TOKENS: u64 = 8_000_000;

/// Scores held-out text, and questions where there are any; writes `eval.json`.
pub(super) fn score(
    run: &RunFolder,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    questions: &[Question],
    ctx: &Context,
) -> anyhow::Result<EvalReport> {
    let start = Instant::now();
    let model = DecoderScorer::new(decoder);
    let train = TokenShards::open(&run.join("shards/train"))?;
    let ngram = ngram_from_shards(&train, 5, MAX_NGRAM_TOKENS);
    let mut report = EvalReport { model: run.name(), ..EvalReport::default() };

    let heldout_shards = run.join("shards/heldout");
    if heldout_shards.is_dir() {
        let heldout = Heldout::from_shards(&TokenShards::open(&heldout_shards)?, MAX_HELDOUT_TOKENS);
        let on = |scorer: &dyn LogLikelihood, label: &str| {
            let windows = heldout.n_windows(scorer.context_len());
            let bar = ctx.progress().bar(label, Some(windows), Unit::Count("windows"));
            heldout.score(scorer, &*bar, ctx.stop())
        };
        if !heldout.is_empty() {
            let (ours, simple) = (on(&model, "held-out text")?, on(&ngram, "the same, 5-gram")?);
            report.tasks.push(heldout_task(&ours, &[("5-gram", &simple)]));
        }
    }
    if !questions.is_empty() {
        let on = |scorer: &dyn LogLikelihood, label: &str| {
            let bar = ctx.progress().bar(label, Some(4 * questions.len() as u64), Unit::Count("options"));
            score_choices(scorer, tokenizer, questions, PromptStyle::Chat, &*bar, ctx.stop())
        };
        let (ours, simple) = (on(&model, "held-out questions")?, on(&ngram, "the same, 5-gram")?);
        // Options are whole sentences of one form, so a score by the byte would say the same.
        report.tasks.extend(choice_tasks("held-out questions", &ours, &[("5-gram", &simple)]).into_iter().take(1));
    }
    report.seconds = start.elapsed().as_secs_f64();
    run.write("eval.json", &report)?;
    Ok(report)
}

/// One plain line a task.
pub(super) fn say(report: &EvalReport, ctx: &Context) {
    for task in &report.tasks {
        let show = |value: f64| match task.higher_is_better {
            true => format!("{:.1} %", value * 100.0),
            false => format!("{value:.3}"),
        };
        let interval =
            task.interval.map(|[low, high]| format!(" ({} to {})", show(low), show(high))).unwrap_or_default();
        let beside: Vec<String> = task.baselines.iter().map(|b| format!("{} {}", b.name, show(b.value))).collect();
        let (what, metric, value) = (&task.task, &task.metric, show(task.value));
        ctx.say(format!("  {what}, {metric}: {value}{interval}; beside it {}", beside.join(", ")));
    }
}
