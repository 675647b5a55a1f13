//! Part of the documents held out, in contiguous blocks: neighbours are alike, so a random document here and there would
//! be a test that training has half seen.

use aquifer_corpus::Document;
use aquifer_tensor::random::Stream;

/// Divides documents into those to train on and those held out, about `share` of the bytes. The corpus is cut into up to
/// eight stretches, and from each one block is held out, at a place that follows from the seed. With two documents or
/// more neither part is empty.
pub fn hold_out(documents: Vec<Document>, share: f64, seed: u64) -> (Vec<Document>, Vec<Document>) {
    let n = documents.len();
    if n < 2 || share <= 0.0 {
        return (documents, Vec::new());
    }
    let mut ends = Vec::with_capacity(n);
    let total = documents.iter().fold(0_u64, |sum, d| {
        ends.push(sum + d.text.len() as u64);
        sum + d.text.len() as u64
    });
    let stretches = (n / 40).clamp(1, 8) as u64;
    let stream = Stream::new(seed, "hold out", "");
    let mut held = vec![false; n];
    for stretch in 0..stretches {
        let (from, to) = (total * stretch / stretches, total * (stretch + 1) / stretches);
        let wanted = (((to - from) as f64 * share).round() as u64).max(1);
        let start = from + stream.below(0, stretch, (to - from).saturating_sub(wanted).max(1));
        // Whole documents whose middle lies in the block.
        for i in 0..n {
            let middle = ends[i] - documents[i].text.len() as u64 / 2;
            held[i] |= (start..start + wanted).contains(&middle);
        }
    }
    if !held.contains(&true) {
        held[stream.below(1, 0, n as u64) as usize] = true;
    }
    if !held.contains(&false) {
        held[0] = false;
    }
    let mut held = held.into_iter();
    documents.into_iter().partition(|_| !held.next().expect("one for every document"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_twentieth_in_few_blocks() {
        let documents: Vec<_> = (0..1000).map(|i| Document::new(i.to_string(), "x".repeat(50 + i % 13))).collect();
        let (train, held) = hold_out(documents, 0.05, 3);
        assert!((40..=60).contains(&held.len()) && train.len() + held.len() == 1000, "{}", held.len());
        let places: Vec<usize> = held.iter().map(|d| d.id.parse().unwrap()).collect();
        assert!(places.windows(2).filter(|w| w[1] != w[0] + 1).count() < 8);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_neither_part_is_empty(sizes in prop::collection::vec(1_usize..500, 2..100), seed in 0_u64..99) {
            let documents: Vec<_> = sizes.iter().enumerate().map(|(i, &n)| Document::new(i.to_string(), "y".repeat(n))).collect();
            let (train, held) = hold_out(documents, 0.05, seed);
            prop_assert!(!train.is_empty() && !held.is_empty());
            prop_assert_eq!(train.len() + held.len(), sizes.len());
        }
    }
}
