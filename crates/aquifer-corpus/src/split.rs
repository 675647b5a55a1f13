//! Which documents are held out: contiguous blocks, for neighbours are alike, so that a random document here and there
//! would be a test that training has half seen.

use aquifer_tensor::random::Stream;

/// Chooses about `share` of the bytes of documents of these `sizes`: whether each is held out. The corpus is cut into
/// up to eight stretches, and from each one block is taken, at a place that follows from the seed. With two documents
/// or more neither part is empty.
pub fn held_out_blocks(sizes: &[u64], share: f64, seed: u64) -> Vec<bool> {
    let n = sizes.len();
    let mut held = vec![false; n];
    if n < 2 || share <= 0.0 {
        return held;
    }
    let mut total = 0;
    let ends: Vec<u64> = sizes
        .iter()
        .map(|size| {
            total += size;
            total
        })
        .collect();
    let stretches = (n / 40).clamp(1, 8) as u64;
    let stream = Stream::new(seed, "hold out", "");
    for stretch in 0..stretches {
        let (from, to) = (total * stretch / stretches, total * (stretch + 1) / stretches);
        let wanted = (((to - from) as f64 * share).round() as u64).max(1);
        let start = from + stream.below(0, stretch, (to - from).saturating_sub(wanted).max(1));
        // Whole documents whose middle lies in the block.
        for i in 0..n {
            held[i] |= (start..start + wanted).contains(&(ends[i] - sizes[i] / 2));
        }
    }
    if !held.contains(&true) {
        held[stream.below(1, 0, n as u64) as usize] = true;
    }
    if !held.contains(&false) {
        held[0] = false;
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_twentieth_in_few_blocks() {
        let sizes: Vec<u64> = (0..1000).map(|i| 50 + i % 13).collect();
        let held = held_out_blocks(&sizes, 0.05, 3);
        let n = held.iter().filter(|held| **held).count();
        assert!((40..=60).contains(&n), "{n}");
        assert!(held.windows(2).filter(|pair| !pair[0] && pair[1]).count() <= 8);
        assert!(!held_out_blocks(&sizes, 0.0, 3).contains(&true) && !held_out_blocks(&[9], 0.5, 3).contains(&true));
    }

    proptest! {
        #[test]
        fn neither_part_is_empty(sizes in prop::collection::vec(1_u64..500, 2..100), share in 0.001..0.9, seed in 0_u64..99) {
            let held = held_out_blocks(&sizes, share, seed);
            prop_assert!(held.contains(&true) && held.contains(&false) && held.len() == sizes.len());
        }
    }
}
