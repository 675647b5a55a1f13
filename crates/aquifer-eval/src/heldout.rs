//! Bits per byte over held-out documents.
//!
//! Every token of a document but the first (the mark that begins a text) is predicted once, the mark that ends it
//! included. A document longer than the model's context is read in windows that overlap by half: the first predicts
//! all it can, each later one only its second half, so that no token is predicted from less than half a context
//! unless it stands at the beginning. Documents that carry a loss mask (dialogues) are left to the question tasks.

use crate::likelihood::score_all;
use crate::{EvalError, LogLikelihood, Request};
use aquifer_corpus::TokenShards;
use aquifer_metrics::bits_per_byte;
use aquifer_record::{Bar, Stop};
use aquifer_text::NgramModel;

/// The cost of held-out text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeldoutScore {
    /// Σ −ln p.
    pub nats: f64,
    /// Tokens predicted.
    pub tokens: u64,
    /// UTF-8 bytes of the texts.
    pub bytes: u64,
    /// Documents.
    pub documents: u64,
    /// Tokens there were to take, before any limit.
    pub tokens_in_all: u64,
}

impl HeldoutScore {
    /// Bits a byte.
    pub fn bits_per_byte(&self) -> f64 {
        bits_per_byte(self.nats, self.bytes)
    }
}

/// Held-out documents: tokens, and bytes of the text they came from.
#[derive(Clone, Debug, Default)]
pub struct Heldout {
    documents: Vec<(Vec<u32>, u64)>,
    tokens_in_all: u64,
}

impl Heldout {
    /// Takes documents, at most `max_tokens` tokens of them; later ones are left out whole.
    pub fn new(documents: impl IntoIterator<Item = (Vec<u32>, u64)>, max_tokens: u64) -> Self {
        let (mut left, mut in_all) = (Some(max_tokens), 0);
        let mut taken = Vec::new();
        for (tokens, bytes) in documents {
            if tokens.len() < 2 {
                continue;
            }
            in_all += predicted(&tokens);
            left = left.and_then(|left| left.checked_sub(tokens.len() as u64));
            if left.is_some() {
                taken.push((tokens, bytes));
            }
        }
        Heldout { documents: taken, tokens_in_all: in_all }
    }

    /// The documents of token shards that carry no loss mask.
    pub fn from_shards(shards: &TokenShards, max_tokens: u64) -> Self {
        let plain = (0..shards.len()).filter(|&i| shards.doc_mask(i).is_none_or(|mask| mask.iter().all(|&on| on)));
        Self::new(plain.map(|i| (shards.doc(i).to_vec(), shards.doc_bytes(i))), max_tokens)
    }

    /// Documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is nothing to score.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// What the documents cost under `scorer`. `bar` advances by windows.
    ///
    /// # Errors
    /// The scorer's, and [`EvalError::Stopped`].
    pub fn score(&self, scorer: &dyn LogLikelihood, bar: &dyn Bar, stop: &Stop) -> Result<HeldoutScore, EvalError> {
        let requests = self.windows(scorer.context_len());
        let scores = score_all(scorer, &requests, bar, stop)?;
        Ok(HeldoutScore {
            nats: -scores.iter().sum::<f64>(),
            tokens: requests.iter().map(|r| r.continuation.len() as u64).sum(),
            bytes: self.documents.iter().map(|(_, bytes)| bytes).sum(),
            documents: self.documents.len() as u64,
            tokens_in_all: self.tokens_in_all,
        })
    }

    /// Windows a scorer of this context would be asked, for progress.
    pub fn n_windows(&self, context_len: Option<usize>) -> u64 {
        self.windows(context_len).len() as u64
    }

    fn windows(&self, context_len: Option<usize>) -> Vec<Request> {
        let context = context_len.unwrap_or(usize::MAX - 1).max(1);
        let stride = (context / 2).max(1);
        let mut requests = Vec::new();
        for (tokens, _) in &self.documents {
            let (mut begin, mut scored) = (0, 1);
            while scored < tokens.len() {
                let end = tokens.len().min(begin + context + 1);
                requests.push(Request {
                    context: tokens[begin..scored].to_vec(),
                    continuation: tokens[scored..end].to_vec(),
                });
                scored = end;
                begin = (end + stride).saturating_sub(context + 1).max(begin + 1);
            }
        }
        requests
    }
}

/// Tokens of a document that are predicted: all but the first.
fn predicted(tokens: &[u32]) -> u64 {
    tokens.len().saturating_sub(1) as u64
}

/// The n-gram baseline: a model of the training documents, at most `max_tokens` tokens of them.
pub fn ngram_from_shards(shards: &TokenShards, order: usize, max_tokens: u64) -> NgramModel {
    let mut left = max_tokens;
    let documents: Vec<Vec<u32>> = (0..shards.len())
        .map(|i| shards.doc(i).to_vec())
        .take_while(|tokens| {
            let fits = tokens.len() as u64 <= left;
            left = left.saturating_sub(tokens.len() as u64);
            fits
        })
        .collect();
    NgramModel::train(documents.iter().map(Vec::as_slice), shards.meta().vocab_size, order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_token_is_predicted_once_from_enough(len in 2_usize..200, context in 1_usize..50) {
            let heldout = Heldout::new([((0..len as u32).collect(), 1)], u64::MAX);
            let windows = heldout.windows(Some(context));
            let scored: Vec<u32> = windows.iter().flat_map(|w| w.continuation.clone()).collect();
            prop_assert_eq!(scored, (1..len as u32).collect::<Vec<_>>());
            for (i, w) in windows.iter().enumerate() {
                prop_assert!(w.context.len() + w.continuation.len() <= context + 1);
                prop_assert!(!w.context.is_empty());
                prop_assert_eq!(*w.context.last().unwrap() + 1, w.continuation[0]);
                prop_assert!(i == 0 || w.context.len() >= context / 2);
            }
        }
    }

    #[test]
    fn a_limit_leaves_documents_whole() {
        let documents = [(vec![1; 5], 5), (vec![1; 5], 5), (vec![1; 1], 1)];
        let cut = Heldout::new(documents.clone(), 9);
        assert_eq!((cut.len(), cut.tokens_in_all), (1, 8));
        assert_eq!(Heldout::new(documents, 100).len(), 2);
    }
}
