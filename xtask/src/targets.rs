//! Does the binary, and every crate under it, type-check for processors and systems that nobody here tests on? On ARM
//! every kernel is the portable one.

use crate::shell::{self, cargo, root};
use anyhow::Context;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const TARGETS: &[&str] =
    &["aarch64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu"];

/// In the place of the target's C compiler and archiver, which few have: type-checking links nothing, so that what
/// they make may be empty.
const STUB: &str = r#"#!/bin/sh
previous=
for word; do
    case "$previous" in -o | cq | cqD | crs | s) : > "$word" ;; esac
    case "$word" in
        -Fo*) : > "${word#-Fo}" ;;
        [-/]out:* | [-/]OUT:*) : > "${word#*:}" ;;
    esac
    previous=$word
done
"#;

pub(crate) fn run() -> anyhow::Result<()> {
    shell::run("standard libraries", Command::new("rustup").args(["target", "add"]).args(TARGETS))?;
    let stub = root().join("target/targets/stub");
    fs::create_dir_all(root().join("target/targets")).context("making target/targets")?;
    fs::write(&stub, STUB).and_then(|()| fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)))?;
    for target in TARGETS {
        let mut check = cargo(&["check", "-p", "aquifer", "--target", target]);
        check.env("RUSTFLAGS", "-D warnings").envs(["TARGET_CC", "TARGET_CXX", "TARGET_AR"].map(|tool| (tool, &stub)));
        shell::run(target, &mut check)?;
    }
    Ok(())
}
