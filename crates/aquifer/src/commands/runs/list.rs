//! `aquifer runs list`

use super::Root;
use crate::context::Context;
use aquifer_record::manifest::Status;
use aquifer_record::store::Store;

/// List the runs of a folder with their headline results
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    root: Root,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let root = &args.root.runs;
    let rows = if root.is_dir() { Store::open(root)?.rows()? } else { Vec::new() };
    if ctx.json {
        let manifests: Vec<_> = rows.iter().map(|row| &row.manifest).collect();
        return ctx.print_json(&manifests);
    }
    if rows.is_empty() {
        ctx.say(format!("no runs under `{}` yet; `aquifer quickstart` makes the first", root.display()));
        return Ok(());
    }
    println!("{:<24} {:<20} {:<9} {:>12}  results", "name", "begun", "status", "parameters");
    for row in rows {
        let status = match row.manifest.status {
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Finished => "finished",
            Status::Failed => "failed",
        };
        let results: Vec<String> =
            row.manifest.results.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        let (created, parameters) = (&row.manifest.created, row.manifest.parameters);
        println!("{:<24} {created:<20} {status:<9} {parameters:>12}  {}", row.name, results.join(", "));
    }
    Ok(())
}
