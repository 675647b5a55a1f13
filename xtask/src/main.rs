//! Chores of the workspace, in Rust so that nothing needs installing first.
fn main() {}
