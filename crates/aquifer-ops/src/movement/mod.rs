//! Elements put elsewhere: copies, joins, look-ups by index, and the scatters that undo them.
//!
//! Every element type is moved bit by bit, from any strides into a fresh contiguous tensor. Views already permute,
//! transpose, expand and narrow without a copy ([`aquifer_tensor::View`]); [`contiguous`] makes the copy. Indices are
//! `u32`.
//!
//! # Order
//! Where several elements meet in one place, they are added in the order of their indices in memory, one after
//! another, in the element type's own arithmetic (`bf16` in `f32`, rounded once at the end): no atomics, the same bits
//! for any number of threads. Where they overwrite each other, the last one stays.

mod create;
mod index;
mod join;
mod scatter;
mod select;
mod shape;

#[cfg(test)]
mod tests;

pub use create::{arange, eye, full, linspace, one_hot, ones, zeros};
pub use index::{
    gather, gather_backward, index, index_backward, index_select, index_select_backward, take, take_backward,
};
pub use join::{cat, cat_backward, chunk, repeat, repeat_backward, repeat_interleave, split, stack};
pub use scatter::{embedding_dense_backward, index_add, index_put, scatter, scatter_add};
pub use select::{masked_select, masked_select_backward, nonzero, unique};
pub use shape::{
    contiguous, copy, diag, diag_backward, expand, expand_backward, flip, pad, pad_backward, permute, reshape, roll,
    slice, slice_backward, to_copy, transpose, tril, triu,
};
