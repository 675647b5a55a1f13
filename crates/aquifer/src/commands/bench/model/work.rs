//! One job each: made ready, timed, and told as a record.

use super::shapes::{Family, Shape};
use super::{ANSWER, Job, PROMPT, title};
use crate::commands::bench::measure::Stamp;
use aquifer_grad::{Gradients, Params, StepLanes, profile};
use aquifer_infer::{Engine, Generate, Limits, Request};
use aquifer_model::{Decoder, Encoder, Gpt, GptConfig, Texts, TokenBatch};
use aquifer_ops::Precision;
use aquifer_ops::bench::timing::{Plan, warm};
use aquifer_ops::order::{MIN_SHARD, default_lanes};
use aquifer_ops::peaks::{Caches, Level};
use aquifer_optim::{Method, OptimizerSettings, OptimizerState};
use aquifer_record::PerfRecord;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Forward, backward and update over one batch.
pub(super) fn train(shape: &Shape, precision: Precision, plan: &Plan, stamp: &Stamp) -> anyhow::Result<PerfRecord> {
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
    failed.map_or(Ok(()), Err)?;
    let (whole, mut parts) = profiled(&mut once)?;
    parts.insert("update", updating);
    let rates: Vec<f64> = samples.iter().map(|s| batch.rows() as f64 / s).collect();
    let forward = shape.forward_flops(net.params(), batch.grains, batch.grain_len);
    Ok(PerfRecord {
        shape: vec![shape.batch as u64, shape.sequence as u64],
        flops: Some(3.0 * forward / batch.rows() as f64),
        facts: shares(whole, parts),
        ..common(stamp.measured(&title(shape, Job::Train), "tokens/s", &rates), precision)
    })
}

/// Runs once more with the clock of every operator on: seconds of all of it, and of products, the head with its loss,
/// attention, and all other operators.
fn profiled(once: &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<(f64, BTreeMap<&'static str, f64>)> {
    profile::take();
    profile::enable(true);
    let begun = Instant::now();
    let result = once();
    let whole = begun.elapsed().as_secs_f64();
    profile::enable(false);
    result?;
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
    Ok((whole, parts))
}

/// Shares of the whole, and what is left around the parts.
fn shares(whole: f64, mut parts: BTreeMap<&str, f64>) -> BTreeMap<String, String> {
    let around = whole - parts.values().sum::<f64>();
    parts.insert("around", around.max(0.0));
    parts.into_iter().map(|(part, time)| (format!("share of {part}"), format!("{:.4}", time / whole))).collect()
}

/// The last hidden states of a batch of texts.
pub(super) fn encode(
    shape: &Shape,
    tokens: usize,
    precision: Precision,
    plan: &Plan,
    stamp: &Stamp,
) -> anyhow::Result<PerfRecord> {
    let model = Encoder::init(shape.encoder(), 1, precision)?;
    let texts = Texts::new((0..shape.batch as u64).map(|salt| shape.tokens(tokens, salt)));
    let mut once = || Ok(model.hidden(&texts).map(drop)?);
    let mut failed = None;
    let samples = warm(&mut || failed = failed.take().or(once().err()), plan);
    failed.map_or(Ok(()), Err)?;
    let (whole, parts) = profiled(&mut once)?;
    let rows = texts.token_count() as f64;
    let rates: Vec<f64> = samples.iter().map(|s| rows / s).collect();
    Ok(PerfRecord {
        shape: vec![shape.batch as u64, tokens as u64],
        flops: Some(shape.forward_flops(&model.params, shape.batch, tokens) / rows),
        facts: shares(whole, parts),
        ..common(stamp.measured(&title(shape, Job::Encode { tokens }), "tokens/s", &rates), precision)
    })
}

/// Reading one prompt, or several answers side by side.
pub(super) fn answer(
    shape: &Shape,
    job: Job,
    precision: Precision,
    plan: &Plan,
    stamp: &Stamp,
) -> anyhow::Result<PerfRecord> {
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

/// Either kind of network that is trained.
enum Net {
    Gpt(Box<Gpt>),
    Llama(Box<Decoder>),
}

impl Net {
    fn new(shape: &Shape, precision: Precision) -> anyhow::Result<Self> {
        let Shape { vocab, sequence: context, width, layers, heads, .. } = *shape;
        let config = GptConfig { vocab, context, width, layers, heads, min_shard: MIN_SHARD };
        Ok(match shape.family {
            Family::Gpt => Net::Gpt(Box::new(Gpt::init(config, 1, precision)?)),
            _ => Net::Llama(Box::new(Decoder::init(shape.decoder(), 1, precision)?)),
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

#[cfg(test)]
mod tests {
    use super::super::shapes::SHAPES;
    use super::*;

    #[test]
    fn the_names_say_how_large_the_models_are() {
        for shape in SHAPES.iter().filter(|shape| shape.small) {
            let numbers = match shape.family {
                Family::Bert => Encoder::init(shape.encoder(), 1, Precision::F32).unwrap().params.numel(),
                _ => Net::new(shape, Precision::F32).unwrap().params().numel(),
            };
            let millions = numbers as f64 / 1e6;
            let said: f64 = shape.name.split(['-', 'm']).filter_map(|part| part.parse().ok()).next_back().unwrap();
            assert!((millions - said).abs() < 0.51, "{}: {millions}", shape.name);
        }
    }
}
