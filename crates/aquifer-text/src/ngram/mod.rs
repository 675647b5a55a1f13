//! N-gram language models over token ids: interpolated modified Kneser–Ney.
//!
//! Chen & Goodman, "An empirical study of smoothing techniques for language modeling", TR-10-98, 1998, section 3.3.
//! The longest n-grams are counted as they occur, shorter ones by how many different tokens precede them; n-grams at
//! the beginning of a sequence, which nothing precedes, as they occur (as KenLM does). The unigram level is
//! interpolated with the uniform distribution, so every id of the vocabulary has a probability.

mod counts;

use aquifer_metrics::bits_per_byte;
use aquifer_metrics::numbers::{ln, log2};
use counts::{Level, Node, Trie};

/// A trained model: the baseline a neural model has to beat.
///
/// ```
/// use aquifer_text::NgramModel;
/// let model = NgramModel::train([[0, 1, 2, 3].as_slice(), &[0, 1, 2, 4]], 8, 3);
/// let seen = model.log_prob(&[0, 1], &[2]);
/// assert!(seen > model.log_prob(&[0, 1], &[3]));
/// ```
pub struct NgramModel {
    trie: Trie,
    discounts: Vec<[f64; 3]>,
    vocab_size: usize,
}

/// How likely the next token is: the contexts of each length that end here, longest last.
#[derive(Clone, Debug)]
struct State {
    /// `contexts[k]` is the node of the last k tokens; the list ends where nothing longer was seen.
    contexts: Vec<Node>,
}

impl NgramModel {
    /// Counts n-grams up to `order` tokens in `sequences`; a sequence is a document, and no n-gram crosses two.
    ///
    /// Time and memory grow with the number of different n-grams: about 100 bytes and a microsecond for each token
    /// and model of order 5.
    ///
    /// # Panics
    /// If `order` is zero, or an id is not below `vocab_size`.
    pub fn train<'a>(sequences: impl IntoIterator<Item = &'a [u32]>, vocab_size: usize, order: usize) -> Self {
        assert!(order > 0, "an n-gram has at least one token");
        let trie = Trie::count(sequences, vocab_size as u32, order);
        let discounts = trie.levels.iter().map(Level::discounts).collect();
        NgramModel { trie, discounts, vocab_size }
    }

    /// Longest n-gram.
    pub fn order(&self) -> usize {
        self.trie.levels.len()
    }

    /// Different n-grams of all lengths.
    pub fn len(&self) -> usize {
        self.trie.levels.iter().map(|level| level.count.len()).sum()
    }

    /// Whether no n-gram was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Σ ln p of `continuation` after `context`, which begins a sequence.
    pub fn log_prob(&self, context: &[u32], continuation: &[u32]) -> f64 {
        let mut state = self.start();
        for &token in context {
            self.advance(&mut state, token);
        }
        self.sum(&mut state, continuation, ln)
    }

    /// −Σ log₂ p of a whole sequence.
    pub fn bits(&self, sequence: &[u32]) -> f64 {
        -self.sum(&mut self.start(), sequence, log2)
    }

    /// What held-out text costs: `documents` are token sequences with their text's length in bytes.
    pub fn bits_per_byte<'a>(&self, documents: impl IntoIterator<Item = (&'a [u32], u64)>) -> f64 {
        let (mut nats, mut bytes) = (0.0, 0);
        for (tokens, n_bytes) in documents {
            nats -= self.log_prob(&[], tokens);
            bytes += n_bytes;
        }
        bits_per_byte(nats, bytes)
    }

    /// The probability of `token` after `context`, which begins a sequence.
    pub fn prob(&self, context: &[u32], token: u32) -> f64 {
        let mut state = self.start();
        for &earlier in context {
            self.advance(&mut state, earlier);
        }
        self.prob_in(&state, token)
    }

    fn sum(&self, state: &mut State, tokens: &[u32], log: fn(f64) -> f64) -> f64 {
        let mut sum = 0.0;
        for &token in tokens {
            sum += log(self.prob_in(state, token));
            self.advance(state, token);
        }
        sum
    }

    fn start(&self) -> State {
        let mut contexts = vec![Node::ROOT];
        if self.order() > 1 {
            contexts.extend(self.trie.child(0, Node::ROOT, self.trie.start));
        }
        State { contexts }
    }

    /// From the uniform distribution up, each longer context weighs in with what it saw.
    fn prob_in(&self, state: &State, token: u32) -> f64 {
        let mut p = 1.0 / self.vocab_size.max(1) as f64;
        for (k, &context) in state.contexts.iter().enumerate() {
            let sums = self.trie.sums(k, context);
            if sums.total == 0 {
                continue;
            }
            let discounts = &self.discounts[k];
            let kept: f64 = sums.seen.iter().zip(discounts).map(|(&n, d)| f64::from(n) * d).sum();
            let count = self.trie.child(k, context, token).map_or(0, |child| self.trie.levels[k].adjusted(child));
            let discounted = match count {
                0 => 0.0,
                n => n as f64 - discounts[n.min(3) as usize - 1],
            };
            p = (discounted + kept * p) / sums.total as f64;
        }
        p
    }

    fn advance(&self, state: &mut State, token: u32) {
        let longest = self.order() - 1;
        let mut next = vec![Node::ROOT];
        for (k, &context) in state.contexts.iter().enumerate().take(longest) {
            match self.trie.child(k, context, token) {
                Some(child) => next.push(child),
                None => break,
            }
        }
        state.contexts = next;
    }
}
