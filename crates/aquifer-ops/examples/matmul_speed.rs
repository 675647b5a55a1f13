//! How fast matrix products run here, beside what the registers could do at most.
//!
//! `cargo run --release -p aquifer-ops --example matmul_speed [-- --isa NAME] [--threads N] [--precision NAME]`
//! Every figure is the best of many calls, so that a busy machine shows what the code can do; on one thread it is
//! processor time, which does not run while other processes do.

use aquifer_ops::bench::timing::Plan;
use aquifer_ops::peaks::peak;
use aquifer_ops::{Begin, PackedWeight, Precision, TokenChains, linear, linear_weight_grad};
use aquifer_tensor::random::Stream;
use aquifer_tensor::{Isa, Tensor, isa, threads};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1));
    if let Some(isa) = value("--isa").and_then(|name| Isa::from_name(name)) {
        assert!(isa::force(isa), "this machine has no {isa}");
    }
    if let Some(n) = value("--threads").and_then(|n| n.parse().ok()) {
        threads::set_count(n);
    }
    println!("{} · {} threads", isa::active(), threads::count());
    let [f32, bf16] = ["f32", "bf16"].map(|dtype| peak(dtype, &Plan { samples: 2000, seconds: 0.0 }) / 1e9);
    println!("register peaks, GFLOP/s: f32 {f32:.0}, bf16 {bf16:.0}");
    let wanted = value("--precision").and_then(|name| Precision::from_name(name));
    for precision in
        wanted.map_or_else(|| ["bf16/pair", "bf16/tile", "f32"].map(Precision::from_name).to_vec(), |p| vec![Some(p)])
    {
        let precision = precision.expect("names of precisions");
        let peak = if precision.name() == "bf16/pair" && bf16 > 0.0 { bf16 } else { f32 };
        println!("\n{precision}, m x n x k");
        for (m, n, k) in [
            (1024, 1024, 1024),
            (2048, 2048, 2048),
            (2048, 3072, 768),
            (2048, 768, 3072),
            (4096, 1024, 4096),
            (2048, 384, 384),
            (2048, 1152, 384),
            (2048, 1536, 384),
            (2048, 384, 1536),
            (2048, 8192, 384),
            (2048, 384, 8192),
            (768, 128, 128),
            (768, 384, 128),
            (768, 512, 128),
            (768, 128, 512),
        ] {
            product(m, n, k, precision, peak);
        }
        for (n, k, t, lanes) in [
            (384, 1536, 2048, 1),
            (384, 1536, 2048, 2),
            (1536, 384, 2048, 2),
            (384, 384, 2048, 2),
            (8192, 384, 2048, 2),
            (128, 512, 768, 1),
            (768, 64, 2048, 1),
        ] {
            weight_grad(n, k, t, lanes, precision, peak);
        }
        for (n, k) in [(4096, 4096), (1024, 1024), (384, 384)] {
            decode(n, k, precision);
        }
        for (n, k) in [(1536, 384), (8192, 384), (4096, 4096)] {
            packing(n, k, precision);
        }
    }
}

fn noise(shape: [usize; 2]) -> Tensor {
    let stream = Stream::new(1, "speed", "noise");
    let data: Vec<f32> = (0..(shape[0] * shape[1]) as u64).map(|i| stream.uniform(0, i) - 0.5).collect();
    Tensor::from_f32(&data, shape)
}

/// Seconds of the best call within a second or so.
fn best(mut call: impl FnMut()) -> f64 {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    let mut calls = 0;
    while calls < 5 || start.elapsed() < Duration::from_millis(600) {
        let began = now();
        call();
        best = best.min(now() - began);
        calls += 1;
    }
    best
}

/// Seconds: of this thread where it works alone, else of the clock on the wall.
fn now() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    #[cfg(target_os = "linux")]
    if threads::count() == 1 {
        unsafe extern "C" {
            fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
        }
        const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
        let mut time = [0; 2];
        // SAFETY: fills two 64-bit integers, on the 64-bit systems the kernels are for.
        unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
        return time[0] as f64 + 1e-9 * time[1] as f64;
    }
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

fn product(m: usize, n: usize, k: usize, precision: Precision, peak: f64) {
    let (x, w) = (noise([m, k]), noise([n, k]));
    let packed = PackedWeight::new(&w.view(), 256, precision).expect("a matrix");
    let mut out = Tensor::zeros::<f32>([m, n]);
    let seconds = best(|| linear(&x.view(), &packed, None, &mut out.view_mut()).expect("shapes fit"));
    let speed = 2e-9 * (m * n * k) as f64 / seconds;
    println!(
        "  linear {m:>5} x {n:>4} x {k:>4}       {speed:>6.0} GFLOP/s {:>4.0} % {:>8.1} µs",
        100.0 * speed / peak,
        seconds * 1e6
    );
}

fn weight_grad(n: usize, k: usize, t: usize, lanes: usize, precision: Precision, peak: f64) {
    let (dy, x) = (noise([t, n]), noise([t, k]));
    let mut dw = Tensor::zeros::<f32>([n, k]);
    let cut = t / lanes;
    let chains = TokenChains { grain: 256, lanes: (0..lanes).map(|l| l * cut..(l + 1) * cut).collect() };
    let seconds = best(|| {
        linear_weight_grad(&dy.view(), &x.view(), &chains, Begin::Fresh, precision, &mut dw.view_mut())
            .expect("shapes fit");
    });
    let speed = 2e-9 * (n * k * t) as f64 / seconds;
    println!(
        "  weight grad {n:>4} x {k:>4}, t {t} in {lanes} {speed:>6.0} GFLOP/s {:>4.0} % {:>8.1} µs",
        100.0 * speed / peak,
        seconds * 1e6
    );
}

fn decode(n: usize, k: usize, precision: Precision) {
    let (x, w) = (noise([1, k]), noise([n, k]));
    // Enough copies that none is still in the last cache when its turn comes.
    let packed = PackedWeight::new(&w.view(), 256, precision).expect("a matrix");
    let copies = if n * k > 1 << 23 { (128 << 20) / packed.bytes() + 1 } else { 1 };
    let copies: Vec<PackedWeight> =
        (0..copies).map(|_| PackedWeight::new(&w.view(), 256, precision).expect("a matrix")).collect();
    let mut out = Tensor::zeros::<f32>([1, n]);
    let mut turn = 0;
    let seconds = best(|| {
        linear(&x.view(), &copies[turn % copies.len()], None, &mut out.view_mut()).expect("shapes fit");
        turn += 1;
    });
    let speed = 1e-9 * packed.bytes() as f64 / seconds;
    println!("  decode 1 x {n} x {k}: {speed:.1} GB/s, {:.1} µs", seconds * 1e6);
}

fn packing(n: usize, k: usize, precision: Precision) {
    let w = noise([n, k]);
    let mut packed = PackedWeight::new(&w.view(), 256, precision).expect("a matrix");
    let mut turned = PackedWeight::new(&w.view().transpose(0, 1), 256, precision).expect("a matrix");
    let plain = best(|| packed.repack(&w.view()).expect("same shape"));
    let other = best(|| turned.repack(&w.view().transpose(0, 1)).expect("same shape"));
    let speed = |seconds: f64| 4e-9 * (n * k) as f64 / seconds;
    println!("  pack {n} x {k}: {:.1} GB/s read, transposed {:.1} GB/s", speed(plain), speed(other));
}
