//! FlagPerf's operator cases: 52 names, each over FlagPerf's own extents or, where those would take gigabytes or more
//! than a second a call on a processor, over smaller ones.
//!
//! <https://github.com/FlagOpen/FlagPerf>, `operation/benchmarks/*/case_config.yaml`. An entry says which extents were
//! FlagPerf's where they are not the ones measured: speeds compare, times do not.

use super::Case;
use crate::{Bf16Order, Precision};

/// One of the names, and what answers to it here.
pub struct Entry {
    /// FlagPerf's name.
    pub name: &'static str,
    /// FlagPerf's extents, where those of the case are smaller.
    pub larger: Option<&'static [usize]>,
    /// Nothing where there is no such operator yet.
    pub case: Option<Case>,
}

/// All 52 names, in FlagPerf's order.
pub fn suite() -> Vec<Entry> {
    let entry = |&(name, Size { theirs, here }): &(&'static str, Size)| Entry {
        name,
        larger: (theirs != here).then_some(theirs),
        case: sized(name, here),
    };
    CASES.iter().map(entry).collect()
}

/// The case of this name over these extents.
fn sized(name: &str, extents: &[usize]) -> Option<Case> {
    let bf16 = Precision::Bf16(Bf16Order::native());
    Some(match (name, extents) {
        // Weights are packed before, as they are in models.
        ("mm" | "linear" | "addmm", &[m, n, k]) => crate::matmul::bench::product("linear", [m, n, k], bf16),
        ("mv", &[n, k]) => crate::matmul::bench::product("linear, one row", [1, n, k], bf16),
        ("add", &[t, d]) => crate::elementwise::add_case([t, d]),
        ("gelu", &[t, d]) => crate::gelu::bench::forward("gelu", [t, d], crate::Gelu::Erf),
        ("softmax", &[t, d]) => crate::softmax::bench::forward([t, d]),
        ("layer_norm", &[t, d]) => crate::layer_norm::bench::forward([t, d]),
        ("dropout" | "native_dropout", &[t, d]) => crate::dropout::bench::case([t, d]),
        ("cross_entropy_loss", &[t, d]) => crate::cross_entropy::bench::losses([t, d]),
        // `sub` with its operands exchanged.
        ("rsub", _) => return super::tables::sized("sub", extents),
        _ => return super::tables::sized(name, extents),
    })
}

/// Extents of one case.
#[derive(Clone, Copy)]
struct Size {
    theirs: &'static [usize],
    here: &'static [usize],
}

impl Size {
    const fn own(extents: &'static [usize]) -> Self {
        Size { theirs: extents, here: extents }
    }
}

/// 2³⁰ numbers there, 2²⁶ here.
const NUMBERS: Size = Size { theirs: &[1024, 1024, 1024], here: &[65_536, 1024] };
const SQUARE: Size = Size { theirs: &[81_920, 81_920], here: &[8192, 8192] };
const PRODUCT: Size = Size { theirs: &[8192, 8192, 8192], here: &[4096, 4096, 4096] };

const CASES: [(&str, Size); 52] = [
    ("abs", NUMBERS),
    ("add", NUMBERS),
    ("addmm", Size::own(&[4096, 4096, 4096])),
    ("all", NUMBERS),
    ("amax", SQUARE),
    ("argmax", SQUARE),
    ("bitwise_and", NUMBERS),
    ("bitwise_not", NUMBERS),
    ("bitwise_or", NUMBERS),
    ("bmm", Size { theirs: &[2, 4096, 4096, 4096], here: &[2, 2048, 2048, 2048] }),
    ("cos", NUMBERS),
    ("cross_entropy_loss", Size::own(&[1024, 128_000])),
    ("div", NUMBERS),
    ("dropout", NUMBERS),
    ("eq", NUMBERS),
    ("exp", NUMBERS),
    ("ge", NUMBERS),
    ("gelu", NUMBERS),
    ("group_norm", Size::own(&[20, 6, 65_536])),
    ("gt", NUMBERS),
    ("isinf", NUMBERS),
    ("isnan", NUMBERS),
    ("layer_norm", Size::own(&[20, 6 * 1_048_576])),
    ("le", NUMBERS),
    ("linear", PRODUCT),
    ("log_softmax", Size::own(&[1_048_576, 10])),
    ("lt", NUMBERS),
    ("max", NUMBERS),
    ("mean", NUMBERS),
    ("min", NUMBERS),
    ("mm", PRODUCT),
    ("mul", NUMBERS),
    ("mv", Size::own(&[1024, 1024])),
    ("native_dropout", NUMBERS),
    ("native_group_norm", Size::own(&[20, 6, 32_768])),
    ("ne", NUMBERS),
    ("neg", NUMBERS),
    ("outer", Size::own(&[10_240, 10_240])),
    ("pow", NUMBERS),
    ("prod", NUMBERS),
    ("reciprocal", NUMBERS),
    ("relu", NUMBERS),
    ("rsqrt", NUMBERS),
    ("rsub", NUMBERS),
    ("sigmoid", NUMBERS),
    ("silu", NUMBERS),
    ("sin", NUMBERS),
    ("softmax", NUMBERS),
    ("sub", NUMBERS),
    ("sum", NUMBERS),
    ("tanh", NUMBERS),
    ("triu", Size { theirs: &[51_200, 51_200], here: &[8192, 8192] }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_two_names_in_order_and_ours_among_them() {
        assert!(CASES.is_sorted_by_key(|case| case.0));
        let suite = suite();
        let ours = |name: &str| suite.iter().any(|entry| entry.name == name && entry.case.is_some());
        assert!(
            ["mm", "mv", "add", "gelu", "softmax", "layer_norm", "dropout", "exp", "sum", "gt", "bmm"]
                .into_iter()
                .all(ours)
        );
        for entry in &suite {
            let case = entry.case.as_ref().unwrap_or_else(|| panic!("{} is missing", entry.name));
            let (here, theirs) = (case.shape.iter().product::<usize>(), entry.larger.map(|all| all.iter().product()));
            assert!(theirs.is_none_or(|theirs: usize| here < theirs), "{} {:?}", entry.name, case.shape);
            assert!(case.held() <= 2 << 30, "{} takes {} bytes", entry.name, case.held());
        }
    }
}
