//! What CI runs. The test command is read out of README.md, so that what is promised there is what is checked.

use crate::shell::{self, cargo, root};
use anyhow::Context;

/// The README's line for running the tests.
const TEST_COMMAND: &str = "cargo test --workspace";

pub(crate) fn run() -> anyhow::Result<()> {
    let readme = std::fs::read_to_string(root().join("README.md")).context("reading README.md")?;
    anyhow::ensure!(
        readme.lines().any(|line| line.trim() == TEST_COMMAND),
        "README.md should show `{TEST_COMMAND}` on a line of its own: it is what CI runs"
    );
    shell::run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    shell::run("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    crate::architecture::run()?;
    let words: Vec<&str> = TEST_COMMAND.split(' ').skip(1).collect();
    shell::run("tests", &mut cargo(&words))?;
    shell::run("tests of the heavy readers", &mut cargo(&["test", "-p", "aquifer-corpus", "--features", "parquet"]))?;
    shell::run("documentation", cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    shell::run("core build", &mut cargo(&["build", "--release"]))?;
    shell::run("full build", &mut cargo(&["build", "--release", "--features", "full", "--target-dir", "target/full"]))
}
