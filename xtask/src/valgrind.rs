//! Reads and writes outside what was asked for, and decisions on what was never written: the operators' tests under
//! valgrind. It knows no AVX-512 and says so when asked, so they run on the AVX2 and the portable path.

use crate::shell::{self, cargo};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is run
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tests whose name contains one of these, instead of the usual ones
    filters: Vec<String>,
}

/// Tests of every family that are short enough for a thirtieth of the speed, and do not ask for flushed subnormals, which
/// valgrind does not have, nor for AVX comparisons "equal or unordered" and "ordered and unequal" (`EQ_UQ`, `NEQ_OQ`), which
/// it (3.19) carries out as `EQ_OQ` and `NEQ_UQ`: the logarithm of a NaN is −∞ there, and attention's log-sum-exp with it.
const TESTS: &[&str] = &[
    "matmul::guard_tests::nothing_is_touched_beyond_small",
    "matmul::tests::a_lane_in_micro_batches",
    "quantized::tests::batch_companions",
    "convolution::tests::convolutions_answer",
    "attention::tests::large_scores",
    "attention::tests::strided_views",
    "experts::tests",
    "embedding::tests",
    "adamw::tests",
    "lion::tests",
    "gelu::tests",
    "swiglu::tests",
    "rope::tests",
    "softmax::tests",
    "rms_norm::tests",
    "layer_norm::tests",
];

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    if !Path::new("/usr/bin/valgrind").is_file() {
        let mut apt = Command::new("apt-get");
        shell::run("valgrind", apt.args(["install", "-y", "-qq", "valgrind"])).context("install `valgrind`")?;
    }
    let tests = test_binary()?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=1", "--fair-sched=yes"]).arg(tests).arg("--test-threads=1");
    match args.filters.is_empty() {
        true => valgrind.args(TESTS),
        false => valgrind.args(args.filters),
    };
    shell::run("operators under valgrind", &mut valgrind)
}

/// The operators' own tests, built.
fn test_binary() -> anyhow::Result<PathBuf> {
    let mut build = cargo(&["test", "-p", "aquifer-ops", "--lib", "--no-run", "--message-format=json"]);
    let built = build.stderr(std::process::Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(built.status.success(), "the operators' tests do not build");
    let lines = String::from_utf8(built.stdout)?;
    let executable = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executable = executable.filter_map(|said| said["executable"].as_str().map(PathBuf::from));
    executable.next_back().context("cargo did not say where it built the tests")
}
