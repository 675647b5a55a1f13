//! `aquifer runs show`

use super::Root;
use crate::context::Context;
use aquifer_record::RunFolder;

/// Show what a run was made of and what came of it; draws its report anew
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name or folder of the run
    name: String,
    #[command(flatten)]
    root: Root,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let run = RunFolder::open(&args.root.runs, &args.name)?;
    let manifest = run.manifest()?;
    if ctx.json {
        return ctx.print_json(&manifest);
    }
    println!("{} ({:?}, begun {})", manifest.name, manifest.status, manifest.created);
    println!("  {} on {} threads, {}, {}", manifest.cpu, manifest.threads, manifest.isa, manifest.precision);
    println!("  {} parameters, seed {}", manifest.parameters, manifest.seed);
    for (name, value) in &manifest.results {
        println!("  {name}: {value:.4}");
    }
    for (what, hash) in &manifest.hashes {
        println!("  {what} {hash}");
    }
    let page = aquifer_report::write_run_report(&run)?;
    println!("  report: {}", page.display());
    Ok(())
}
