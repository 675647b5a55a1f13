//! Fuzzing every reader of outside bytes, from its committed seeds.

use crate::shell::{self, cargo, root};
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;

/// What is fuzzed, and for how long
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only targets whose name contains this
    filter: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    install()?;
    let filter = args.filter.unwrap_or_default();
    let targets: Vec<String> = targets()?.into_iter().filter(|name| name.contains(&filter)).collect();
    ensure!(!targets.is_empty(), "no fuzz target's name contains {filter:?}: fuzz/fuzz_targets/ lists them");
    targets.iter().try_for_each(|target| fuzz(target, args.seconds))
}

/// Fuzzes every target.
pub(crate) fn every_target(seconds: u32) -> anyhow::Result<()> {
    run(Args { filter: None, seconds })
}

/// What is found goes to a scratch corpus under `target/`, so that the committed seeds stay the ones we chose.
fn fuzz(target: &str, seconds: u32) -> anyhow::Result<()> {
    let found = root().join("target/fuzz-corpus").join(target);
    std::fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let mut command = cargo(&["fuzz", "run", "--sanitizer", "none", target]);
    command.arg(found).arg(root().join("fuzz/corpus").join(target));
    command.args(["--", "-verbosity=0", "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=4096"]);
    command.arg(format!("-max_total_time={seconds}"));
    shell::run(&format!("fuzz {target}"), &mut command)
}

fn targets() -> anyhow::Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let files = std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut names: Vec<String> =
        files.map(|file| Ok(stem(&file?.path()))).collect::<std::io::Result<Vec<_>>>()?.into_iter().flatten().collect();
    names.sort();
    Ok(names)
}

fn install() -> anyhow::Result<()> {
    if cargo(&["fuzz", "--version"]).output().is_ok_and(|out| out.status.success()) {
        return Ok(());
    }
    let mut install: Command = cargo(&["install", "cargo-fuzz", "--locked"]);
    shell::run("cargo-fuzz", &mut install)
}
