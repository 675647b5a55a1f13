//! `aquifer bench model`

use super::measure::{Measuring, Records, Stamp, unknown};
use super::ops::roof;
use super::table::{Columns, percent, plus_minus, rate, seconds};
use crate::context::Context;
use anyhow::Context as _;
use aquifer_grad::{Gradients, Kind, Params, StepLanes, profile};
use aquifer_infer::{Engine, Generate, Limits, Request};
use aquifer_model::{Decoder, DecoderConfig, Gpt, GptConfig, TokenBatch};
use aquifer_ops::Precision;
use aquifer_ops::bench::timing::{Plan, warm};
use aquifer_ops::order::{MIN_SHARD, default_lanes};
use aquifer_ops::peaks::{Caches, Level};
use aquifer_optim::{Method, OptimizerSettings, OptimizerState};
use aquifer_record::PerfRecord;
use aquifer_record::perf::{Roof, Work};
use aquifer_tensor::random::Stream;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Measure whole models: a training step, reading a prompt, answering
///
/// Weights are random and the shapes those of real models, so that nothing has to be downloaded: speed does not
/// depend on what a model knows. A training step is forward, backward and AdamW over one batch. The share is that of
/// what bounds the job on this machine: arithmetic in training and reading, the bytes of the weights in answering.
/// Below a training step stands where its time goes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only jobs whose name contains this; may be given several times [default: those of the small models]
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

/// A network and the batch it is trained with.
struct Shape {
    name: &'static str,
    about: &'static str,
    small: bool,
    family: Family,
    layers: usize,
    width: usize,
    heads: usize,
    kv_heads: usize,
    vocab: usize,
    sequence: usize,
    batch: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Gpt,
    Llama,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "gpt-17m",
        about: "GPT-2 type, 6 layers of 384, batches of 8 × 256",
        small: true,
        family: Family::Gpt,
        layers: 6,
        width: 384,
        heads: 6,
        kv_heads: 6,
        vocab: 8192,
        sequence: 256,
        batch: 8,
    },
    Shape {
        name: "llama-13m",
        about: "Llama type, 6 layers of 384, batches of 8 × 256",
        small: true,
        family: Family::Llama,
        layers: 6,
        width: 384,
        heads: 6,
        kv_heads: 2,
        vocab: 8192,
        sequence: 256,
        batch: 8,
    },
    Shape {
        name: "gpt-136m",
        about: "GPT-2 type, 12 layers of 768, batches of 4 × 512",
        small: false,
        family: Family::Gpt,
        layers: 12,
        width: 768,
        heads: 12,
        kv_heads: 12,
        vocab: 32768,
        sequence: 512,
        batch: 4,
    },
    Shape {
        name: "llama-101m",
        about: "Llama type, 12 layers of 768, batches of 4 × 512",
        small: false,
        family: Family::Llama,
        layers: 12,
        width: 768,
        heads: 12,
        kv_heads: 4,
        vocab: 32768,
        sequence: 512,
        batch: 4,
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    Train,
    Prefill,
    Decode { answers: usize },
}

impl Job {
    fn name(self) -> String {
        match self {
            Job::Train => "train".into(),
            Job::Prefill => format!("prefill {PROMPT}"),
            Job::Decode { answers } => format!("decode {answers}"),
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
        let answering = [Job::Prefill, Job::Decode { answers: 1 }, Job::Decode { answers: 16 }];
        let kept = if shape.family == Family::Llama { &answering[..] } else { &[] };
        std::iter::once(Job::Train).chain(kept.to_vec()).map(move |job| (shape, job)).collect::<Vec<_>>()
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
            Job::Train => train(shape, precision, &plan, &stamp)?,
            _ => answer(shape, job, precision, &plan, &stamp)?,
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

/// Forward, backward and update over one batch.
fn train(shape: &Shape, precision: Precision, plan: &Plan, stamp: &Stamp) -> anyhow::Result<PerfRecord> {
    let mut net = Net::new(shape, precision)?;
    let batch = shape.batch();
    let lanes = default_lanes(batch.grains, batch.grain_len);
    let lanes = StepLanes { grains: batch.grains, grain_len: batch.grain_len, lanes };
    let scale = 1.0 / batch.rows() as f32;
    let (mut grads, mut moments) = (Gradients::new(net.params()), OptimizerState::new(Method::AdamW, net.params()));
    let (mut step, mut updating, mut failed) = (0, 0.0, None);
    let mut once = || -> anyhow::Result<()> {
        step += 1;
        grads.begin_step(lanes)?;
        net.loss_and_grad(&batch, scale, &mut grads)?;
        grads.finish()?;
        let begun = Instant::now();
        moments.update(&OptimizerSettings::default(), 3e-4, 1.0, step, &grads, net.params_mut())?;
        updating = begun.elapsed().as_secs_f64();
        Ok(())
    };
    let samples = warm(&mut || failed = failed.take().or(once().err()), plan);
    // One more with the clock of every operator on.
    profile::take();
    profile::enable(true);
    let begun = Instant::now();
    let last = once();
    let whole = begun.elapsed().as_secs_f64();
    profile::enable(false);
    failed.map_or(last, Err)?;
    let parts = parts(whole, updating);
    let rates: Vec<f64> = samples.iter().map(|s| batch.rows() as f64 / s).collect();
    let forward = shape.forward_flops(net.params(), batch.grains, batch.grain_len);
    Ok(PerfRecord {
        shape: vec![shape.batch as u64, shape.sequence as u64],
        flops: Some(3.0 * forward / batch.rows() as f64),
        facts: parts,
        ..common(stamp.measured(&title(shape, Job::Train), "tokens/s", &rates), precision)
    })
}

/// Shares of a step: products, the head with its loss, attention, all other operators, the update, what is around.
fn parts(whole: f64, updating: f64) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<&str, f64> = BTreeMap::new();
    for (operator, _, time) in profile::take() {
        let part = match operator {
            "linear" => "products",
            "cross_entropy" => "head and loss",
            "attention" => "attention",
            _ => "other operators",
        };
        *parts.entry(part).or_default() += time.as_secs_f64();
    }
    parts.insert("update", updating);
    let around = whole - parts.values().sum::<f64>();
    parts.insert("around", around.max(0.0));
    parts.into_iter().map(|(part, time)| (format!("share of {part}"), format!("{:.4}", time / whole))).collect()
}

/// Reading one prompt, or several answers side by side.
fn answer(shape: &Shape, job: Job, precision: Precision, plan: &Plan, stamp: &Stamp) -> anyhow::Result<PerfRecord> {
    let model = Decoder::init(shape.decoder(), 1, precision)?;
    let (answers, prompt, tokens) = match job {
        Job::Decode { answers } => (answers, 16, ANSWER),
        _ => (1, PROMPT, 1),
    };
    let weights = shape.product_weights(&model.params);
    let forward = match job {
        Job::Decode { .. } => 2.0 * weights,
        _ => shape.forward_flops(&model.params, 1, PROMPT) / PROMPT as f64,
    };
    let made = if matches!(job, Job::Decode { .. }) { answers * tokens } else { prompt };
    let mut engine = Engine::new(Arc::new(model), Limits { cache_bytes: usize::MAX, ..Limits::default() });
    let mut failed = None;
    let mut once = || {
        let request = |i: usize| Request::greedy(shape.tokens(prompt, i as u64), tokens);
        engine.generate((0..answers).map(request).collect(), &mut |_, _| true).map(|_| ())
    };
    let samples = warm(&mut || failed = failed.take().or(once().err()), plan);
    failed.map_or(Ok(()), Err)?;
    let rates: Vec<f64> = samples.iter().map(|s| made as f64 / s).collect();
    let bytes = precision.packed_bytes() as f64;
    // A step reads every weight once, whatever the number of rows.
    let steps = if matches!(job, Job::Decode { .. }) { tokens } else { 1 };
    let read = (bytes * weights * steps as f64 / made as f64) as u64;
    let held = Level::holding((bytes * weights) as usize, aquifer_tensor::threads::count(), &Caches::find());
    Ok(PerfRecord {
        shape: vec![answers as u64, (made / answers) as u64],
        flops: Some(forward),
        read_bytes: Some(read),
        level: Some(held.name().into()),
        ..common(stamp.measured(&title(shape, job), "tokens/s", &rates), precision)
    })
}

fn common(record: PerfRecord, precision: Precision) -> PerfRecord {
    PerfRecord { dtype: Some("f32".into()), precision: Some(precision.name().into()), ..record }
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
        seconds(per_call),
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

/// Either kind of network.
enum Net {
    Gpt(Box<Gpt>),
    Llama(Box<Decoder>),
}

impl Net {
    fn new(shape: &Shape, precision: Precision) -> anyhow::Result<Self> {
        let Shape { vocab, sequence: context, width, layers, heads, .. } = *shape;
        Ok(match shape.family {
            Family::Gpt => Net::Gpt(Box::new(Gpt::init(
                GptConfig { vocab, context, width, layers, heads, min_shard: MIN_SHARD },
                1,
                precision,
            )?)),
            Family::Llama => Net::Llama(Box::new(Decoder::init(shape.decoder(), 1, precision)?)),
        })
    }

    fn params(&self) -> &Params {
        match self {
            Net::Gpt(net) => &net.params,
            Net::Llama(net) => &net.params,
        }
    }

    fn params_mut(&mut self) -> &mut Params {
        match self {
            Net::Gpt(net) => &mut net.params,
            Net::Llama(net) => &mut net.params,
        }
    }

    fn loss_and_grad(&self, batch: &TokenBatch, scale: f32, grads: &mut Gradients) -> anyhow::Result<()> {
        match self {
            Net::Gpt(net) => net.loss_and_grad(batch, scale, grads)?,
            Net::Llama(net) => net.loss_and_grad(batch, scale, grads, None)?,
        };
        Ok(())
    }
}

impl Shape {
    fn decoder(&self) -> DecoderConfig {
        DecoderConfig::small(self.width, self.layers, self.heads, self.kv_heads, self.vocab)
    }

    /// Made-up tokens.
    fn tokens(&self, n: usize, salt: u64) -> Vec<u32> {
        let stream = Stream::new(1, "bench.tokens", "");
        (0..n as u64).map(|i| stream.below(salt, i, self.vocab as u64) as u32).collect()
    }

    fn batch(&self) -> TokenBatch {
        let (grains, len) = (self.batch, self.sequence);
        let all: Vec<Vec<u32>> = (0..grains as u64).map(|g| self.tokens(len + 1, g)).collect();
        TokenBatch {
            grains,
            grain_len: len,
            inputs: all.iter().flat_map(|t| t[..len].to_vec()).collect(),
            targets: all.iter().flat_map(|t| t[1..].to_vec()).collect(),
            segments: (0..grains).map(|g| g * len..(g + 1) * len).collect(),
            positions: (0..grains * len).map(|row| (row % len) as u32).collect(),
            first_grain: 0,
        }
    }

    /// Numbers in the weights that take part in products, the head among them.
    fn product_weights(&self, params: &Params) -> f64 {
        let matrices = params.iter().filter(|(id, ..)| params.kind(*id) == Kind::Matrix);
        let tied = if self.family == Family::Llama { self.vocab * self.width } else { 0 };
        matrices.map(|(.., value)| value.numel()).sum::<usize>() as f64 + tied as f64
    }

    /// Operations of a forward pass over `sequences` of `len` tokens: the weights, and attention's visible pairs.
    fn forward_flops(&self, params: &Params, sequences: usize, len: usize) -> f64 {
        let pairs = (sequences * self.layers * len * (len + 1) / 2 * self.width) as f64;
        2.0 * self.product_weights(params) * (sequences * len) as f64 + 2.0 * 2.0 * pairs
    }
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
    fn the_names_say_how_large_the_models_are() {
        for shape in SHAPES.iter().filter(|shape| shape.small) {
            let millions = Net::new(shape, Precision::F32).unwrap().params().numel() as f64 / 1e6;
            let said: f64 = shape.name.split(['-', 'm']).filter_map(|part| part.parse().ok()).next_back().unwrap();
            assert!((millions - said).abs() < 0.51, "{}: {millions}", shape.name);
        }
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
