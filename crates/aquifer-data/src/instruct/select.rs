//! A part of a set that is worth as much: good examples that differ, or that have many and new tags.

use super::vectors::Vectors;
use crate::parallel;
use std::collections::BTreeSet;

/// `n` texts that lie as far from one another as can be: from the best (the first where nothing says which), always the one
/// farthest from all that were taken. No text is then farther from a taken one than twice what is possible (Gonzalez,
/// "Clustering to minimize the maximum intercluster distance", 1985).
///
/// Given are positions in the order taken. `quality` has one number a text.
pub fn spread(vectors: &Vectors, n: usize, quality: Option<&[f64]>) -> Vec<usize> {
    let total = vectors.len();
    let mut nearest = vec![f32::NEG_INFINITY; total];
    let mut taken: Vec<usize> = Vec::new();
    let mut next = quality.map_or(0, |quality| best_first(quality).first().copied().unwrap_or(0));
    while taken.len() < n.min(total) {
        taken.push(next);
        nearest[next] = f32::INFINITY;
        let near = parallel::map(total, |i| vectors.nearness(i, next));
        let mut farthest = next;
        for (i, near) in near.into_iter().enumerate() {
            nearest[i] = nearest[i].max(near);
            if nearest[i] < nearest[farthest] {
                farthest = i;
            }
        }
        next = farthest;
    }
    taken
}

/// Up to `n` texts from the best down, leaving out what is nearer than `limit` to one that was taken (Liu et al., "What makes
/// good data for alignment?", 2023, section 3.4).
pub fn ranked(vectors: &Vectors, n: usize, quality: &[f64], limit: f32) -> Vec<usize> {
    let mut taken: Vec<usize> = Vec::new();
    for at in best_first(quality) {
        if taken.len() >= n {
            break;
        }
        if taken.iter().all(|&other| vectors.nearness(at, other) < limit) {
            taken.push(at);
        }
    }
    taken
}

/// Up to `n` examples by their tags: from those with the most tags down, each that has a tag not yet seen; then again with
/// no tag seen, among those left (Lu et al., "#InsTag", 2023, algorithm 1).
pub fn by_tags(tags: &[BTreeSet<String>], n: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..tags.len()).filter(|&at| !tags[at].is_empty()).collect();
    left.sort_by_key(|&at| std::cmp::Reverse(tags[at].len()));
    let mut taken = Vec::new();
    while taken.len() < n && !left.is_empty() {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        left.retain(|&at| {
            let new = taken.len() < n && tags[at].iter().any(|tag| !seen.contains(tag.as_str()));
            if new {
                seen.extend(tags[at].iter().map(String::as_str));
                taken.push(at);
            }
            !new
        });
    }
    taken
}

/// From the highest down; equal ones, and those without a number, in their order.
fn best_first(quality: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..quality.len()).collect();
    let key = |at: usize| if quality[at].is_nan() { f64::NEG_INFINITY } else { quality[at] };
    order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vectors {
        let topics =
            ["boil pasta in salt water", "prove the theorem by induction", "paint the fence green", "烤一只鸭子要多久"];
        let text = |i: usize| format!("{} {}", topics[i / 25], ["please", "now", "kindly", "twice", "again"][i % 5]);
        Vectors::of(&(0..100).map(text).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_taken_lies_apart() {
        let vectors = texts();
        let mut topics: Vec<usize> = spread(&vectors, 4, None).iter().map(|at| at / 25).collect();
        assert_eq!(topics[0], 0);
        topics.sort_unstable();
        assert_eq!(topics, [0, 1, 2, 3]);
        let all = spread(&vectors, 1000, None);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 100);
        assert!((vectors.nearness(0, 0) - 1.0).abs() < 1e-5 && vectors.nearness(0, 30).abs() < 0.5);
        assert!(spread(&Vectors::of(&[]), 3, None).is_empty());
    }

    #[test]
    fn the_best_come_first_and_near_ones_go() {
        let vectors = texts();
        let quality: Vec<f64> = (0..100).map(|i| if i == 7 { f64::NAN } else { f64::from(i % 25) }).collect();
        assert_eq!(spread(&vectors, 1, Some(&quality)), [24]);
        let taken = ranked(&vectors, 100, &quality, 0.7);
        assert_eq!(taken[..4], [24, 49, 74, 99]);
        assert!(taken.len() < 25, "{taken:?}");
        assert_eq!(ranked(&vectors, 100, &quality, 2.0).len(), 100);
    }

    #[test]
    fn tags_are_gathered_from_the_richest_down() {
        let set = |tags: &str| tags.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let tags = ["a b", "a", "a b c", "d", "", "c d"].map(set);
        assert_eq!(by_tags(&tags, 2), [2, 5]);
        assert_eq!(by_tags(&tags, 10), [2, 5, 0, 3, 1]);
    }
}
