//! How fast prompts are read and answers made, with random weights: `cargo run --release -p aquifer-infer
//! --example decode_speed [HIDDEN LAYERS HEADS KV_HEADS VOCAB PRECISION]`.

use aquifer_infer::{Engine, Generate, Limits, Request};
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_tensor::threads;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| given.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let [d, layers, heads, kv_heads, vocab] =
        [number(0, 384), number(1, 6), number(2, 6), number(3, 2), number(4, 8192)];
    let name = given.get(5).map_or("bf16", String::as_str);
    let precision = Precision::from_name(name).expect("a precision such as bf16 or f32");
    let config = DecoderConfig::small(d, layers, heads, kv_heads, vocab);
    let model = Arc::new(Decoder::init(config, 1, precision).expect("these sizes make a model"));
    println!("{:.1} M parameters, {precision}, {} threads", model.param_count() as f64 / 1e6, threads::count());
    let prompt = |n: usize, salt: u32| -> Vec<u32> { (0..n as u32).map(|i| (i * 37 + salt) % vocab as u32).collect() };
    let mut engine = Engine::new(model, Limits { cache_bytes: usize::MAX, ..Limits::default() });
    let mut time = |requests: Vec<Request>| {
        let start = Instant::now();
        engine.generate(requests, &mut |_, _| true).expect("these requests fit");
        start.elapsed().as_secs_f64()
    };
    time(vec![Request::greedy(prompt(8, 0), 8)]);
    let reading = time(vec![Request::greedy(prompt(1024, 1), 1)]);
    println!("reading a prompt of 1024: {:.0} tokens/s", 1024.0 / reading);
    for batch in [1, 2, 4, 8, 16, 32, 64] {
        let n = 128;
        let requests = (0..batch).map(|i| Request::greedy(prompt(16, i), n)).collect();
        let seconds = time(requests);
        let made = f64::from(batch) * n as f64;
        println!(
            "{batch:3} answers at once: {:8.0} tokens/s, {:.2} ms a step",
            made / seconds,
            seconds / n as f64 * 1e3
        );
    }
}
