//! The documents of a quickstart: the built-in world or a person's own text, cleaned, deduplicated and split.

use super::Args;
use super::speak::Prompt;
use crate::context::Context;
use crate::input::{Work, put_down, room};
use anyhow::{Context as _, ensure};
use aquifer_corpus::{Document, write_documents};
use aquifer_data::pipeline::RunOptions;
use aquifer_data::prepare::{PrepareOptions, Prepared, prepare as prepare_documents, size};
use aquifer_data::small_world::{self, World, WorldSize};
use aquifer_data::world_report;
use aquifer_eval::{Question, read_questions};
use aquifer_record::{DataReport, RunFolder, figures};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The least text that a model is trained on.
const MIN_BYTES: u64 = 2_000;

/// Where a run keeps what its model will be asked, for a quickstart that is taken up again.
pub(crate) const PROMPTS: &str = "data/prompts.json";
const QUESTIONS: &str = "data/questions.jsonl";
/// The built-in documents as they are before anything is done to them.
const RAW: &str = "data/world.jsonl.zst";
/// The pipeline's own folder: `aquifer data explain` and `report` look into it.
const PIPELINE: &str = "data/pipeline";

/// What the later stages need to know about the data.
pub(super) struct Material {
    /// Bytes of training text.
    pub(super) train_bytes: u64,
    /// Whether any text was held out.
    pub(super) has_heldout: bool,
    /// Questions never asked in training; empty for a person's own text.
    pub(super) questions: Vec<Question>,
    /// What to ask the trained model; empty for text without dialogues.
    pub(super) prompts: Vec<Prompt>,
}

/// Cleans, deduplicates, splits; writes `data/*.jsonl.zst` and `data.json`.
pub(super) fn prepare(run: &RunFolder, args: &Args, ctx: &Context) -> anyhow::Result<Material> {
    match &args.input {
        None => built_in(run, args, ctx),
        Some(input) => own(run, input, args, ctx),
    }
}

fn built_in(run: &RunFolder, args: &Args, ctx: &Context) -> anyhow::Result<Material> {
    let size = if args.fast { WorldSize::Fast } else { WorldSize::Standard };
    let world = small_world::generate(&size.options(ctx.seed.unwrap_or(1)));
    let raw = run.join(RAW);
    write_documents(&raw, &world.documents)?;
    // Junk and boilerplate were planted, so their filters are asked for; held-out text is the world's own.
    let options = PrepareOptions { held_out: 0.0, cut_bytes: None, ..options("short", ctx)? };
    let prepared = through(&[raw], run, &options, ctx)?;
    let check = small_world::check(&world, &prepared.train);
    let mut report = prepared.report;
    report.source =
        format!("the small world, {} documents made from seed {}", world.documents.len(), world.options.seed);
    report.planted = world_report::planted(&small_world::score(&world, &prepared.train));
    report.checks = world_report::checks(&check);
    let material = finish(run, report, &prepared.train, &world.held_out, ctx)?;
    let questions = questions(&world);
    write_questions(run, &questions)?;
    let prompts = world_prompts(&world);
    run.write(PROMPTS, &prompts)?;
    Ok(Material { questions, prompts, ..material })
}

fn own(run: &RunFolder, input: &Path, args: &Args, ctx: &Context) -> anyhow::Result<Material> {
    let paths = [input.to_path_buf()];
    let room = room(&paths, Work::Quickstart, ctx)?;
    let (paths, lost) = put_down(&paths, &run.join("data"), None, Some((room, Work::Quickstart)), ctx)?;
    let mut prepared = through(&paths, run, &options(&args.preset, ctx)?, ctx)?;
    let mut report = std::mem::take(&mut prepared.report);
    report.source = input.display().to_string();
    report.skipped_total += lost.len() as u64;
    for skipped in report.skipped.iter().take(3) {
        ctx.say(format!("  skipped {}: {}", skipped.at, skipped.why));
    }
    for skipped in lost.iter().take(3) {
        ctx.say(format!("  skipped {skipped}"));
    }
    let bytes = report.stages.first().map_or(0, |stage| stage.input.bytes);
    ensure!(
        bytes >= MIN_BYTES,
        "`{}` holds {bytes} bytes of text; a model needs at least {MIN_BYTES}, and some hundred thousand to learn a style",
        input.display()
    );
    ensure!(
        !prepared.train.is_empty(),
        "nothing is left of `{}` after cleaning; `aquifer data clean --dropped FILE` says why",
        input.display()
    );
    let material = finish(run, report, &prepared.train, &prepared.held_out, ctx)?;
    let prompts = own_prompts(&prepared.held_out, &prepared.train);
    run.write(PROMPTS, &prompts)?;
    Ok(Material { prompts, ..material })
}

/// This recipe, with the memory and threads of this process.
fn options(preset: &str, ctx: &Context) -> anyhow::Result<PrepareOptions> {
    let run = RunOptions { threads: ctx.threads, memory: ctx.memory, ..RunOptions::default() };
    let options = PrepareOptions::preset(preset).context("the preset is one of those listed")?;
    Ok(PrepareOptions { run, ..options })
}

/// The way through the pipeline, in the run's own folder.
fn through(paths: &[PathBuf], run: &RunFolder, options: &PrepareOptions, ctx: &Context) -> anyhow::Result<Prepared> {
    let prepared = prepare_documents(paths, &run.join(PIPELINE), options, ctx.progress(), ctx.stop())?;
    ctx.go_on("stopped")?;
    prepared.context("the pipeline did not finish")
}

/// What [`prepare`] left in a run's folder.
pub(super) fn prepared(run: &RunFolder) -> anyhow::Result<Material> {
    let (questions, prompts) = (run.join(QUESTIONS), run.read(PROMPTS)?);
    Ok(Material {
        train_bytes: run.data()?.splits.get("train").map_or(0, |size| size.bytes),
        has_heldout: run.join("data/heldout.jsonl.zst").is_file(),
        questions: if questions.is_file() { read_questions(&questions)? } else { Vec::new() },
        prompts,
    })
}

/// Says what happened, and writes what the later stages read.
fn finish(
    run: &RunFolder,
    report: DataReport,
    train: &[Document],
    held_out: &[Document],
    ctx: &Context,
) -> anyhow::Result<Material> {
    say_funnel(&report, ctx);
    for planted in &report.planted {
        ctx.say(format!("  planted: {} of {} {}", planted.caught, planted.planted, planted.kind));
    }
    for check in report.checks.iter().filter(|check| !check.holds) {
        ctx.say(format!("  a claim about the data fails: {} {}", check.claim, check.evidence));
    }
    write_documents(&run.join("data/train.jsonl.zst"), train)?;
    if !held_out.is_empty() {
        write_documents(&run.join("data/heldout.jsonl.zst"), held_out)?;
    }
    let mut report = report;
    report.splits.insert("train".to_owned(), size(train));
    report.splits.insert("heldout".to_owned(), size(held_out));
    run.write("data.json", &report)?;
    Ok(Material {
        train_bytes: size(train).bytes,
        has_heldout: !held_out.is_empty(),
        questions: Vec::new(),
        prompts: Vec::new(),
    })
}

/// What came in, and for each stage that did something how many documents it removed and repaired, and why.
fn say_funnel(report: &DataReport, ctx: &Context) {
    let Some(first) = report.stages.first() else { return };
    let (documents, bytes) = (first.input.documents, first.input.bytes);
    ctx.say(format!("  {} documents in, {}", figures::count(documents), figures::bytes(bytes)));
    let counted = |reasons: &BTreeMap<String, u64>| {
        reasons.iter().map(|(why, n)| format!("{} {why}", figures::count(*n))).collect::<Vec<_>>().join(", ")
    };
    for stage in &report.stages {
        let removed = stage.input.documents.saturating_sub(stage.output.documents);
        // Copies have no other reason.
        let copies = stage.reasons.len() == 1 && stage.reasons.keys().all(|reason| reason.ends_with(".copy"));
        if removed > 0 && copies {
            ctx.say(format!("  {} {} duplicates removed", figures::count(removed), stage.name));
        } else if removed > 0 {
            ctx.say(format!("  {} removed: {}", figures::count(removed), counted(&stage.reasons)));
        }
        if stage.repaired > 0 {
            ctx.say(format!("  {} repaired: {}", figures::count(stage.repaired), counted(&stage.repairs)));
        }
    }
}

/// The held-out questions, each option as the whole answer it would be.
fn questions(world: &World) -> Vec<Question> {
    let convert = |q: &small_world::Question| Question {
        id: q.id.clone(),
        question: q.question.clone(),
        options: q.completions.clone(),
        answer: q.answer,
        kind: q.kind.clone(),
    };
    world.questions.iter().map(convert).collect()
}

/// `data/questions.jsonl`, so that `aquifer eval run` can ask them again.
fn write_questions(run: &RunFolder, questions: &[Question]) -> anyhow::Result<()> {
    let mut lines = String::new();
    for Question { id, question, options, answer, kind } in questions {
        let line = json!({ "id": id, "kind": kind, "question": question, "options": options, "answer": answer });
        lines += &format!("{line}\n");
    }
    Ok(aquifer_record::write_atomic_bytes(&run.join(QUESTIONS), lines.as_bytes())?)
}

/// A question in English, one in Chinese and a sum, none of which was ever asked in training.
fn world_prompts(world: &World) -> Vec<Prompt> {
    let held_out = |language: &str, arithmetic: bool| {
        let mut fitting = world.questions.iter().filter(|q| q.language == language);
        let found = fitting.find(|q| (q.kind == "arithmetic") == arithmetic);
        found.map(|q| Prompt { user: q.question.clone(), expected: Some(q.completions[q.answer].clone()) })
    };
    let asked = [held_out("en", false), held_out("zh", false), held_out("en", true)];
    asked.into_iter().flatten().collect()
}

/// The first words of three dialogues, held-out ones first.
fn own_prompts(held_out: &[Document], train: &[Document]) -> Vec<Prompt> {
    let first = |document: &Document| {
        let messages = document.messages()?;
        let user = messages.iter().find(|message| message.role == "user")?;
        let answer = messages.iter().find(|message| message.role == "assistant");
        Some(Prompt { user: user.content.clone(), expected: answer.map(|message| message.content.clone()) })
    };
    held_out.iter().chain(train).filter_map(first).take(3).collect()
}
