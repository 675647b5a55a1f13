//! Running other programs, saying which, and stopping at the first that fails.

use anyhow::{Context, ensure};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the workspace").to_path_buf()
}

/// Cargo, as the one that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs it, shows how long it took, and fails if it does.
pub(crate) fn run(title: &str, command: &mut Command) -> anyhow::Result<()> {
    eprintln!("── {title}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{title} failed ({status}): {command:?}");
    eprintln!("── {title}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
