//! The query: the longest n-gram that ends in a word, and the price of backing off from longer contexts.

use super::{MAX_ORDER, WordScore};

/// What is remembered between words: as much of the context as may still matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// The last word first.
    words: [u32; MAX_ORDER - 1],
    /// Of the n-grams that end in the last word: one word, two, ….
    backoff: [f32; MAX_ORDER - 1],
    length: usize,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.words[..self.length] == other.words[..other.length]
    }
}

/// log₁₀ of a probability, and of what its use as a context costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Weights {
    pub(super) prob: f32,
    /// −0 where no longer n-gram begins with this one, so that it need not be remembered; +0 is a free context.
    pub(super) backoff: f32,
}

/// A found n-gram.
pub(super) struct Found {
    pub(super) weights: Weights,
    /// Whether no longer n-gram ends in this one.
    pub(super) independent_left: bool,
}

/// Words of the model.
pub(super) trait Words {
    /// The number of a word; 0 is `<unk>`.
    fn word(&self, word: &[u8]) -> u32;
}

/// A structure of n-grams that is walked from the last word backwards.
pub(super) trait Search: Words {
    /// Where the walk stands.
    type Node;

    fn order(&self) -> usize;
    fn unigram(&self, word: u32) -> (Found, Self::Node);
    /// Takes one more word, to an n-gram of `length` words that is not of the longest.
    fn middle(&self, length: usize, word: u32, node: &mut Self::Node) -> Option<Found>;
    /// The log₁₀ probability of one of the longest.
    fn longest(&self, word: u32, node: &Self::Node) -> Option<f32>;

    fn end(&self) -> u32 {
        self.word(b"</s>")
    }

    fn begin(&self) -> State {
        let mut state = State { length: 1, ..State::default() };
        state.words[0] = self.word(b"<s>");
        state.backoff[0] = self.unigram(state.words[0]).0.weights.backoff;
        state
    }

    /// The score of `word` after `state` and the state after it, summed as KenLM does.
    fn score(&self, state: &State, word: u32) -> (WordScore, State) {
        let mut next = State::default();
        let (found, mut node) = self.unigram(word);
        let mut independent_left = found.independent_left;
        let mut log10 = found.weights.prob;
        let mut ngram_length = 1;
        next.words[0] = word;
        next.backoff[0] = found.weights.backoff;
        next.length = usize::from(extends(found.weights.backoff));
        for (i, &earlier) in state.words[..state.length].iter().enumerate() {
            let length = i + 2;
            if independent_left {
                break;
            }
            if length == self.order() {
                if let Some(prob) = self.longest(earlier, &node) {
                    (log10, ngram_length) = (prob, length);
                }
                break;
            }
            let Some(found) = self.middle(length, earlier, &mut node) else { break };
            independent_left = found.independent_left;
            (log10, ngram_length) = (found.weights.prob, length);
            next.backoff[length - 1] = found.weights.backoff;
            if extends(found.weights.backoff) {
                next.length = length;
            }
        }
        if next.length > 1 {
            next.words[1..next.length].copy_from_slice(&state.words[..next.length - 1]);
        }
        for backoff in state.backoff[..state.length].iter().skip(ngram_length - 1) {
            log10 += backoff;
        }
        (WordScore { log10, ngram_length, unknown: word == 0 }, next)
    }
}

fn extends(backoff: f32) -> bool {
    backoff.to_bits() != (-0f32).to_bits()
}
