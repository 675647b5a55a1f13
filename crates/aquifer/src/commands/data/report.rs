//! `aquifer data report`

use crate::context::Context;
use anyhow::Context as _;
use aquifer_record::{DataReport, write_atomic_bytes};
use std::path::{Path, PathBuf};

/// Draw the page about a finished run: funnel, values with their bounds, documents that stayed and went
///
/// `aquifer data run` draws it at its end; this draws it anew from `data.json`.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data report clean")]
pub(crate) struct Args {
    /// Folder of the run
    run: PathBuf,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let path = args.run.join("data.json");
    let text = std::fs::read(&path)
        .with_context(|| format!("cannot read `{}`: a finished run of `aquifer data run` has it", path.display()))?;
    let data: DataReport = serde_json::from_slice(&text).with_context(|| format!("`{}` is damaged", path.display()))?;
    let page = draw(&args.run, &data)?;
    if ctx.json {
        return ctx.print_json(&serde_json::json!({ "report": page }));
    }
    println!("{}", page.display());
    Ok(())
}

/// Writes `report.html` into the folder of a run.
pub(super) fn draw(run: &Path, data: &DataReport) -> anyhow::Result<PathBuf> {
    let recipe = std::fs::read_to_string(run.join("recipe.toml")).unwrap_or_default();
    let name = run.file_name().map_or_else(|| run.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    let path = run.join("report.html");
    write_atomic_bytes(&path, aquifer_report::data_report(&name, data, &recipe).as_bytes())?;
    Ok(path)
}
