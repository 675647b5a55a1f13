//! Helpers shared by the world tests.
