//! `aquifer runs show`

use super::{Root, go_on};
use crate::context::Context;
use crate::table::facts;
use aquifer_record::figures::count;
use aquifer_record::manifest::Status;
use aquifer_record::{Manifest, RunFolder, measure};

/// Show what a run was made of and what came of it; draws its report anew
///
/// For a run that was stopped, interrupted or failed: how far it came, what went wrong, and the command that goes on.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name or folder of the run
    name: String,
    #[command(flatten)]
    root: Root,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let run = RunFolder::open(&args.root.runs, &args.name)?;
    let manifest = super::manifest(&run)?;
    if ctx.json {
        return ctx.print_json(&manifest);
    }
    let mut rows = vec![("run", run.name()), ("status", standing(&run, &manifest))];
    rows.extend(manifest.error.clone().map(|error| ("error", error)));
    if ![Status::Finished, Status::Running].contains(&manifest.status) {
        rows.push(("go on with", go_on(&run)));
    }
    rows.push(("begun", format!("{} UTC", manifest.begun())));
    rows.push(("command", command(&manifest.command)));
    rows.push(("machine", format!("{}, {} threads, {}", manifest.cpu, manifest.threads, manifest.isa)));
    rows.push(("arithmetic", format!("{}, seed {}", manifest.precision, manifest.seed)));
    if manifest.parameters > 0 {
        rows.push(("parameters", count(manifest.parameters)));
    }
    let mut rows: Vec<(String, String)> = rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for name in measure::ordered(manifest.results.keys()) {
        rows.push((measure::label(name), measure::value(name, manifest.results[name])));
    }
    rows.extend(manifest.hashes.iter().map(|(what, hash)| (format!("{what} (sha256)"), hash.clone())));
    let page = aquifer_report::write_run_report(&run)?;
    rows.push(("report".to_owned(), page.display().to_string()));
    print!("{}", facts(rows));
    Ok(())
}

/// The status, and how far a run came that has not finished.
fn standing(run: &RunFolder, manifest: &Manifest) -> String {
    let steps = run.forecast().map_or(0, |forecast| forecast.steps);
    let done = run.metrics().ok().and_then(|lines| lines.last().map(|line| line.step)).unwrap_or(0);
    match manifest.status {
        Status::Finished => manifest.status.to_string(),
        status if steps > 0 => format!("{status} after step {} of {}", count(done), count(steps)),
        status => format!("{status} before its first step"),
    }
}

/// The command line as it would be typed.
fn command(words: &[String]) -> String {
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=,:+@%".contains(c));
    let quoted = |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) };
    let words = words.iter().skip(1).map(quoted);
    std::iter::once("aquifer".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
