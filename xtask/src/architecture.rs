//! The sentences of ARCHITECTURE.md about what depends on what, checked against `cargo metadata`.

use crate::shell::root;
use anyhow::{bail, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Crates from the top of the map to the ground; each may use only those after it.
const MAP: &[&str] = &[
    "aquifer",
    "aquifer-data",
    "aquifer-train",
    "aquifer-eval",
    "aquifer-serve",
    "aquifer-cluster",
    "aquifer-optim",
    "aquifer-infer",
    "aquifer-model",
    "aquifer-text",
    "aquifer-corpus",
    "aquifer-metrics",
    "aquifer-report",
    "aquifer-client",
    "aquifer-record",
    "aquifer-grad",
    "aquifer-ops",
    "aquifer-tensor",
];

/// Crates of the top layer: none may know another.
const TOP: &[&str] = &["aquifer-data", "aquifer-train", "aquifer-eval", "aquifer-serve", "aquifer-cluster"];

/// (crate, what it must never depend on, why).
const ABSENT: &[(&str, &[&str], &str)] = &[
    ("aquifer-infer", &["aquifer-text", "tokenizers"], "inference has never heard of text"),
    ("aquifer-tensor", &["serde", "aquifer-record"], "the tensor crate does no I/O"),
    ("aquifer-ops", &["aquifer-record"], "operators do no I/O"),
    ("aquifer-grad", &["aquifer-record"], "the tape does no I/O"),
];

/// (outside crate, the only crates of ours that may use it).
const RESERVED: &[(&str, &[&str])] = &[
    ("axum", &["aquifer-serve"]),
    ("clap", &["aquifer", "xtask"]),
    ("indicatif", &["aquifer"]),
    ("anyhow", &["aquifer", "xtask", "aquifer-world"]),
    ("rusqlite", &["aquifer-record"]),
    ("postgres", &["aquifer-record"]),
    ("plotters", &["aquifer-report"]),
    ("ureq", &["aquifer-client"]),
    ("object_store", &["aquifer-cluster"]),
    ("reqwest", &["aquifer-cluster"]),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    for package in &metadata.packages {
        let uses = normal_dependencies(package);
        let name = package.name.as_str();
        if let Some(level) = MAP.iter().position(|crate_name| *crate_name == name) {
            for used in uses.iter().filter(|used| used.starts_with("aquifer")) {
                let Some(below) = MAP.iter().position(|crate_name| crate_name == used) else {
                    bail!(
                        "{name} depends on {used}, which is for tests only or is missing from the map in xtask/src/architecture.rs"
                    );
                };
                ensure!(below > level, "{name} depends on {used}, which does not lie below it");
                let neighbours = TOP.contains(&name) && TOP.contains(&used.as_str());
                ensure!(!neighbours, "{name} and {used} are neighbours: what they share belongs in the layer beneath");
            }
        }
        for (who, never, why) in ABSENT.iter().filter(|(who, ..)| *who == name) {
            for absent in *never {
                ensure!(!uses.iter().any(|used| used == absent), "{who} depends on {absent}, but {why}");
            }
        }
        for (outside, allowed) in RESERVED {
            let fine = allowed.contains(&name) || !uses.iter().any(|used| used == outside);
            ensure!(fine, "{name} depends on {outside}, which is for {} only", allowed.join(", "));
        }
    }
    Ok(())
}

fn normal_dependencies(package: &Package) -> Vec<String> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    /// So that `cargo test` alone says when an arrow points upwards.
    #[test]
    fn dependencies_fall_downwards() {
        super::run().expect("the map holds");
    }
}
