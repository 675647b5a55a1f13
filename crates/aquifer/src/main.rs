//! From raw text to a trained, evaluated and served foundation model: one binary.
fn main() {}
