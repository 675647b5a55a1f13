//! The n-gram model against its definition, worked out naively, and as a probability.

use aquifer_text::NgramModel;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The definition, with n-grams as lists and every count taken afresh.
struct Naive {
    adjusted: Vec<BTreeMap<Vec<u32>, f64>>,
    discounts: Vec<[f64; 3]>,
    vocab_size: usize,
    start: u32,
}

impl Naive {
    fn train(sequences: &[Vec<u32>], vocab_size: usize, order: usize) -> Self {
        let start = vocab_size as u32;
        let padded: Vec<Vec<u32>> = sequences.iter().map(|s| [&[start], s.as_slice()].concat()).collect();
        let mut adjusted = Vec::new();
        for n in 1..=order {
            let mut counts: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
            let mut befores: BTreeMap<Vec<u32>, BTreeSet<u32>> = BTreeMap::new();
            for sequence in &padded {
                for (at, gram) in sequence.windows(n).enumerate() {
                    *counts.entry(gram.to_vec()).or_default() += 1.0;
                    if at > 0 {
                        befores.entry(gram.to_vec()).or_default().insert(sequence[at - 1]);
                    }
                }
            }
            if n < order {
                for (gram, count) in &mut counts {
                    if gram[0] != start {
                        *count = befores[gram].len() as f64;
                    }
                }
            }
            if n == 1 {
                counts.remove(&vec![start]);
            }
            adjusted.push(counts);
        }
        let discounts = adjusted.iter().map(|counts| {
            let n = |c: f64| counts.values().filter(|&&x| x == c).count() as f64;
            let y = n(1.0) / (n(1.0) + 2.0 * n(2.0));
            let d = [1.0, 2.0, 3.0].map(|c| c - (c + 1.0) * y * n(c + 1.0) / n(c));
            if d.iter().zip([1.0, 2.0, 3.0]).all(|(&d, k)| d > 0.0 && d < k) { d } else { [0.5, 1.0, 1.5] }
        });
        Naive { discounts: discounts.collect(), adjusted, vocab_size, start }
    }

    fn prob(&self, context: &[u32], token: u32) -> f64 {
        let context = [&[self.start], context].concat();
        let mut p = 1.0 / self.vocab_size as f64;
        for k in 0..self.adjusted.len().min(context.len() + 1) {
            let tail = &context[context.len() - k..];
            let after: Vec<(&Vec<u32>, f64)> =
                self.adjusted[k].iter().filter(|(gram, _)| gram[..k] == *tail).map(|(gram, &c)| (gram, c)).collect();
            let total: f64 = after.iter().map(|(_, c)| c).sum();
            if total > 0.0 {
                let discount = |c: f64| self.discounts[k][(c as usize).min(3) - 1];
                let kept: f64 = after.iter().map(|(_, c)| discount(*c)).sum();
                let found = after.iter().find(|(gram, _)| gram[k] == token).map_or(0.0, |(_, c)| c - discount(*c));
                p = (found + kept * p) / total;
            }
        }
        p
    }
}

fn sequences() -> impl Strategy<Value = Vec<Vec<u32>>> {
    proptest::collection::vec(proptest::collection::vec(0_u32..6, 0..30), 1..8)
}

proptest! {
    #[test]
    fn is_its_definition(sequences in sequences(), context in proptest::collection::vec(0_u32..7, 0..7), order in 1_usize..6) {
        let model = NgramModel::train(sequences.iter().map(Vec::as_slice), 7, order);
        let naive = Naive::train(&sequences, 7, order);
        let mut sum = 0.0;
        for token in 0..7 {
            let (p, expected) = (model.prob(&context, token), naive.prob(&context, token));
            prop_assert!((p - expected).abs() < 1e-12, "{p} is not {expected}");
            prop_assert!(p > 0.0);
            sum += p;
        }
        prop_assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}

#[test]
fn log_probabilities_add_up() {
    let model = NgramModel::train([[1, 2, 3, 1, 2, 3, 1, 2].as_slice(), &[2, 3, 1]], 5, 3);
    let whole = model.log_prob(&[], &[1, 2, 3, 4]);
    assert!((whole - model.log_prob(&[], &[1, 2]) - model.log_prob(&[1, 2], &[3, 4])).abs() < 1e-12);
    assert!((model.bits(&[1, 2, 3, 4]) + whole / 2_f64.ln()).abs() < 1e-12);
    let bpb = model.bits_per_byte([([1_u32, 2, 3, 4].as_slice(), 8)]);
    assert!((bpb - model.bits(&[1, 2, 3, 4]) / 8.0).abs() < 1e-12);
}

#[test]
fn an_untrained_model_is_uniform() {
    let model = NgramModel::train([], 10, 5);
    assert!(model.is_empty());
    assert_eq!(model.prob(&[1, 2], 3), 0.1);
}
