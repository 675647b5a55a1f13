//! `aquifer bench model`

mod shapes;
mod work;

use super::measure::{Measuring, Records, Stamp, unknown};
use super::ops::roof;
use super::table::{Columns, duration, percent, plus_minus, rate};
use crate::context::Context;
use anyhow::Context as _;
use aquifer_ops::Precision;
use aquifer_ops::peaks::Level;
use aquifer_record::PerfRecord;
use aquifer_record::perf::{Roof, Work};
use shapes::{Family, SHAPES, Shape};
use std::path::PathBuf;

/// Measure whole models: a training step, reading a prompt, answering, encoding
///
/// Weights are random and the shapes those of real models, so that nothing has to be downloaded: speed does not
/// depend on what a model knows. A training step is forward, backward and AdamW over one batch; an encoder reads
/// eight texts of one length. The share is that of what bounds the job on this machine: arithmetic in training, reading
/// and encoding, the bytes of the weights in answering. Below a job stands where its time goes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only jobs whose name contains this; may be given several times [default: those of the small models and
    /// of the encoder]
    #[arg(long, value_name = "NAME")]
    filter: Vec<String>,
    /// List the jobs and measure nothing
    #[arg(long)]
    list: bool,
    /// How products are rounded: f32, bf16, bf16x3 or bf16x6
    #[arg(long, value_name = "NAME", default_value = "bf16")]
    precision: String,
    /// Peaks to compare with, from `bench device --out` [default: measured first]
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    #[command(flatten)]
    measuring: Measuring,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    Train,
    Prefill,
    Decode { answers: usize },
    Encode { tokens: usize },
}

impl Job {
    fn name(self) -> String {
        match self {
            Job::Train => "train".into(),
            Job::Prefill => format!("prefill {PROMPT}"),
            Job::Decode { answers } => format!("decode {answers}"),
            Job::Encode { tokens } => format!("encode {tokens}"),
        }
    }
}

/// Tokens of the prompt that is read.
const PROMPT: usize = 1024;

/// Tokens of every answer, after a prompt of sixteen.
const ANSWER: usize = 64;

/// What each shape is measured at.
fn jobs() -> Vec<(&'static Shape, Job)> {
    let of = |shape: &'static Shape| {
        let jobs: &[Job] = match shape.family {
            Family::Gpt => &[Job::Train],
            Family::Llama => &[Job::Train, Job::Prefill, Job::Decode { answers: 1 }, Job::Decode { answers: 16 }],
            Family::Bert => &[Job::Encode { tokens: 128 }, Job::Encode { tokens: 512 }],
        };
        jobs.iter().map(move |&job| (shape, job))
    };
    SHAPES.iter().flat_map(of).collect()
}

fn title(shape: &Shape, job: Job) -> String {
    format!("{} {}", shape.name, job.name())
}

const COLUMNS: Columns =
    Columns(&[("job", -26), ("time", 9), ("±", 6), ("speed", 15), ("arithmetic", 13), ("of peak", 10)]);

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let plan = args.measuring.plan()?;
    let chosen = choose(&args.filter)?;
    if args.list {
        return list(chosen, ctx);
    }
    let precision = Precision::from_name(&args.precision)
        .with_context(|| format!("--precision takes {}, got `{}`", Precision::CHOICES, args.precision))?;
    let (stamp, mut records) = (Stamp::new("model", ctx), Records::new(&args.measuring, ctx));
    let roof = roof(args.device.as_deref(), ctx)?;
    if !ctx.json {
        println!("{}", COLUMNS.head());
    }
    for (shape, job) in chosen {
        if ctx.stop().requested() {
            break;
        }
        let record = match job {
            Job::Train => work::train(shape, precision, &plan, &stamp)?,
            Job::Encode { tokens } => work::encode(shape, tokens, precision, &plan, &stamp)?,
            Job::Prefill | Job::Decode { .. } => work::answer(shape, job, precision, &plan, &stamp)?,
        };
        let record = bounded(record, &roof);
        if !ctx.json {
            println!("{}", row(&record));
        }
        records.push(record);
    }
    records.finish()?;
    ctx.go_on("stopped before every model was measured")
}

fn choose(filters: &[String]) -> anyhow::Result<Vec<(&'static Shape, Job)>> {
    let names: Vec<String> = jobs().iter().map(|(shape, job)| title(shape, *job)).collect();
    if let Some(filter) = filters.iter().find(|filter| !names.iter().any(|name| name.contains(filter.as_str()))) {
        return Err(unknown(filter, names.iter().map(String::as_str)));
    }
    let wanted = |(shape, job): &(&Shape, Job)| match filters {
        [] => shape.small,
        _ => filters.iter().any(|filter| title(shape, *job).contains(filter.as_str())),
    };
    Ok(jobs().into_iter().filter(wanted).collect())
}

fn list(jobs: Vec<(&Shape, Job)>, ctx: &Context) -> anyhow::Result<()> {
    if ctx.json {
        return ctx.print_json(&jobs.iter().map(|(shape, job)| title(shape, *job)).collect::<Vec<_>>());
    }
    for (shape, job) in jobs {
        println!("{:<26} {}", title(shape, job), shape.about);
    }
    Ok(())
}

/// Adds what bounds the speed, and the share of it. Work in a record of this suite is that of one token.
fn bounded(record: PerfRecord, roof: &Roof) -> PerfRecord {
    // Split rungs stand in for f32, and are compared with its peak.
    let native = record.precision.as_deref().is_some_and(|precision| precision.starts_with("bf16/"));
    let kind = if native { "bf16" } else { "f32" };
    let level = record.level.clone().unwrap_or_else(|| Level::Dram.name().into());
    let read = record.read_bytes.unwrap_or(0) as f64;
    let work = Work { flops: record.flops.unwrap_or(0.0), dtype: kind, read, written: 0.0, level: &level };
    let bound = roof.bound(&work);
    PerfRecord {
        share_of_peak: bound.as_ref().map(|bound| bound.seconds * record.median),
        limit: bound.map(|bound| bound.limit),
        ..record
    }
}

fn row(record: &PerfRecord) -> String {
    let per_call = record.shape.iter().product::<u64>() as f64 / record.median;
    let share = record.share_of_peak.zip(record.limit.as_ref());
    let line = COLUMNS.row(&[
        record.name.clone(),
        duration(per_call),
        plus_minus(record.median, record.low.unwrap_or(f64::NAN), record.high.unwrap_or(f64::NAN)),
        rate(record.median, &record.unit),
        rate(record.flops.unwrap_or(0.0) * record.median, "FLOP/s"),
        share.map_or("–".to_owned(), |(share, limit)| format!("{} {limit}", percent(share))),
    ]);
    let mut parts: Vec<(f64, &str)> = record
        .facts
        .iter()
        .filter_map(|(name, share)| Some((share.parse().ok()?, name.strip_prefix("share of ")?)))
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    if parts.is_empty() {
        return line;
    }
    let shown: Vec<String> = parts.iter().map(|(share, name)| format!("{name} {}", percent(*share))).collect();
    format!("{line}\n  {}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_chosen_by_name() {
        let names = |filters: &[&str]| -> Vec<String> {
            let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
            choose(&filters).unwrap().iter().map(|(shape, job)| title(shape, *job)).collect()
        };
        assert_eq!(names(&["llama-13m decode"]), ["llama-13m decode 1", "llama-13m decode 16"]);
        assert!(names(&[]).iter().all(|name| !name.contains("136m")) && names(&["136m"]) == ["gpt-136m train"]);
        let refused = choose(&["gpt-71m train".to_owned()]).err().unwrap().to_string();
        assert!(refused.contains("`gpt-17m train`"), "{refused}");
    }

    #[test]
    fn rows_fit_a_hundred_columns() {
        let facts = ["products", "head and loss", "attention", "other operators", "update", "around"];
        let record = PerfRecord {
            name: "llama-101m prefill 1024".into(),
            shape: vec![4, 512],
            unit: "tokens/s".into(),
            median: 1234.5,
            low: Some(1200.0),
            high: Some(1300.0),
            flops: Some(6e8),
            share_of_peak: Some(0.5),
            limit: Some("bf16".into()),
            facts: facts.map(|name| (format!("share of {name}"), "0.1667".to_owned())).into(),
            ..PerfRecord::default()
        };
        let text = row(&record);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("1.66 s") && text.contains("head and loss 17 %"), "{text}");
    }
}
