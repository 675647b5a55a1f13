//! FlagPerf's operator cases: 52 names, each over sizes that do not fit any cache.
//!
//! <https://github.com/FlagOpen/FlagPerf>, `operation/benchmarks`. Its own sizes are those of accelerators: products of
//! 8192³ and element-wise operators over 2³⁰ numbers. Here products are 2048³ and tensors have 2²⁴ numbers, and every
//! record says so; speeds compare, times do not.

use super::Case;
use crate::{Bf16Order, Precision};

/// One of the names, and what answers to it here.
pub struct Entry {
    /// FlagPerf's name.
    pub name: &'static str,
    /// Nothing where there is no such operator yet.
    pub case: Option<Case>,
}

/// All 52 names, in FlagPerf's order.
pub fn suite() -> Vec<Entry> {
    NAMES.into_iter().map(|name| Entry { name, case: sized(name) }).collect()
}

/// The case of this name over FlagPerf's size, shrunk.
fn sized(name: &str) -> Option<Case> {
    const SQUARE: [usize; 3] = [2048, 2048, 2048];
    const ROWS: [usize; 2] = [2048, 8192];
    let bf16 = Precision::Bf16(Bf16Order::native());
    Some(match name {
        // Weights are packed before, as they are in models.
        "mm" | "linear" | "addmm" => crate::matmul::bench::product("linear", SQUARE, bf16),
        "mv" => crate::matmul::bench::product("linear, one row", [1, 8192, 8192], bf16),
        "add" => crate::elementwise::add_case(ROWS),
        "gelu" => crate::gelu::bench::forward("gelu", ROWS, crate::Gelu::Erf),
        "softmax" => crate::softmax::bench::forward(ROWS),
        "layer_norm" => crate::layer_norm::bench::forward(ROWS),
        "dropout" | "native_dropout" => crate::dropout::bench::case(ROWS),
        "cross_entropy_loss" => crate::cross_entropy::bench::losses(2048),
        _ => return super::tables::sized(name, ROWS),
    })
}

const NAMES: [&str; 52] = [
    "abs",
    "add",
    "addmm",
    "all",
    "amax",
    "argmax",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bmm",
    "cos",
    "cross_entropy_loss",
    "div",
    "dropout",
    "eq",
    "exp",
    "ge",
    "gelu",
    "group_norm",
    "gt",
    "isinf",
    "isnan",
    "layer_norm",
    "le",
    "linear",
    "log_softmax",
    "lt",
    "max",
    "mean",
    "min",
    "mm",
    "mul",
    "mv",
    "native_dropout",
    "native_group_norm",
    "ne",
    "neg",
    "outer",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "rsqrt",
    "rsub",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "sub",
    "sum",
    "tanh",
    "triu",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_two_names_in_order_and_ours_among_them() {
        assert!(NAMES.is_sorted());
        let suite = suite();
        let ours = |name: &str| suite.iter().any(|entry| entry.name == name && entry.case.is_some());
        assert!(
            ["mm", "mv", "add", "gelu", "softmax", "layer_norm", "dropout", "exp", "sum", "gt", "bmm"]
                .into_iter()
                .all(ours)
        );
        for case in suite.iter().filter_map(|entry| entry.case.as_ref()) {
            assert!(case.read + case.written > 32 << 20, "{} {:?} fits a cache", case.name, case.shape);
        }
    }
}
