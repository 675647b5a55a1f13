//! `aquifer runs compare`

use super::Root;
use crate::context::Context;
use anyhow::Context as _;
use aquifer_record::RunFolder;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Put runs beside each other: results, what they were made of, and on request a page with their curves
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Names or folders of the runs, the first being the one compared with
    #[arg(required = true, num_args = 2..)]
    names: Vec<String>,
    /// Also draw a page with the loss curves
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    #[command(flatten)]
    root: Root,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let runs = args.names.iter().map(|name| RunFolder::open(&args.root.runs, name)).collect::<Result<Vec<_>, _>>()?;
    let manifests = runs.iter().map(RunFolder::manifest).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.html {
        let page = aquifer_report::compare_report(&runs)?;
        aquifer_record::write_atomic_bytes(path, page.as_bytes()).context("writing the comparison")?;
        ctx.say(format!("comparison: {}", path.display()));
    }
    if ctx.json {
        return ctx.print_json(&manifests);
    }
    print!("{:<28}", "");
    runs.iter().for_each(|run| print!(" {:>18}", run.name()));
    println!();
    let names: BTreeSet<&String> = manifests.iter().flat_map(|manifest| manifest.results.keys()).collect();
    for name in names {
        print!("{name:<28}");
        for manifest in &manifests {
            match manifest.results.get(name) {
                Some(value) => print!(" {value:>18.4}"),
                None => print!(" {:>18}", "–"),
            }
        }
        println!();
    }
    let hashes: BTreeSet<&String> = manifests.iter().flat_map(|manifest| manifest.hashes.keys()).collect();
    for what in hashes {
        print!("{:<28}", format!("{what} (sha256)"));
        manifests
            .iter()
            .for_each(|m| print!(" {:>18}", m.hashes.get(what).map_or("–", |hash| &hash[..hash.len().min(12)])));
        println!();
    }
    Ok(())
}
