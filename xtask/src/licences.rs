//! Licences of everything that is linked into the binary, with every feature: each must allow what Apache-2.0 allows.

use crate::shell::root;
use anyhow::ensure;
use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand, PackageId};
use std::collections::{BTreeSet, HashMap};

/// Licences under which a crate may be linked. MPL-2.0 asks for the source of its own files only.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

pub(crate) fn run() -> anyhow::Result<()> {
    let mut command = MetadataCommand::new();
    let metadata = command.manifest_path(root().join("Cargo.toml")).features(CargoOpt::AllFeatures).exec()?;
    let resolve = metadata.resolve.as_ref().expect("dependencies were asked for");
    let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut linked: BTreeSet<&PackageId> = BTreeSet::new();
    let mut left: Vec<&PackageId> =
        metadata.packages.iter().filter(|p| p.name.as_str() == "aquifer").map(|p| &p.id).collect();
    while let Some(id) = left.pop() {
        if linked.insert(id) {
            let normal = |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            left.extend(nodes[id].deps.iter().filter(|dep| normal(&dep.dep_kinds)).map(|dep| &dep.pkg));
        }
    }
    let mut refused = Vec::new();
    for id in &linked {
        let package = &metadata[*id];
        let licence = package.license.as_deref().unwrap_or("");
        if !allows(licence) {
            refused.push(format!("{} {}: `{licence}`", package.name, package.version));
        }
    }
    ensure!(
        refused.is_empty(),
        "these may not be linked under Apache-2.0, or say no licence (xtask/src/licences.rs lists what may):\n{}",
        refused.join("\n")
    );
    println!("{} crates are linked, all under licences that Apache-2.0 allows", linked.len());
    Ok(())
}

/// Whether some way of reading the SPDX expression uses only what is allowed: of an `OR` any side, of an `AND` both.
fn allows(expression: &str) -> bool {
    let expression = expression.trim();
    if let Some(inner) = wrapped(expression) {
        return allows(inner);
    }
    // Before SPDX expressions `/` meant `OR`.
    for (operator, any) in [(" OR ", true), ("/", true), (" AND ", false)] {
        let sides = split(expression, operator);
        if sides.len() > 1 {
            return if any { sides.iter().any(|side| allows(side)) } else { sides.iter().all(|side| allows(side)) };
        }
    }
    ALLOWED.contains(&expression)
}

/// What stands in the parentheses that hold all of it.
fn wrapped(expression: &str) -> Option<&str> {
    let inner = expression.strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0_i32;
    let closed = inner.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    });
    closed.then_some(inner)
}

/// The sides of an operator that stands outside parentheses.
fn split<'a>(expression: &'a str, operator: &str) -> Vec<&'a str> {
    let (mut sides, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, c) in expression.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && at >= from && expression[at..].starts_with(operator) {
            sides.push(&expression[from..at]);
            from = at + operator.len();
        }
    }
    sides.push(&expression[from..]);
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        for fine in [
            "MIT",
            "MIT OR GPL-3.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "MIT/Apache-2.0",
            "(GPL-2.0 OR MIT) AND (ISC)",
        ] {
            assert!(allows(fine), "{fine}");
        }
        for not in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT AND LGPL-3.0) OR AGPL-3.0", "(MIT) AND (GPL-2.0)"] {
            assert!(!allows(not), "{not}");
        }
    }

    #[test]
    fn everything_linked_may_be() -> anyhow::Result<()> {
        run()
    }
}
