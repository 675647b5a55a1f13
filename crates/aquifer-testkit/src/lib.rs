//! Tolerances, fixtures and tiny checkpoints for tests; knows no other crate of ours.
