//! `aquifer doctor`

use crate::context::Context;
use aquifer_ops::Bf16Order;
use aquifer_record::figures;
use aquifer_tensor::isa;
use serde::Serialize;

/// Say what this machine is and what will be used
///
/// Cores, instruction sets, memory, and the order in which bf16 products are summed here: two machines of the
/// same order end a run with the same bits.
#[derive(clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Findings {
    version: &'static str,
    cpu: String,
    threads: usize,
    memory_bytes: u64,
    instruction_sets: Vec<&'static str>,
    used: &'static str,
    bf16_order: &'static str,
    features: Vec<&'static str>,
}

pub(crate) fn run(_: Args, ctx: &Context) -> anyhow::Result<()> {
    let found = Findings {
        version: env!("CARGO_PKG_VERSION"),
        cpu: cpu_name(),
        threads: ctx.threads,
        memory_bytes: ctx.memory,
        instruction_sets: isa::available().iter().map(|isa| isa.name()).collect(),
        used: isa::active().name(),
        bf16_order: Bf16Order::native().name(),
        features: if cfg!(feature = "full") { vec!["parquet"] } else { vec![] },
    };
    if ctx.json {
        return ctx.print_json(&found);
    }
    let order = match Bf16Order::native() {
        Bf16Order::Tile => "tile (AMX)",
        Bf16Order::Pair => "pair (vdpbf16ps)",
    };
    println!("aquifer       {}", found.version);
    println!("processor     {}", found.cpu);
    println!("threads       {}", found.threads);
    println!("memory        {}", figures::bytes(found.memory_bytes));
    println!("instructions  {}; {} will be used", found.instruction_sets.join(", "), found.used);
    println!("bf16 order    {order}");
    match found.features.is_empty() {
        true => println!("features      core (build with `--features full` to read Parquet)"),
        false => println!("features      core, {}", found.features.join(", ")),
    }
    Ok(())
}

/// The processor's own name for itself.
pub(crate) fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
