//! How fast the operators other than products and attention are: bytes and operations a second.
//!
//! `cargo run --release -p aquifer-ops --example ops_speed [-- ISA [THREADS [NAME]]]`

use aquifer_tensor::{Isa, isa, threads};

fn main() {
    let mut args = std::env::args().skip(1);
    let isa = args.next().map_or(isa::best(), |name| Isa::from_name(&name).expect("an instruction set"));
    if let Some(n) = args.next() {
        threads::set_count(n.parse().expect("a number of threads"));
    }
    let wanted = args.next().unwrap_or_default();
    assert!(isa::force(isa), "this machine has no {isa}");
    println!("{} on {} threads; medians and best of 21", isa.name(), threads::count());
    println!("{:<32}{:<20}{:>10}{:>10}{:>9}{:>10}", "", "shape", "median µs", "best µs", "GB/s", "GFLOP/s");
    for mut case in aquifer_ops::bench::cases().filter(|case| case.name.contains(&wanted)) {
        let seconds = case.seconds(21);
        let (median, best) = (seconds[seconds.len() / 2], seconds[0]);
        let (gigabytes, gigaflops) = (case.bytes as f64 / median * 1e-9, case.flops as f64 / median * 1e-9);
        let shape = format!("{:?}", case.shape);
        println!(
            "{:<32}{shape:<20}{:>10.1}{:>10.1}{gigabytes:>9.1}{gigaflops:>10.1}",
            case.name,
            median * 1e6,
            best * 1e6
        );
    }
}
