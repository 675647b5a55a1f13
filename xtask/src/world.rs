//! The tests against the rest of the world: real clients, a browser, PyTorch.

use crate::fuzz;
use crate::shell::{self, cargo, root};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is run
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this, and no fuzzing
    filter: Option<String>,
}

/// Python packages the tests use; versions are those the goldens were made with.
const PACKAGES: &[&str] =
    &["torch==2.15.0", "transformers==5.23.0", "numpy==2.4.6", "safetensors==0.8.0", "openai==3.54.0"];

/// What each fuzz target gets.
const FUZZ_SECONDS: u32 = 60;

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let python = python_environment(&[])?;
    let browser = chromium()?;
    postgresql()?;
    shell::run("the binary", &mut cargo(&["build", "--release"]))?;
    let mut tests = cargo(&["test", "--release", "-p", "aquifer-world", "--"]);
    tests.args(["--ignored", "--test-threads=1"]).args(&args.filter);
    tests.env("AQUIFER_PYTHON", python).env("AQUIFER_CHROMEDRIVER", browser);
    tests.env("AQUIFER_BINARY", root().join("target/release/aquifer"));
    shell::run("world tests", &mut tests)?;
    match args.filter {
        None => fuzz::every_target(FUZZ_SECONDS),
        Some(_) => Ok(()),
    }
}

/// A virtual environment under `target/` with these packages and `more`, made once; one named by `AQUIFER_PYTHON` is
/// used as it is.
pub(crate) fn python_environment(more: &[&str]) -> anyhow::Result<PathBuf> {
    if let Some(python) = std::env::var_os("AQUIFER_PYTHON") {
        return Ok(PathBuf::from(python));
    }
    let folder = root().join("target/world-venv");
    let python = folder.join("bin/python");
    if !python.is_file() {
        shell::run("python environment", Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let packages = || PACKAGES.iter().chain(more);
    let modules: Vec<&str> = packages().filter_map(|package| package.split('=').next()).collect();
    let mut probe = Command::new(&python);
    probe.arg("-c").arg(format!("import {}", modules.join(", ")));
    if !probe.output().is_ok_and(|out| out.status.success()) {
        let mut pip = Command::new(&python);
        shell::run("python packages", pip.args(["-m", "pip", "install", "--quiet"]).args(packages()))?;
    }
    Ok(python)
}

/// Chromium's driver, installed from Debian's packages when it is absent and we may.
fn chromium() -> anyhow::Result<PathBuf> {
    let driver = Path::new("/usr/bin/chromedriver");
    if !driver.is_file() {
        let mut apt = Command::new("apt-get");
        shell::run("chromium", apt.args(["install", "-y", "-qq", "chromium", "chromium-driver"]))
            .context("the chat page is tested in Chromium: install `chromium` and `chromium-driver`")?;
    }
    ensure!(driver.is_file(), "chromedriver is still missing after its installation");
    Ok(driver.to_path_buf())
}

/// PostgreSQL's server, in the same way.
fn postgresql() -> anyhow::Result<()> {
    let installed = || Path::new("/usr/lib/postgresql").is_dir();
    if !installed() {
        let mut apt = Command::new("apt-get");
        shell::run("postgresql", apt.args(["install", "-y", "-qq", "postgresql"]))
            .context("the catalogue is tested in PostgreSQL: install `postgresql`")?;
    }
    ensure!(installed(), "PostgreSQL is still missing after its installation");
    Ok(())
}
