//! How fast prompts are read and answers made, with random weights: `cargo run --release -p aquifer-infer
//! --example decode_speed [HIDDEN LAYERS HEADS KV_HEADS VOCAB PRECISION]`.

use aquifer_infer::{Engine, Generate, Limits, Request};
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::{Precision, QuantFormat};
use aquifer_tensor::threads;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 5;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| given.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let [d, layers, heads, kv_heads, vocab] =
        [number(0, 384), number(1, 6), number(2, 6), number(3, 2), number(4, 8192)];
    let name = given.get(5).map_or("bf16", String::as_str);
    let precision = Precision::from_name(name).expect("a precision such as bf16 or f32");
    let config = DecoderConfig::small(d, layers, heads, kv_heads, vocab);
    println!("{precision} beside quantised weights, {} threads", threads::count());
    let engines = [None, Some(QuantFormat::INT8), Some(QuantFormat::INT4)].map(|format| {
        let mut model = Decoder::init(config.clone(), 1, precision).expect("these sizes make a model");
        if let Some(format) = format {
            model.quantize(format).expect("its weights are matrices");
        }
        let name = format.map_or(precision.name(), |format| format.name());
        (name, Engine::new(Arc::new(model), Limits { cache_bytes: usize::MAX, ..Limits::default() }))
    });
    let prompt = |n: usize, salt: u32| -> Vec<u32> { (0..n as u32).map(|i| (i * 37 + salt) % vocab as u32).collect() };
    let time = |engine: &mut Engine, requests: Vec<Request>| {
        let start = Instant::now();
        engine.generate(requests, &mut |_, _| true).expect("these requests fit");
        start.elapsed().as_secs_f64()
    };
    let mut engines = engines.map(|(name, mut engine)| {
        time(&mut engine, vec![Request::greedy(prompt(8, 0), 8)]);
        (name, engine)
    });
    let made = 64;
    for (what, batch, read, made) in
        [("reading a prompt of 1024", 1, 1024, 1)].into_iter().chain([1, 2, 4, 8, 16].map(|n| ("answers", n, 16, made)))
    {
        let requests = || (0..batch).map(|i| Request::greedy(prompt(read, i), made)).collect();
        let mut best = [f64::INFINITY; 3];
        // In turn, and the best of several, so that a busy machine disturbs all alike.
        for _ in 0..ROUNDS {
            for (best, (_, engine)) in best.iter_mut().zip(&mut engines) {
                *best = best.min(time(engine, requests()));
            }
        }
        let tokens = f64::from(batch) * if made == 1 { read } else { made } as f64;
        let speeds = engines.iter().zip(best).map(|((name, _), seconds)| format!("{name} {:.0}", tokens / seconds));
        println!("{batch:3} {what}: {} tokens/s", speeds.collect::<Vec<_>>().join(", "));
    }
}
