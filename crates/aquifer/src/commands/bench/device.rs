//! `aquifer bench device`

use super::measure::{Measuring, Records, Stamp};
use super::table::{Columns, duration, plus_minus, rate};
use crate::context::Context;
use aquifer_ops::bench::timing::Plan;
use aquifer_ops::peaks::{Caches, Level, Region, Traffic, arithmetic, bandwidth, region};
use aquifer_record::{PerfRecord, figures};

/// Measure the peaks of this machine: arithmetic, memory, threads
///
/// Arithmetic runs in registers alone, every kind of it that the processor has. Memory is streamed over buffers that
/// fit one level of cache and no smaller one. The parallel loops show what it costs to ask all threads for work while
/// they are awake, and after they have gone to sleep. Everything is measured on one thread and on all.
///
/// `best` is what the machine does when nobody disturbs it; shares of a peak are shares of that.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    measuring: Measuring,
}

const COLUMNS: Columns = Columns(&[("", -34), ("threads", 7), ("median", 13), ("±", 6), ("best", 13)]);

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let plan = args.measuring.plan()?;
    let (stamp, mut records) = (Stamp::new("device", ctx), Records::new(&args.measuring, ctx));
    if !ctx.json {
        let caches = Caches::find();
        let told = if caches.found { "" } else { " (assumed: the processor does not say)" };
        let [l1, l2, l3] = [caches.l1, caches.l2, caches.l3].map(|bytes| figures::bytes(bytes as u64));
        println!(
            "{}\nL1 {l1} and L2 {l2} a core, L3 {l3}{told}\n\n{}",
            crate::commands::doctor::cpu_name(),
            COLUMNS.head()
        );
    }
    let mut counts = vec![1, ctx.threads];
    counts.dedup();
    for record in measure(&counts, &plan, &stamp) {
        if !ctx.json {
            println!("{}", row(&record));
        }
        records.push(record);
        if ctx.stop().requested() {
            break;
        }
    }
    records.finish()?;
    ctx.go_on("stopped before every peak was measured")
}

/// Every peak on each number of threads, one after another as the iterator reaches it.
pub(super) fn measure(counts: &[usize], plan: &Plan, stamp: &Stamp) -> impl Iterator<Item = PerfRecord> {
    let caches = Caches::find();
    let on = |threads: usize, record: PerfRecord| PerfRecord { threads: Some(threads as u64), ..record };
    let counting = counts.iter().flat_map(move |&threads| {
        arithmetic().into_iter().map(move |kind| {
            let rates = kind.measure(threads, plan);
            let record = on(threads, stamp.measured("arithmetic", "FLOP/s", &rates.samples));
            PerfRecord { dtype: Some(kind.dtype.into()), isa: Some(kind.instructions.into()), ..record }
        })
    });
    let moving = counts.iter().flat_map(move |&threads| {
        let streams = Level::ALL.into_iter().flat_map(|level| Traffic::ALL.map(|traffic| (level, traffic)));
        streams.map(move |(level, traffic)| {
            let rates = bandwidth(traffic, level, threads, &caches, plan);
            let record = on(threads, stamp.measured(traffic.name(), "B/s", &rates.samples));
            PerfRecord { level: Some(level.name().into()), ..record }
        })
    });
    let waking = counts.iter().filter(|&&threads| threads > 1).flat_map(move |&threads| {
        Region::ALL
            .into_iter()
            .map(move |kind| on(threads, stamp.measured(kind.name(), "s", &region(kind, threads, plan))))
    });
    counting.chain(moving).chain(waking)
}

fn row(record: &PerfRecord) -> String {
    let label = match (&record.dtype, &record.isa, &record.level) {
        (Some(dtype), Some(instructions), _) => format!("{dtype} by {instructions}"),
        (_, _, Some(level)) => format!("{} {level}", record.name),
        _ => record.name.clone(),
    };
    let show = |value: f64| if record.unit == "s" { duration(value) } else { rate(value, &record.unit) };
    let spread = plus_minus(record.median, record.low.unwrap_or(f64::NAN), record.high.unwrap_or(f64::NAN));
    let (threads, best) = (record.threads.unwrap_or(1), record.best.unwrap_or(record.median));
    COLUMNS.row(&[label, threads.to_string(), show(record.median), spread, show(best)])
}
