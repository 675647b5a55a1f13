//! Parts of a text that were there before.

use super::characters::length;
use rustc_hash::FxHashSet;

/// How many of the parts equal an earlier one, and their characters.
pub(super) fn repeated_characters(parts: &[&str]) -> (usize, usize) {
    repeated(parts).fold((0, 0), |(count, characters), part| (count + 1, characters + length(part)))
}

/// The parts that equal an earlier one.
pub(super) fn repeated<'a>(parts: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let mut seen = FxHashSet::with_capacity_and_hasher(parts.len(), rustc_hash::FxBuildHasher);
    parts.iter().copied().filter(move |part| !seen.insert(*part))
}
