//! `aquifer runs compare`

use super::Root;
use crate::context::Context;
use crate::table::table;
use anyhow::Context as _;
use aquifer_record::figures::count;
use aquifer_record::{Manifest, RunFolder, measure};
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
    let manifests = runs.iter().map(super::manifest).collect::<anyhow::Result<Vec<Manifest>>>()?;
    if let Some(path) = &args.html {
        let page = aquifer_report::compare_report(&runs)?;
        aquifer_record::write_atomic_bytes(path, page.as_bytes()).context("writing the comparison")?;
        ctx.say(format!("comparison: {}", path.display()));
    }
    if ctx.json {
        return ctx.print_json(&manifests);
    }
    let names: Vec<String> = runs.iter().map(RunFolder::name).collect();
    let head: Vec<&str> = std::iter::once("").chain(names.iter().map(String::as_str)).collect();
    let row = |label: String, cell: &dyn Fn(&Manifest) -> Option<String>| {
        let cells = manifests.iter().map(|manifest| cell(manifest).unwrap_or_else(|| "–".to_owned()));
        std::iter::once(label).chain(cells).collect::<Vec<String>>()
    };
    let mut rows = vec![
        row("status".to_owned(), &|m| Some(m.status.to_string())),
        row("arithmetic".to_owned(), &|m| Some(m.precision.clone())),
        row("parameters".to_owned(), &|m| Some(count(m.parameters))),
    ];
    for name in measure::ordered(manifests.iter().flat_map(|m| m.results.keys())) {
        rows.push(row(measure::label(name), &|m| m.results.get(name).map(|value| measure::value(name, *value))));
    }
    for what in manifests.iter().flat_map(|m| m.hashes.keys()).collect::<BTreeSet<_>>() {
        let short = |m: &Manifest| m.hashes.get(what).map(|hash| hash.chars().take(12).collect());
        rows.push(row(format!("{what} (sha256)"), &short));
    }
    let right: Vec<usize> = (1..head.len()).collect();
    print!("{}", table(Some(&head), &right, &rows));
    Ok(())
}
