//! Orders along an axis: sorting, the largest few, and choosing by them.
//!
//! All orders are total and stable: equal elements (−0 and +0 are) keep their order, so ties go to the lowest index,
//! and NaN counts as larger than everything, as in PyTorch. Integers are compared exactly.

mod group;
mod multinomial;
mod sort;

#[cfg(test)]
mod tests;

pub use group::{grouped_topk, topk_softmax};
pub use multinomial::multinomial;
pub use sort::{argsort, sort, sort_backward, topk, topk_backward};
