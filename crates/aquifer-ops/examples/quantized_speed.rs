//! Products with few rows and large weights, as shares of the read bandwidth measured beside them, and products with
//! many rows, in operations a second.
//!
//! `cargo run --release -p aquifer-ops --example quantized_speed [ROUNDS]`. Samples are short and take turns, and each
//! figure is the best of many: a busy machine shows what the code can do.

use aquifer_ops::order::MIN_SHARD;
use aquifer_ops::{PackedWeight, Precision, QuantFormat, QuantizedWeight, linear, linear_quantized};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Isa, Tensor, isa, threads};
use std::hint::black_box;
use std::time::Instant;

/// Rows of a large weight, and its columns.
const SIDE: usize = 4096;

/// Formats of weights, as the command line names them.
const NAMES: [&str; 4] = ["bf16/pair", "int8", "int8/128", "int4"];

/// Read between two uses of a weight, so that none is still in the last cache.
const BEYOND_CACHE: usize = 192 << 20;

enum Weight {
    Packed(PackedWeight),
    Quantized(QuantizedWeight),
}

impl Weight {
    fn new(w: &Tensor, name: &str) -> Self {
        match (Precision::from_name(name), QuantFormat::from_name(name)) {
            (Some(precision), _) => Weight::Packed(PackedWeight::new(&w.view(), MIN_SHARD, precision).expect("floats")),
            (_, Some(format)) => Weight::Quantized(QuantizedWeight::new(&w.view(), MIN_SHARD, format).expect("floats")),
            _ => panic!("`{name}` is no format of weights"),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Weight::Packed(w) => w.bytes(),
            Weight::Quantized(w) => w.bytes(),
        }
    }

    fn product(&self, x: &Tensor, out: &mut Tensor) {
        match self {
            Weight::Packed(w) => linear(&x.view(), w, None, &mut out.view_mut()).expect("shapes fit"),
            Weight::Quantized(w) => linear_quantized(&x.view(), w, None, &mut out.view_mut()).expect("shapes fit"),
        }
    }
}

fn noise(shape: [usize; 2]) -> Tensor {
    let stream = Stream::new(1, "speed", "noise");
    let data: Vec<f32> = (0..(shape[0] * shape[1]) as u64).map(|i| stream.uniform(0, i) - 0.5).collect();
    Tensor::from_f32(&data, shape)
}

fn seconds(call: impl FnOnce()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64()
}

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(15);
    let w = noise([SIDE, SIDE]);
    let buffer = Tensor::zeros::<u8>([BEYOND_CACHE]);
    for count in [1, 2] {
        threads::with(count, || {
            println!("{} · {count} threads · weights {SIDE} x {SIDE}", isa::active());
            few_rows(&w, &buffer, rounds);
            many_rows(&w, 2 * rounds);
        });
    }
}

fn few_rows(w: &Tensor, buffer: &Tensor, rounds: usize) {
    for name in NAMES {
        let bytes = Weight::new(w, name).bytes();
        // Copies of their own, used in turn; beside each, as many bytes are merely read.
        let weights: Vec<Weight> = (0..BEYOND_CACHE / bytes).map(|_| Weight::new(w, name)).collect();
        for m in [1, 2, 4, 8, 12] {
            let (x, mut out) = (noise([m, SIDE]), Tensor::zeros::<f32>([m, SIDE]));
            let (mut product, mut reading) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..rounds {
                for (part, w) in buffer.as_bytes().chunks_exact(bytes).zip(&weights) {
                    reading = reading.min(seconds(|| read(part)));
                    product = product.min(seconds(|| w.product(&x, &mut out)));
                }
            }
            println!(
                "  {name:<10} {m} rows: {:>5.1} of {:>5.1} GB/s read, {:>4.0} %, {:>7.1} µs",
                1e-9 * bytes as f64 / product,
                1e-9 * bytes as f64 / reading,
                100.0 * reading / product,
                1e6 * product
            );
        }
    }
}

fn many_rows(w: &Tensor, rounds: usize) {
    let m = 96;
    let (x, mut out) = (noise([m, SIDE]), Tensor::zeros::<f32>([m, SIDE]));
    let mut all = NAMES.map(|name| (Weight::new(w, name), f64::INFINITY));
    for _ in 0..rounds {
        for (w, best) in &mut all {
            *best = best.min(seconds(|| w.product(&x, &mut out)));
        }
    }
    for ((_, best), name) in all.into_iter().zip(NAMES) {
        println!("  {name:<10} {m} rows: {:>6.0} Gop/s", 2e-9 * (m * SIDE * SIDE) as f64 / best);
    }
}

/// Reads all bytes, each thread a few parts, from start to end.
fn read(bytes: &[u8]) {
    let n = 4 * threads::count();
    threads::parallel_for(n, |i| {
        let part = &bytes[i * bytes.len() / n..(i + 1) * bytes.len() / n];
        #[cfg(target_arch = "x86_64")]
        if Isa::Avx512.available() {
            // SAFETY: found just now.
            black_box(unsafe { read_avx512(part) });
            return;
        }
        let sum = part.as_chunks::<8>().0.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
        black_box(sum);
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn read_avx512(part: &[u8]) -> i32 {
    use std::arch::x86_64::*;
    let mut all = [_mm512_setzero_si512(); 8];
    for lines in part.as_chunks::<512>().0 {
        for (all, line) in all.iter_mut().zip(lines.as_chunks::<64>().0) {
            // SAFETY: 64 bytes of the slice.
            *all = _mm512_or_si512(*all, unsafe { _mm512_loadu_si512(line.as_ptr().cast()) });
        }
    }
    _mm512_reduce_or_epi32(all.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_or_si512(a, b)))
}
