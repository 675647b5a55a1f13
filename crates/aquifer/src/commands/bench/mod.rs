//! `aquifer bench …`

pub(crate) mod device;
pub(crate) mod import;
pub(crate) mod model;
pub(crate) mod ops;
pub(crate) mod report;

mod measure;
mod table;

use crate::context::Context;

/// Measure this machine, the operators and whole models; compare the results
///
/// `device` finds what the machine can do at most: arithmetic in registers, bandwidth of every level of memory, the
/// waking of threads. `ops` and `model` measure our own work beside these peaks. Every measurement is a perf record,
/// one JSON object a line: `--out FILE` keeps them and `report` draws them.
///
/// Timings want a machine with nothing else to do. Medians come with 95 % intervals; where an interval is wide,
/// something else was running.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Device(device::Args),
    Ops(ops::Args),
    Model(model::Args),
    Report(report::Args),
    Import(import::Args),
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    match args.verb {
        Verb::Device(args) => device::run(args, ctx),
        Verb::Ops(args) => ops::run(args, ctx),
        Verb::Model(args) => model::run(args, ctx),
        Verb::Report(args) => report::run(&args, ctx),
        Verb::Import(args) => import::run(&args, ctx),
    }
}
