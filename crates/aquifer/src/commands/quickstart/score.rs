//! The trained model on text and questions it never saw, beside a 5-gram model of the same tokens.

use super::why_worse::why_worse;
use crate::context::Context;
use aquifer_corpus::TokenShards;
use aquifer_eval::{
    DecoderScorer, Heldout, LogLikelihood, PromptStyle, Question, choice_tasks, heldout_task, ngram_from_shards,
    score_choices,
};
use aquifer_model::Decoder;
use aquifer_record::progress::Unit;
use aquifer_record::{EvalReport, RunFolder, Silent, measure};
use aquifer_text::Tokenizer;
use std::time::Instant;

/// Held-out tokens scored at most: a quickstart should not spend longer on the score than on the training.
const MAX_HELDOUT_TOKENS: u64 = 300_000;

/// Tokens the 5-gram model is made from at most, and the bytes it holds for each.
const MAX_NGRAM_TOKENS: u64 = 8_000_000;
const NGRAM_TOKEN_BYTES: u64 = 110;

/// Tokens the 5-gram model is made from, in memory that it may take half of.
fn ngram_tokens(ctx: &Context) -> u64 {
    MAX_NGRAM_TOKENS.min(ctx.memory / 2 / NGRAM_TOKEN_BYTES)
}

/// What scoring will cost, told before the training.
pub(super) struct Cost {
    /// Seconds for the 5-gram model.
    pub(super) seconds: f64,
    /// Rows that the trained model will compute.
    pub(super) rows: u64,
}

/// Tokens a 5-gram model is made from, and those it scores, to see how fast that is.
const SAMPLED: u64 = 200_000;
const SAMPLED_HELDOUT: u64 = 20_000;

/// Makes a 5-gram model of a part of the text and scores a part of what is held out, to tell how long all of it takes.
pub(super) fn cost(run: &RunFolder, questions: &[Question], ctx: &Context) -> anyhow::Result<Cost> {
    let train = TokenShards::open_unhashed(&run.join("shards/train"))?;
    let begun = Instant::now();
    let ngram = ngram_from_shards(&train, 5, SAMPLED);
    let all = train.tokens().min(ngram_tokens(ctx)) as f64;
    let mut seconds = begun.elapsed().as_secs_f64() * (all / train.tokens().min(SAMPLED) as f64).max(1.0);
    // Of an option and its question.
    let mut rows = questions.iter().map(|q| 40 * q.options.len() as u64).sum();
    let folder = run.join("shards/heldout");
    if folder.is_dir() {
        let heldout = TokenShards::open_unhashed(&folder)?;
        let scored = heldout.tokens().min(MAX_HELDOUT_TOKENS);
        let begun = Instant::now();
        Heldout::from_shards(&heldout, SAMPLED_HELDOUT).score(&ngram, &Silent, ctx.stop())?;
        seconds +=
            begun.elapsed().as_secs_f64() * (scored as f64 / heldout.tokens().min(SAMPLED_HELDOUT) as f64).max(1.0);
        // Windows overlap by half, so that every token is predicted from enough.
        rows += 2 * scored;
    }
    Ok(Cost { seconds, rows })
}

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
    let ngram = ngram_from_shards(&train, 5, ngram_tokens(ctx));
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
            let mut task = heldout_task(&ours, &[("5-gram", &simple)]);
            if ours.bits_per_byte() > simple.bits_per_byte() {
                task.note = Some(why_worse(&run.manifest()?, train.tokens()));
            }
            report.tasks.push(task);
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

/// A line or two a task: the score beside simpler ones, on how much, and why it may be as it is.
pub(super) fn say(report: &EvalReport, ctx: &Context) {
    for task in &report.tasks {
        let show = |value: f64| measure::score(&task.metric, value);
        let interval =
            task.interval.map(|[low, high]| format!(" ({} to {})", show(low), show(high))).unwrap_or_default();
        let beside: Vec<String> = task.baselines.iter().map(|b| format!("{} {}", b.name, show(b.value))).collect();
        let (name, value) = (measure::of_task(task), show(task.value));
        ctx.say(format!("  {name}: {value}{interval}; beside it {}", beside.join(", ")));
        ctx.say(format!("    scored over {}", task.scope()));
        if let Some(note) = &task.note {
            ctx.say(format!("    {note}"));
        }
    }
}
