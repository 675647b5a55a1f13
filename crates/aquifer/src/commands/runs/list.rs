//! `aquifer runs list`

use super::Root;
use crate::context::Context;
use crate::table::table;
use aquifer_record::figures::{percent, seconds, short};
use aquifer_record::store::Store;
use aquifer_record::{Manifest, RunFolder};

/// List the runs of a folder with their headline results
///
/// A run that is no longer worked on and never came to its end is `interrupted`; `aquifer runs show` says how to go on.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    root: Root,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let root = &args.root.runs;
    let rows = if root.is_dir() { Store::open(root)?.rows()? } else { Vec::new() };
    let manifests: Vec<Manifest> = rows
        .into_iter()
        .map(|row| {
            let status = RunFolder::at(root.join(&row.name)).status(&row.manifest);
            Manifest { name: row.name, status, ..row.manifest }
        })
        .collect();
    if ctx.json {
        return ctx.print_json(&manifests);
    }
    if manifests.is_empty() {
        ctx.say(format!("no runs under `{}` yet; `aquifer quickstart` makes the first", root.display()));
        return Ok(());
    }
    let head = ["run", "begun (UTC)", "status", "parameters", "bits/byte", "accuracy", "time"];
    let rows: Vec<Vec<String>> = manifests.iter().map(row).collect();
    print!("{}", table(Some(&head), &[3, 4, 5, 6], &rows));
    Ok(())
}

fn row(manifest: &Manifest) -> Vec<String> {
    let result =
        |wanted: &dyn Fn(&str) -> bool| manifest.results.iter().find(|(name, _)| wanted(name)).map(|(_, v)| *v);
    // An evaluation looks longer than training did, so its word comes first.
    let bits =
        result(&|name| name.ends_with(", bits per byte")).or_else(|| result(&|name| name == "heldout_bits_per_byte"));
    let accuracy = result(&|name| name.ends_with(", accuracy"));
    let time = result(&|name| name == "whole_seconds").or_else(|| result(&|name| name == "train_seconds"));
    let parameters = if manifest.parameters > 0 { short(manifest.parameters) } else { String::new() };
    vec![
        manifest.name.clone(),
        manifest.begun(),
        manifest.status.to_string(),
        parameters,
        bits.map(|bits| format!("{bits:.3}")).unwrap_or_default(),
        accuracy.map(percent).unwrap_or_default(),
        time.map(seconds).unwrap_or_default(),
    ]
}
