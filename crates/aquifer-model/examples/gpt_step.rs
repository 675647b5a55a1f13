//! The training step of the benchmark: a GPT of 6 layers, d 384, 6 heads, T 256, B 8, V 8192, AdamW; with `--large`
//! of 12 layers, d 768, 12 heads, T 512, B 4, V 32768.
//!
//! ```text
//! gpt_step [--large] [--steps N | --on-demand] [--precision bf16|f32] [--threads N] [--single-chains]
//!          [--export FOLDER] [--profile]
//! ```
//! `--single-chains` cuts no product and no sum over tokens, to show what the order of "same bits" costs.
//! `--export` writes the initial weights as safetensors for the PyTorch twin, `benches/peers/gpt_step.py`, and
//! stops. One JSON object a step goes to standard output: loss before the update, seconds, tokens a second.
//! `--on-demand` reads numbers from standard input and runs so many steps for each, so that a driver can
//! interleave two programs.

use aquifer_grad::{Gradients, ParamId, StepLanes, profile};
use aquifer_model::{Gpt, GptConfig, TokenBatch, files};
use aquifer_ops::order::{MIN_SHARD, default_lanes};
use aquifer_ops::{AdamW, Precision, adamw};
use aquifer_tensor::{Tensor, memory, threads};
use std::error::Error;
use std::time::{Duration, Instant};

/// A model and the sequences of its step.
#[derive(Clone, Copy)]
struct Work {
    config: GptConfig,
    sequences: usize,
    single_chains: bool,
}

const SMALL: Work = Work {
    config: GptConfig { vocab: 8192, context: 256, width: 384, layers: 6, heads: 6, min_shard: MIN_SHARD },
    sequences: 8,
    single_chains: false,
};
const LARGE: Work = Work {
    config: GptConfig { vocab: 32_768, context: 512, width: 768, layers: 12, heads: 12, min_shard: MIN_SHARD },
    sequences: 4,
    single_chains: false,
};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let steps: usize = value("--steps").map_or(Ok(20), |s| s.parse())?;
    let name = value("--precision").map_or("bf16", |s| s);
    let precision =
        Precision::from_name(name).ok_or_else(|| format!("--precision should be {}", Precision::CHOICES))?;
    if let Some(n) = value("--threads") {
        threads::set_count(n.parse()?);
    }
    let given = |flag: &str| args.iter().any(|a| a == flag);
    let mut work = if given("--large") { LARGE } else { SMALL };
    if given("--single-chains") {
        work.config.min_shard = 1 << 30; // Longer than any k.
        work.single_chains = true;
    }
    let mut model = Gpt::init(work.config, 1, precision)?;
    if let Some(folder) = value("--export") {
        files::write_weights(&model.params, folder.as_ref(), files::SHARD_BYTES)?;
        return Ok(());
    }
    let profiling = given("--profile");
    profile::enable(profiling);
    let mut optimiser = Optimiser::new(&model);
    let mut grads = Gradients::new(&model.params);
    let mut parts = Parts::default();
    let on_demand = given("--on-demand").then(|| std::io::stdin().lines().map_while(Result::ok));
    let wanted = on_demand.into_iter().flatten().flat_map(|line| 0..line.trim().parse().unwrap_or(0_usize));
    let all: Box<dyn Iterator<Item = usize>> = if given("--on-demand") { Box::new(wanted) } else { Box::new(0..steps) };
    for (step, _) in all.enumerate() {
        let batch = batch(work, step);
        let start = Instant::now();
        let loss = forward_backward(&model, &batch, work.single_chains, &mut grads)?;
        let after_backward = start.elapsed();
        optimiser.update(&mut model, &grads, step as u64 + 1)?;
        let all = start.elapsed();
        let rate = batch.rows() as f64 / all.as_secs_f64();
        println!(
            "{{\"step\":{step},\"loss\":{loss:.6},\"seconds\":{:.6},\"tokens_per_second\":{rate:.1}}}",
            all.as_secs_f64()
        );
        if step == 0 {
            profile::take(); // The first step makes buffers and packed copies.
        } else {
            parts.add(all, after_backward);
        }
    }
    if profiling {
        parts.print(steps - 1);
    }
    Ok(())
}

/// Token ids of step `step`, the same in the PyTorch twin: a linear congruence, taken from its high bits.
fn batch(Work { config, sequences, .. }: Work, step: usize) -> TokenBatch {
    let (rows, len) = (sequences * config.context, config.context);
    let mut state = 12_345 + 7919 * step as u64;
    let mut next = || {
        state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF;
        // Squared towards the low ids, so that there is a frequency to learn.
        let unit = state >> 15;
        ((unit * unit * config.vocab as u64) >> 32) as u32
    };
    let tokens: Vec<Vec<u32>> = (0..sequences).map(|_| (0..=len).map(|_| next()).collect()).collect();
    TokenBatch {
        grains: sequences,
        grain_len: len,
        inputs: tokens.iter().flat_map(|t| t[..len].to_vec()).collect(),
        targets: tokens.iter().flat_map(|t| t[1..].to_vec()).collect(),
        segments: (0..sequences).map(|g| g * len..(g + 1) * len).collect(),
        positions: (0..rows).map(|r| (r % len) as u32).collect(),
        first_grain: 0,
    }
}

fn forward_backward(
    model: &Gpt,
    batch: &TokenBatch,
    single_chains: bool,
    grads: &mut Gradients,
) -> Result<f64, Box<dyn Error>> {
    let lanes = if single_chains { 1 } else { default_lanes(batch.grains, batch.grain_len) };
    grads.begin_step(StepLanes { grains: batch.grains, grain_len: batch.grain_len, lanes })?;
    let losses = model.loss_and_grad(batch, 1.0 / batch.rows() as f32, grads)?;
    grads.finish()?;
    Ok(losses.iter().map(|&l| f64::from(l)).sum::<f64>() / losses.len() as f64)
}

struct Optimiser {
    m: Vec<Tensor>,
    v: Vec<Tensor>,
}

impl Optimiser {
    fn new(model: &Gpt) -> Self {
        let zeros = || model.params.iter().map(|(_, _, t)| Tensor::zeros::<f32>(t.shape_of())).collect();
        Optimiser { m: zeros(), v: zeros() }
    }

    fn update(&mut self, model: &mut Gpt, grads: &Gradients, step: u64) -> Result<(), Box<dyn Error>> {
        let settings = AdamW { lr: 3e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, step, grad_scale: 1.0 };
        let mut result = Ok(());
        model.params.update_with(|id: ParamId, value| {
            let (g, i) = (grads.get(id).as_f32(), id.index());
            let updated = adamw(&settings, value.as_f32_mut(), g, self.m[i].as_f32_mut(), self.v[i].as_f32_mut());
            result = result.clone().and(updated);
        });
        Ok(result?)
    }
}

/// Time by part, over the steps after the first.
#[derive(Default)]
struct Parts {
    all: Duration,
    backward: Duration,
}

impl Parts {
    fn add(&mut self, all: Duration, after_backward: Duration) {
        self.all += all;
        self.backward += after_backward;
    }

    fn print(&self, steps: usize) {
        let ms = |t: Duration| t.as_secs_f64() * 1e3 / steps.max(1) as f64;
        eprintln!("{:>10.2} ms  step", ms(self.all));
        let mut inside = Duration::ZERO;
        for (name, pass, time) in profile::take() {
            eprintln!("{:>10.2} ms  {name} {pass:?}", ms(time));
            inside += time;
        }
        eprintln!("{:>10.2} ms  around the operators", ms(self.backward.saturating_sub(inside)));
        eprintln!("{:>10.2} ms  AdamW", ms(self.all - self.backward));
        eprintln!("{:>10.2} MiB tensors at the peak", memory::peak_bytes() as f64 / (1 << 20) as f64);
    }
}
