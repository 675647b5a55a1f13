//! `aquifer bench report`

use crate::context::Context;
use anyhow::Context as _;
use aquifer_record::perf;
use aquifer_report::{PerfSet, perf_report};
use std::path::{Path, PathBuf};

/// Draw perf records as a page: the roofline, tables, and the comparison of two sets
///
/// The records of `bench device` in the file are the roof. Several runs may be joined by `cat`. With a second file,
/// every measurement that both hold is compared: how many times faster the first is, with a 95 % interval.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Records, one JSON object a line
    #[arg(value_name = "FILE")]
    main: PathBuf,
    /// Records to compare them with
    #[arg(value_name = "OTHER")]
    other: Option<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "bench.html")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let main = perf::read(&args.main)?;
    let other = args.other.as_deref().map(perf::read).transpose()?;
    let shown = |path: &Path| path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let names = [shown(&args.main), args.other.as_deref().map_or_else(String::new, shown)];
    let other = other.as_ref().map(|records| PerfSet { name: &names[1], records });
    let page = perf_report(PerfSet { name: &names[0], records: &main }, other);
    aquifer_record::write_atomic_bytes(&args.out, page.as_bytes()).context("writing the page")?;
    ctx.say(format!("page: {}", args.out.display()));
    Ok(())
}
