//! Chores of the workspace, in Rust so that nothing needs installing first: `cargo xtask --help`.

mod architecture;
mod check;
mod fuzz;
mod hashes;
mod licences;
mod peers;
mod shell;
mod targets;
mod valgrind;
mod world;

use clap::Parser;

/// Chores of the Aquifer workspace
#[derive(Parser)]
enum Chore {
    /// What CI runs: format, lints, the README's test command, documentation, the full build
    Check,
    /// The tests that need PyTorch, clients or a browser, and a minute of fuzzing a reader: installs what they need,
    /// runs every one
    World(world::Args),
    /// Speed against other programs: builds their environment, runs both in turn, prints ratios
    Peers(peers::Args),
    /// Fuzz every reader of outside bytes, starting from the committed seeds
    Fuzz(fuzz::Args),
    /// Type-check the binary for ARM, macOS and Windows
    Targets,
    /// The operators' tests under valgrind, on the AVX2 and the portable path
    Valgrind(valgrind::Args),
    /// Compare the weights of a quickstart with the hashes in README.md
    Hashes(hashes::Args),
    /// Check that everything linked into the binary may be, under Apache-2.0
    Licences,
    /// Check what ARCHITECTURE.md says about dependencies against the manifests
    Architecture,
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Check => check::run(),
        Chore::World(args) => world::run(args),
        Chore::Peers(args) => peers::run(args),
        Chore::Fuzz(args) => fuzz::run(args),
        Chore::Targets => targets::run(),
        Chore::Valgrind(args) => valgrind::run(args),
        Chore::Hashes(args) => hashes::run(args),
        Chore::Licences => licences::run(),
        Chore::Architecture => architecture::run(),
    }
}
