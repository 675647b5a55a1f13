//! Operators over tensors that no cache holds: our side of `cargo xtask peers memory_bound` and `… gemv`.
//!
//! ```text
//! beyond_cache memory-bound|matrix-vector [--threads N]
//! ```
//! The first line of output holds each case's extents and bytes. Then, as many times as each number on standard input
//! says, every case runs once, and one JSON object goes to standard output: the seconds of each, and the bandwidth of
//! memory at that moment in bytes a second.

use aquifer_ops::bench::timing::{Plan, seconds_of};
use aquifer_ops::bench::{Call, Case, beyond_cache};
use aquifer_ops::peaks::{Caches, Level, Traffic, bandwidth};
use aquifer_tensor::threads;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(n) = args.iter().position(|a| a == "--threads").and_then(|i| args.get(i + 1)) {
        threads::set_count(n.parse()?);
    }
    let cases = match args.first().map(String::as_str) {
        Some("memory-bound") => beyond_cache::memory_bound(),
        Some("matrix-vector") => beyond_cache::matrix_vector(),
        _ => return Err("which list: memory-bound or matrix-vector".into()),
    };
    let about: Vec<String> = cases.iter().map(about).collect();
    println!("{{{}}}", about.join(", "));
    let mut calls: Vec<(String, Call)> = cases.into_iter().map(|case| (title(&case), case.prepare())).collect();
    for line in std::io::stdin().lines() {
        for _ in 0..line?.trim().parse::<usize>()? {
            let mut parts = vec![format!("\"bandwidth\": {{{}}}", peaks().join(", "))];
            for (name, call) in &mut calls {
                // The first brings back what the bandwidth's own buffers drove out.
                call();
                parts.push(format!("\"{name}\": {:e}", seconds_of(call)));
            }
            println!("{{{}}}", parts.join(", "));
        }
    }
    Ok(())
}

fn title(case: &Case) -> String {
    case.precision.map_or_else(|| case.name.to_owned(), |precision| format!("{} {precision}", case.name))
}

fn about(case: &Case) -> String {
    format!(
        "\"{}\": {{\"shape\": {:?}, \"read\": {}, \"written\": {}}}",
        title(case),
        case.shape,
        case.read,
        case.written
    )
}

/// The best of a few sweeps of each kind.
fn peaks() -> Vec<String> {
    let plan = Plan { samples: 5, seconds: 0.0 };
    let (caches, threads) = (Caches::find(), threads::count());
    let best = |traffic| {
        let rates = bandwidth(traffic, Level::Dram, threads, &caches, &plan);
        rates.samples.into_iter().fold(0.0, f64::max)
    };
    Traffic::ALL.into_iter().map(|traffic| format!("\"{}\": {:e}", traffic.name(), best(traffic))).collect()
}
