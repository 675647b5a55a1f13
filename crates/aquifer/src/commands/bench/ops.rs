//! `aquifer bench ops`

use super::device;
use super::measure::{Measuring, Records, Stamp, unknown};
use super::table::{Columns, duration, extents, percent, plus_minus, rate};
use crate::context::Context;
use aquifer_ops::Precision;
use aquifer_ops::bench::timing::{Flush, Plan, cold, warm};
use aquifer_ops::bench::{Case, Error, beyond_cache, cases, flagperf};
use aquifer_ops::names::names;
use aquifer_ops::peaks::{Caches, Level};
use aquifer_record::PerfRecord;
use aquifer_record::perf::{self, Roof, State, Work};
use aquifer_tensor::isa;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

/// Measure every operator over the shapes of real models
///
/// Each operator is called again and again on the same data (warm), and with all caches flushed in between (cold).
/// The rate is that of what bounds the operator on this machine: operations where arithmetic does, bytes where
/// memory does; the share is that of the peak measured by `bench device`. The error is the largest difference from
/// the f64 reference, over the root mean square of what the reference gives.
///
/// Examples:
///   aquifer bench ops --filter softmax
///   aquifer bench ops --json --out today.jsonl
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Only operators whose name contains this; may be given several times
    #[arg(long, value_name = "NAME")]
    filter: Vec<String>,
    /// A named list instead of all operators
    #[arg(long, value_enum, value_name = "NAME")]
    suite: Option<Suite>,
    /// List the operators with their types, instruction sets and error budgets, and measure nothing
    #[arg(long)]
    list: bool,
    /// Peaks to compare with, from `bench device --out` [default: measured first]
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    #[command(flatten)]
    measuring: Measuring,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Suite {
    /// FlagPerf's 52 operator cases
    Flagperf,
    /// What a training step does beside its products, over tensors that no cache holds
    MemoryBound,
    /// One row through weights that no cache holds
    MatrixVector,
}

/// A case under the name its suite gives it.
struct Named {
    name: &'static str,
    case: Case,
    /// The suite's own extents, where these are smaller.
    larger: Option<&'static [usize]>,
}

impl Named {
    fn own(case: Case) -> Self {
        Named { name: case.name, case, larger: None }
    }

    /// `linear bf16/pair`.
    fn title(&self) -> String {
        title(self.name, self.case.precision)
    }
}

const COLUMNS: Columns = Columns(&[
    ("operator", -26),
    ("shape", -16),
    ("warm", 8),
    ("±", 6),
    ("cold", 8),
    ("rate", 13),
    ("of peak", 10),
    ("error", 6),
]);

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let plan = args.measuring.plan()?;
    if args.list && args.suite.is_none() {
        return list(&args.filter, ctx);
    }
    let (suite, all): (_, Vec<Named>) = match args.suite {
        None => ("ops", cases().map(Named::own).collect()),
        Some(Suite::MemoryBound) => {
            ("memory-bound", beyond_cache::memory_bound().into_iter().map(Named::own).collect())
        }
        Some(Suite::MatrixVector) => {
            ("matrix-vector", beyond_cache::matrix_vector().into_iter().map(Named::own).collect())
        }
        Some(Suite::Flagperf) => {
            let named =
                |entry: flagperf::Entry| entry.case.map(|case| Named { name: entry.name, case, larger: entry.larger });
            ("flagperf", flagperf::suite().into_iter().filter_map(named).collect())
        }
    };
    let chosen = choose(all, &args.filter)?;
    if args.list {
        for named in chosen {
            println!("{:<26} {:<20} {}", named.title(), shape(&named.case.shape), smaller(named.larger));
        }
        return Ok(());
    }
    let (stamp, mut records) = (Stamp::new(suite, ctx), Records::new(&args.measuring, ctx));
    let roof = roof(args.device.as_deref(), ctx)?;
    let caches = Caches::find();
    let mut flush = Flush::new(&caches);
    let mut errors: HashMap<(&str, Option<Precision>), Option<Error>> = HashMap::new();
    if !ctx.json {
        println!("{}", COLUMNS.head());
    }
    let (total, shrunk) = (chosen.len(), chosen.iter().filter(|named| named.larger.is_some()).count());
    let mut done = 0;
    for named in chosen {
        if ctx.stop().requested() {
            break;
        }
        let case = &named.case;
        let error = *errors.entry((case.name, case.precision)).or_insert_with(|| case.measure_error());
        let [warm, cold] = measure(named, error, &plan, &mut flush, &roof, &caches, &stamp);
        if !ctx.json {
            println!("{}", row(&warm, &cold));
        }
        records.push(warm);
        records.push(cold);
        done += 1;
    }
    records.finish()?;
    if shrunk > 0 {
        ctx.say(format!(
            "{shrunk} of {total} are smaller than their suite has them; `--list` and the records say how large"
        ));
    }
    ctx.go_on(&format!("stopped after {done} of {total} operators"))
}

/// The cases whose name or precision holds one of `filters`; all without any.
fn choose(all: Vec<Named>, filters: &[String]) -> anyhow::Result<Vec<Named>> {
    let names: BTreeSet<String> = all.iter().map(Named::title).collect();
    for filter in filters {
        if !names.iter().any(|name| name.contains(filter.as_str())) {
            return Err(unknown(filter, names.iter().map(String::as_str)));
        }
    }
    let wanted =
        |named: &Named| filters.is_empty() || filters.iter().any(|filter| named.title().contains(filter.as_str()));
    Ok(all.into_iter().filter(wanted).collect())
}

/// `2048×384`.
fn shape(all: &[usize]) -> String {
    extents(&all.iter().map(|&n| n as u64).collect::<Vec<_>>())
}

/// `of 1024×1024×1024`.
fn smaller(larger: Option<&'static [usize]>) -> String {
    larger.map_or_else(String::new, |larger| format!("of {}", shape(larger)))
}

/// `linear bf16/pair`.
fn title(name: &str, precision: Option<Precision>) -> String {
    precision.map_or_else(|| name.to_owned(), |precision| format!("{name} {precision}"))
}

/// The peaks in `file`, or those of a second or two from now.
pub(super) fn roof(file: Option<&std::path::Path>, ctx: &Context) -> anyhow::Result<Roof> {
    let records = match file {
        Some(path) => perf::read(path)?,
        None => {
            ctx.say("measuring the peaks of this machine…");
            let brief = Measuring { seconds: 0.05, samples: 5, out: None };
            device::measure(&[ctx.threads], &brief.plan()?, &Stamp::new("device", ctx)).collect()
        }
    };
    let roof = Roof::of(&records);
    let shown = file.map_or_else(String::new, |path| format!("`{}`: ", path.display()));
    anyhow::ensure!(!roof.arithmetic.is_empty(), "{shown}no peaks in it; write them with `aquifer bench device --out`");
    Ok(roof)
}

/// What there is to list: the registry's names, then cases that go by another one.
#[derive(serde::Serialize)]
struct Listed {
    name: &'static str,
    path: Option<&'static str>,
    backward: Option<&'static str>,
    dtypes: &'static str,
    instructions: Vec<&'static str>,
    error_budget: String,
    shapes: Vec<Vec<usize>>,
}

fn listed(filters: &[String]) -> anyhow::Result<Vec<Listed>> {
    let mut all: Vec<Listed> = names()
        .into_iter()
        .map(|row| Listed {
            name: row.name,
            path: Some(row.path),
            backward: row.backward,
            dtypes: row.dtypes,
            instructions: row.instructions.iter().map(|isa| isa.name()).collect(),
            error_budget: row.budget,
            shapes: Vec::new(),
        })
        .collect();
    for case in cases() {
        match all.iter_mut().find(|known| known.name == case.name || known.path == Some(case.name)) {
            Some(known) => known.shapes.push(case.shape),
            None => all.push(Listed {
                name: case.name,
                path: None,
                backward: None,
                dtypes: "f32",
                instructions: isa::available().iter().map(|isa| isa.name()).collect(),
                error_budget: case
                    .error_budget()
                    .map_or_else(String::new, |budget| format!("{budget:.0e} of the mean size")),
                shapes: vec![case.shape],
            }),
        }
    }
    if let Some(filter) = filters.iter().find(|filter| !all.iter().any(|one| one.name.contains(filter.as_str()))) {
        return Err(unknown(filter, all.iter().map(|one| one.name)));
    }
    all.retain(|one| filters.is_empty() || filters.iter().any(|filter| one.name.contains(filter.as_str())));
    Ok(all)
}

fn list(filters: &[String], ctx: &Context) -> anyhow::Result<()> {
    let all = listed(filters)?;
    if ctx.json {
        return ctx.print_json(&all);
    }
    const COLUMNS: Columns = Columns(&[("operator", -27), ("types", -19), ("paths", -17), ("error at most", -34)]);
    println!("Instructions here: {}", isa::available().iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", "));
    println!("A star marks operators that are timed.\n\n{}", COLUMNS.head());
    for one in all {
        let paths = match &one.instructions[..] {
            [first, .., last] => format!("{first} … {last}"),
            few => few.join(""),
        };
        let star = if one.shapes.is_empty() { " " } else { "*" };
        println!("{}", COLUMNS.row(&[format!("{star}{}", one.name), one.dtypes.into(), paths, one.error_budget]));
    }
    Ok(())
}

/// Warm and cold.
fn measure(
    named: Named,
    error: Option<Error>,
    plan: &Plan,
    flush: &mut Flush,
    roof: &Roof,
    caches: &Caches,
    stamp: &Stamp,
) -> [PerfRecord; 2] {
    let Named { name, case, larger } = named;
    let facts = larger.map(|larger| ("the suite's shape".to_owned(), shape(larger)));
    let held = Level::holding(case.held(), aquifer_tensor::threads::count(), caches);
    let dtype = case.arithmetic;
    let (precision, read, written, flops) = (case.precision, case.read, case.written, case.flops as f64);
    let all: Vec<u64> = case.shape.iter().map(|&n| n as u64).collect();
    let mut call = case.prepare();
    let measured =
        [(State::Warm, held, warm(&mut call, plan)), (State::Cold, Level::Dram, cold(&mut call, flush, plan))];
    measured.map(|(state, level, samples)| {
        let record = stamp.measured(name, "s", &samples);
        let (read, written, level) = (read as f64, written as f64, level.name());
        let bound = roof.bound(&Work { flops, dtype, read, written, level });
        PerfRecord {
            state: Some(state),
            level: Some(level.into()),
            limit: bound.as_ref().map(|bound| bound.limit.clone()),
            share_of_peak: bound.map(|bound| bound.seconds / record.median),
            shape: all.clone(),
            facts: facts.clone().into_iter().collect(),
            dtype: Some("f32".into()),
            precision: precision.map(|precision| precision.name().into()),
            read_bytes: Some(read as u64),
            written_bytes: Some(written as u64),
            flops: Some(flops).filter(|&flops| flops > 0.0),
            error: error.map(|error| error.worst),
            error_budget: error.map(|error| error.budget),
            ..record
        }
    })
}

fn row(warm: &PerfRecord, cold: &PerfRecord) -> String {
    let bytes = (warm.read_bytes.unwrap_or(0) + warm.written_bytes.unwrap_or(0)) as f64;
    let counts = warm.limit.as_deref().is_some_and(|limit| warm.level.as_deref() != Some(limit));
    let speed = match counts {
        true => rate(warm.flops.unwrap_or(0.0) / warm.median, "FLOP/s"),
        false => rate(bytes / warm.median, "B/s"),
    };
    let title = match &warm.precision {
        Some(precision) => format!("{} {precision}", warm.name),
        None => warm.name.clone(),
    };
    let share = warm.share_of_peak.zip(warm.limit.as_ref());
    COLUMNS.row(&[
        title,
        extents(&warm.shape),
        duration(warm.median),
        plus_minus(warm.median, warm.low.unwrap_or(f64::NAN), warm.high.unwrap_or(f64::NAN)),
        duration(cold.median),
        speed,
        share.map_or("–".to_owned(), |(share, limit)| format!("{} {limit}", percent(share))),
        warm.error.map_or("–".to_owned(), |error| if error == 0.0 { "0".into() } else { format!("{error:.0e}") }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_choose_by_name_and_precision_and_unknown_ones_suggest() {
        let all = || cases().map(Named::own).collect::<Vec<_>>();
        let names = |filters: &[&str]| -> Vec<String> {
            let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
            choose(all(), &filters).unwrap().iter().map(Named::title).collect()
        };
        assert!(names(&["softmax"]).iter().all(|name| name.contains("softmax")));
        assert!(names(&["linear f32"]).iter().all(|name| name == "linear f32"));
        assert!(names(&["rope", "dropout"]).len() > 2);
        assert_eq!(names(&[]).len(), cases().count());
        let refused = choose(all(), &["sofmax".to_owned()]).err().unwrap().to_string();
        assert!(refused.contains("`sofmax`") && refused.contains("`softmax`"), "{refused}");
    }

    #[test]
    fn rows_fit_a_hundred_columns() {
        let record = |median: f64| PerfRecord {
            name: "linear_cross_entropy_grad".into(),
            precision: Some("bf16/pair".into()),
            shape: vec![2048, 16384, 4096],
            unit: "s".into(),
            median,
            low: Some(median * 0.9),
            high: Some(median * 1.1),
            flops: Some(3.45e11),
            level: Some("DRAM".into()),
            limit: Some("bf16".into()),
            share_of_peak: Some(0.874),
            error: Some(3.21e-3),
            ..PerfRecord::default()
        };
        let text = row(&record(0.1234), &record(0.234));
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("2.80 TFLOP/s") && text.contains("87 % bf16") && text.contains("±10%"), "{text}");
    }
}
