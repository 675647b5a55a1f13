//! The sections of a run's page, one function each.

pub(crate) mod data;

use crate::html::{bar, escape, section, table};
use crate::plot::{Curve, line_chart};
use aquifer_record::eval::TaskScore;
use aquifer_record::figures::{bytes, count, seconds};
use aquifer_record::forecast::Estimate;
use aquifer_record::{EvalReport, Forecast, Manifest, MetricLine, Samples, measure};
use std::fmt::Write;

/// The headline numbers.
pub(crate) fn tiles(manifest: &Manifest, metrics: &[MetricLine], eval: Option<&EvalReport>) -> String {
    let mut tiles: Vec<(String, String)> = Vec::new();
    if manifest.parameters > 0 {
        tiles.push((count(manifest.parameters), "parameters".into()));
    }
    if let Some(last) = metrics.last() {
        tiles.push((count(last.tokens), measure::label("tokens")));
    }
    if let Some(last) = metrics.last().filter(|line| line.seconds > 0.0) {
        tiles.push((count((last.tokens as f64 / last.seconds) as u64), "tokens a second".into()));
    }
    if let Some(loss) = metrics.iter().rev().find_map(|line| line.loss) {
        tiles.push((measure::value("train_loss", loss), measure::label("train_loss")));
    }
    for task in eval.iter().flat_map(|eval| &eval.tasks) {
        tiles.push((show_score(task, task.value), measure::of_task(task)));
    }
    // Rows as equal as they can be: seven tiles are four and three, never six and one.
    let rows = tiles.len().div_ceil(4).max(1);
    let mut out = format!("<div class=\"tiles\" style=\"--per-row:{}\">\n", tiles.len().div_ceil(rows).max(1));
    for (value, label) in tiles {
        let _ = writeln!(out, "<div class=\"tile\"><b>{}</b><span>{}</span></div>", escape(&value), escape(&label));
    }
    out + "</div>\n"
}

/// Loss and speed over the run.
pub(crate) fn training(metrics: &[MetricLine]) -> String {
    let points = |value: fn(&MetricLine) -> Option<f64>| -> Vec<(f64, f64)> {
        metrics.iter().filter_map(|line| Some((line.step as f64, value(line)?))).collect()
    };
    let loss = line_chart(
        "step",
        "nats a token",
        &[
            Curve { label: "training loss".into(), points: points(|line| line.loss), dots: false },
            Curve { label: "held-out loss".into(), points: points(|line| line.eval_loss), dots: true },
        ],
    );
    if loss.is_empty() {
        return String::new();
    }
    let mut content = format!("<div class=\"plot\">{loss}</div>\n");
    let speed = line_chart(
        "step",
        "tokens a second",
        &[Curve { points: points(|line| line.tokens_per_second), ..Default::default() }],
    );
    let norm =
        line_chart("step", "gradient norm", &[Curve { points: points(|line| line.grad_norm), ..Default::default() }]);
    let _ = writeln!(
        content,
        "<details><summary>Speed and gradient norm</summary><div class=\"plot\">{speed}{norm}</div></details>"
    );
    let events: Vec<Vec<String>> =
        metrics.iter().filter_map(|line| Some(vec![line.step.to_string(), escape(line.event.as_ref()?)])).collect();
    content += &table(&["step", "event"], &[0], &events);
    section("Training", "The loss is the mean over the tokens of a step; held-out text was never trained on.", &content)
}

/// What was told before, beside what happened; `last` is the run's newest line of metrics.
pub(crate) fn forecast(forecast: &Forecast, last: Option<&MetricLine>) -> String {
    let happened = |value: Option<String>| value.unwrap_or_else(|| "<span class=\"soft\">not over yet</span>".into());
    let ratio = |value: Option<f64>| value.map(|r| format!("{r:.2}×")).unwrap_or_default();
    let counted = |what: &str, told: u64, done: Option<u64>| {
        let share = done.map(|done| done as f64 / told.max(1) as f64);
        vec![what.into(), count(told), happened(done.map(count)), ratio(share)]
    };
    let told = |estimate: &Estimate| {
        let Estimate { expected, low, high } = *estimate;
        let (expected, low, high) = (seconds(expected), seconds(low), seconds(high));
        format!("{expected} <span class=\"soft\">({low} to {high})</span>")
    };
    let mut rows = vec![
        vec![
            "time of training".into(),
            told(&forecast.seconds),
            happened(forecast.outcome.map(|o| seconds(o.seconds))),
            ratio(forecast.seconds_ratio()),
        ],
        vec![
            "peak memory".into(),
            format!(
                "{} <span class=\"soft\">(of {} allowed)</span>",
                bytes(forecast.memory_bytes),
                bytes(forecast.memory_limit_bytes)
            ),
            happened(forecast.outcome.map(|o| bytes(o.memory_bytes))),
            ratio(forecast.memory_ratio()),
        ],
        counted("steps", forecast.steps, last.map(|line| line.step)),
        counted("tokens (told with padding)", forecast.tokens, last.map(|line| line.tokens)),
    ];
    if let Some(whole) = &forecast.whole {
        let asked = whole.asked.map(|s| format!("; {} asked for", seconds(s))).unwrap_or_default();
        let of =
            format!("of that {} before, {} after the training{asked}", seconds(whole.before), seconds(whole.after));
        rows.insert(
            0,
            vec![
                "time in all".into(),
                format!("{}<br><span class=\"soft\">{of}</span>", told(&whole.seconds)),
                happened(whole.took.map(seconds)),
                ratio(forecast.whole_ratio()),
            ],
        );
    }
    if forecast.document_bytes > 0 {
        let told = bytes(forecast.document_bytes);
        rows.push(vec!["documents in memory, before training".into(), told, String::new(), String::new()]);
    }
    let mut content = table(&["", "told before", "happened", "ratio"], &[3], &rows);
    let _ = writeln!(content, "<p class=\"soft\">{}</p>", escape(&forecast.method));
    let total = forecast.memory_parts.iter().map(|(_, n)| n).sum::<u64>().max(1) as f64;
    let parts: Vec<Vec<String>> =
        forecast.memory_parts.iter().map(|(name, n)| vec![escape(name), bar(*n as f64 / total, bytes(*n))]).collect();
    let _ = write!(
        content,
        "<details><summary>What the memory is for</summary>{}</details>",
        table(&["part", "forecast"], &[], &parts)
    );
    section("Told before, scored after", "Written before the first step, compared after the last.", &content)
}

/// Scores beside their baselines.
pub(crate) fn evaluation(eval: &EvalReport) -> String {
    let mut content = String::new();
    for task in &eval.tasks {
        let all = task.baselines.iter().map(|b| b.value).chain([task.value]);
        let largest = if measure::is_share(&task.metric) { 1.0 } else { all.fold(f64::MIN_POSITIVE, f64::max) };
        let interval = task.interval.map_or(String::new(), |[low, high]| {
            format!(" <span class=\"soft\">(95 %: {} to {})</span>", show_score(task, low), show_score(task, high))
        });
        let ours = format!("<b>{}</b>{interval}", show_score(task, task.value));
        let mut rows = vec![vec!["<b>this model</b>".to_owned(), bar(task.value / largest, ours)]];
        rows.extend(
            task.baselines.iter().map(|b| vec![escape(&b.name), bar(b.value / largest, show_score(task, b.value))]),
        );
        let better = if task.higher_is_better { "higher is better" } else { "lower is better" };
        let _ = write!(
            content,
            "<h3>{}</h3>\n<p class=\"soft\">scored over {}; {better}</p>\n",
            escape(&measure::of_task(task)),
            escape(&task.scope()),
        );
        let _ = writeln!(content, "<div class=\"scores\">{}</div>", table(&["", ""], &[], &rows));
        if let Some(note) = &task.note {
            let _ = writeln!(content, "<p class=\"note\">{}</p>", escape(note));
        }
        let kinds: Vec<Vec<String>> = task
            .by_kind
            .iter()
            .map(|k| vec![escape(&k.kind), count(k.n), bar(k.value / largest, show_score(task, k.value))])
            .collect();
        if !kinds.is_empty() {
            let _ = write!(
                content,
                "<details><summary>By kind</summary>{}</details>",
                table(&["kind", "items", task.metric.as_str()], &[1], &kinds)
            );
        }
    }
    section(
        "Evaluation",
        "On text and questions held out of training, beside simpler predictors on the same items.",
        &content,
    )
}

/// What the model says.
pub(crate) fn samples(samples: &Samples) -> String {
    let mut content = String::new();
    if !samples.continuations.is_empty() {
        content += "<h3>Held-out beginnings, continued</h3>\n<p class=\"soft\">The <span class=\"given\">beginning</span> was given, the rest is the model's.</p>\n";
    }
    for sample in &samples.continuations {
        let (given, said) = (escape(&sample.prompt), escape(&sample.text));
        let _ = writeln!(content, "<div class=\"said\"><span class=\"given\">{given}</span>{said}</div>");
    }
    if !samples.chats.is_empty() {
        content += "<h3>Questions, asked through the chat template</h3>\n";
    }
    for talk in &samples.chats {
        let verdict = match &talk.expected {
            None => String::new(),
            Some(truth) if truth.trim() == talk.assistant.trim() => {
                "<span class=\"good\">as the known answer</span>".into()
            }
            Some(truth) => format!("<span class=\"soft\">known answer: {}</span>", escape(truth)),
        };
        let _ = writeln!(
            content,
            "<div class=\"talk\"><div class=\"user\">{}</div><div class=\"model\">{}</div>{verdict}</div>",
            escape(&talk.user),
            escape(&talk.assistant),
        );
    }
    section("What it says", "Nothing was picked: these are the first answers.", &content)
}

/// The reason for each choice, and the recipe they became.
pub(crate) fn choices(manifest: &Manifest, recipe: &str) -> String {
    // Choices of one reason stand together.
    let mut rows: Vec<(Vec<String>, &String)> = Vec::new();
    for (what, why) in &manifest.choices {
        match rows.iter_mut().find(|(_, reason)| *reason == why) {
            Some((whats, _)) => whats.push(escape(what)),
            None => rows.push((vec![escape(what)], why)),
        }
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(whats, why)| vec![whats.join(", "), escape(why)]).collect();
    let mut content = table(&["choice", "reason"], &[], &rows);
    if !recipe.is_empty() {
        let _ = writeln!(content, "<details><summary>recipe.toml</summary><pre>{}</pre></details>", escape(recipe));
    }
    section("The recipe", "From the recipe alone the run can be done again, to the same bits.", &content)
}

/// Stages, hashes and the whole manifest.
pub(crate) fn manifest(manifest: &Manifest) -> String {
    let longest = manifest.stages.iter().map(|(_, s)| *s).fold(f64::MIN_POSITIVE, f64::max);
    let stages: Vec<Vec<String>> =
        manifest.stages.iter().map(|(name, s)| vec![escape(name), bar(s / longest, seconds(*s))]).collect();
    let hashes: Vec<Vec<String>> = manifest
        .hashes
        .iter()
        .map(|(what, hash)| vec![escape(what), format!("<code>{}</code>", escape(hash))])
        .collect();
    let json = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
    let mut content = table(&["stage", "time"], &[], &stages) + &table(&["what", "SHA-256"], &[], &hashes);
    let _ = writeln!(content, "<details><summary>manifest.json</summary><pre>{}</pre></details>", escape(&json));
    section("Manifest", "What the run was made of.", &content)
}

fn show_score(task: &TaskScore, value: f64) -> String {
    measure::score(&task.metric, value)
}
